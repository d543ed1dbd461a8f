"""The packages stand at the root, are reached through one name, and know only who they may know."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import execbridge

from .sources import FACE, PACKAGES, ROOT, product


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_a_link_to_the_folder_at_the_root(package: str) -> None:
    link = FACE / package
    assert link.is_symlink()
    assert link.readlink() == Path("..") / ".." / package
    assert link.resolve() == ROOT / package


def test_nothing_else_stands_beside_the_links() -> None:
    beside = {path.name for path in FACE.iterdir()} - set(PACKAGES) - {"__pycache__"}
    assert beside <= {"__init__.py", "__main__.py", "py.typed"}


def test_no_file_is_loaded_under_two_names() -> None:
    for module in pkgutil.walk_packages(execbridge.__path__, "execbridge."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    names = defaultdict(list)
    for name, loaded in list(sys.modules.items()):
        file = Path(getattr(loaded, "__file__", None) or "/").resolve()
        if file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in {*PACKAGES, "src", "tests"}:
            names[file].append(name)
    assert [both for both in names.values() if len(both) > 1] == []


def test_a_package_imports_its_own_relatively() -> None:
    absolute = []
    for source in product():
        for node in source.nodes():
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported = [node.module or ""]
            else:
                continue
            if {name.partition(".")[0] for name in imported} & {*PACKAGES, "execbridge"}:
                absolute.append(source.at(node))
    assert absolute == []


def test_the_front_of_a_package_only_passes_names_on() -> None:
    busy = []
    for source in product(*PACKAGES):
        if source.path.name != "__init__.py":
            continue
        for node in source.tree.body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_listing = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            if not (is_docstring or is_listing or isinstance(node, ast.Import | ast.ImportFrom)):
                busy.append(source.at(node))
    assert busy == []


def test_the_contracts_on_imports_hold() -> None:
    checker = Path(sys.executable).with_name("lint-imports")
    if not checker.exists():
        pytest.skip("import-linter is not installed beside this interpreter")
    verdict = subprocess.run([checker, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout
