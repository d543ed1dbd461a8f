"""Judge an installed wheel: the package imports whole, under one name only, with its migrations inside."""

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import zipfile
from pathlib import Path

PACKAGES = ("domain", "ports", "adapters", "application", "migrations")
# These import what only an extra brings.
OPTIONAL = ("exchange_calendars", "jinja2", "matplotlib", "pandas", "polars")


def main(wheel: Path) -> str | None:
    """Return what is wrong with *wheel* and its installation, None if nothing is."""
    execbridge = importlib.import_module("execbridge")
    if "site-packages" not in str(execbridge.__file__):
        return f"execbridge was imported from {execbridge.__file__}, not from the wheel"
    if execbridge.__version__ != importlib.metadata.version("execbridge"):
        return "the version of the package is not the version of the wheel"
    bare = [name for name in PACKAGES if importlib.util.find_spec(name) is not None]
    if bare:
        return f"the wheel installs bare packages: {', '.join(bare)}"
    for module in pkgutil.walk_packages(execbridge.__path__, "execbridge."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
    names = zipfile.ZipFile(wheel).namelist()
    root = Path(__file__).parent.parent
    wanted = {f"execbridge/migrations/{path.name}" for path in root.glob("migrations/*.sql")} | {"execbridge/py.typed"}
    if not wanted <= set(names):
        return f"the wheel lacks {', '.join(sorted(wanted - set(names)))}"
    stray = [name for name in names if not name.startswith(("execbridge/", "execbridge-"))]
    return f"the wheel holds strangers: {', '.join(stray)}" if stray else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
