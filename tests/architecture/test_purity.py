"""The domain needs nothing but its arguments."""

import ast

import pytest

from .sources import is_public, product

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint"}
IMPURE_MODULES = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "time",
}
CLOCK_READINGS = {"now", "utcnow", "today", "uuid1", "uuid4"}


def test_the_domain_opens_prints_and_asks_nothing() -> None:
    calls = [
        source.at(node)
        for source in product("domain")
        for node in source.nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS
    ]
    assert calls == []


def test_the_domain_reads_no_clock_and_throws_no_dice() -> None:
    readings = [
        source.at(node)
        for source in product("domain")
        for node in source.nodes()
        if isinstance(node, ast.Attribute)
        and (node.attr in CLOCK_READINGS or ast.unparse(node) in {"np.random", "numpy.random"})
    ]
    assert readings == []


def test_the_domain_imports_nothing_that_touches_the_world() -> None:
    imports = []
    for source in product("domain"):
        for node in source.nodes():
            if isinstance(node, ast.Import):
                imported = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                imported = {node.module.partition(".")[0]}
            else:
                continue
            if imported & IMPURE_MODULES:
                imports.append(source.at(node))
    assert imports == []


def test_the_domain_waits_for_nothing() -> None:
    waits = [
        source.at(node)
        for source in product("domain")
        for node in source.nodes()
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert waits == []


@pytest.mark.parametrize("package", ["domain", "ports"])
def test_no_public_signature_says_any(package: str) -> None:
    vague = []
    for source in product(package):
        for node in filter(is_public, source.functions()):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            annotations = [item.annotation for item in arguments if item is not None] + [node.returns]
            names = {ast.unparse(part) for item in annotations if item is not None for part in ast.walk(item)}
            if names & {"Any", "typing.Any", "t.Any"}:
                vague.append(f"{source.at(node)} {node.name}")
    assert vague == []
