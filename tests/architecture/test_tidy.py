"""A newcomer reads one file a day: nothing is too long, nothing is nameless, nothing unexplained."""

import ast
import re

from .sources import Function, Source, decorators, is_public, lines, product

MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40
PUBLIC_METHODS_MAX = 7

NAMES_THAT_SAY_NOTHING = {"utils.py", "util.py", "helpers.py", "types.py", "common.py", "misc.py"}


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {source.name: len(source.text.splitlines()) for source in product()}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    lengths = {f"{source.at(node)} {node.name}": length(node) for source in product() for node in source.functions()}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


def test_no_class_has_more_than_seven_public_methods() -> None:
    counts = {f"{source.at(node)} {node.name}": methods(node) for source in product() for node in source.classes()}
    assert {name: count for name, count in counts.items() if count > PUBLIC_METHODS_MAX} == {}


def test_modules_are_named_after_what_they_hold() -> None:
    assert [source.name for source in product() if source.path.name in NAMES_THAT_SAY_NOTHING] == []


def test_whatever_is_public_says_what_it_promises() -> None:
    silent = [place for source in product() for place in undocumented(source)]
    assert silent == []


def test_what_is_left_to_do_has_the_number_of_an_issue() -> None:
    words = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b(?!\W{0,3}#\d+)")
    code = lines(".py", ".sql", "Makefile", ".ci/run", ".ci/wheel")
    assert [place for place, line in code if words.search(line)] == []


def length(node: Function) -> int:
    """Return the number of lines of the body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return node.end_lineno - body[0].lineno + 1 if body and node.end_lineno is not None else 0


def methods(node: ast.ClassDef) -> int:
    """Return the number of public methods; a property is read like a field and is not one."""
    functions = [item for item in node.body if isinstance(item, Function) and is_public(item)]
    return len({item.name for item in functions if not decorators(item) & {"property", "cached_property", "setter"}})


def undocumented(source: Source) -> list[str]:
    """Return the public classes and functions without a docstring, nested functions left out."""
    silent = [] if ast.get_docstring(source.tree) else [source.name]
    owners: list[ast.Module | ast.ClassDef] = [source.tree]
    owners += [node for node in source.classes() if is_public(node)]
    for owner in owners:
        for node in owner.body:
            if not isinstance(node, Function | ast.ClassDef) or not is_public(node):
                continue
            is_repeated = decorators(node) & {"overload", "setter"} or node.name in promised(owner)
            if not is_repeated and ast.get_docstring(node) is None:
                silent.append(f"{source.at(node)} {node.name}")
    return silent


def promised(owner: ast.Module | ast.ClassDef) -> set[str]:
    """Return the names of the methods that the ports, of which *owner* is an adapter, have documented already."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in owner.bases} if isinstance(owner, ast.ClassDef) else set()
    ports = [node for source in product("ports") for node in source.classes() if node.name in bases]
    return {item.name for port in ports for item in port.body if isinstance(item, Function)}
