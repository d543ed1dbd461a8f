"""The files of this repository, read once."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
FACE = ROOT / "src" / "execbridge"
PACKAGES = ("domain", "ports", "adapters", "application", "migrations")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Source:
    """One module of the product."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Return its path from the root, as a person says it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        """Return the root package it belongs to, or the name of the public face."""
        return self.path.relative_to(ROOT).parts[0].replace("src", "execbridge")

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Return where *node* stands."""
        return f"{self.name}:{node.lineno}"

    def nodes(self) -> Iterator[ast.AST]:
        """Return every node of the tree."""
        return ast.walk(self.tree)

    def classes(self) -> list[ast.ClassDef]:
        """Return every class."""
        return [node for node in self.nodes() if isinstance(node, ast.ClassDef)]

    def functions(self) -> list[Function]:
        """Return every function and method."""
        return [node for node in self.nodes() if isinstance(node, Function)]


@cache
def product(*packages: str) -> tuple[Source, ...]:
    """Return the modules of *packages*, of all and of the public face if none is named."""
    folders = [ROOT / package for package in packages or PACKAGES]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    if not packages:
        paths += sorted(FACE.glob("*.py"))
    texts = [(path, path.read_text("utf-8")) for path in paths]
    return tuple(Source(path, text, ast.parse(text)) for path, text in texts)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that git keeps, or would keep if they were added now."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def lines(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Return where and what each line of the tracked text files is, of those that end in *suffixes* if any is named."""
    for path in tracked():
        if suffixes and not path.as_posix().endswith(suffixes):
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT).as_posix()}:{number}", line


def is_public(node: Function | ast.ClassDef) -> bool:
    """Return whether others may use *node*."""
    return not node.name.startswith("_")


def decorators(node: Function | ast.ClassDef) -> set[str]:
    """Return the last names of what decorates *node*."""
    called = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
    return {ast.unparse(item).rpartition(".")[2] for item in called}
