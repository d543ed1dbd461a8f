"""Help teaches, and answers at once."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from execbridge import __version__
from execbridge.adapters.cli import main
from execbridge.adapters.cli.program import COMMANDS

from .conftest import Typed, refused

HEAVY = (
    "numpy",
    "pyarrow",
    "psycopg",
    "yoyo",
    "cattrs",
    "dependency_injector",
    "rich",
    "matplotlib",
    "jinja2",
    "pandas",
)
PARTS = [
    ("db", "migrate"),
    ("db", "rollback"),
    ("db", "status"),
    ("db", "psql"),
    ("prices", "load"),
    ("runs", "delete"),
    ("runs", "list"),
]


@pytest.mark.parametrize("names", [(name,) for name in COMMANDS] + PARTS, ids=" ".join)
def test_the_help_of_every_command_explains_and_gives_an_example(typed: Typed, names: tuple[str, ...]) -> None:
    result = typed(*names, "--help")
    assert result.exit_code == 0
    assert f"Usage: execbridge {' '.join(names)}" in result.stdout
    assert f"execbridge {names[0]}" in result.stdout.partition("Example:")[2]


def test_the_help_names_every_command_and_exit_code(typed: Typed) -> None:
    told = typed("--help").stdout
    assert [name for name in COMMANDS if f"  {name} " not in told] == []
    assert [
        code for code in ("0  done", "2  refused", "3  failed", "4  another", "5  ", "130") if code not in told
    ] == []


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    context = click.Context(main)
    for name, (_, said) in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert said.rstrip(".").partition(",")[0].partition(";")[0].split()[0] in (command.help or "")


def test_a_misspelt_command_is_told_the_nearest(typed: Typed) -> None:
    refused(typed("oders"), 2, "'oders'", "did you mean 'orders'?")
    refused(typed("zzz"), 2, "'zzz'")


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_version_and_help_load_nothing_heavy(asked: str) -> None:
    program = (
        "import json, sys\nfrom execbridge.adapters.cli import main\n"
        f"main([{asked!r}], standalone_mode=False)\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & set(HEAVY) == set()
    assert __version__ in done.stdout or asked == "--help"


def test_the_module_runs_like_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "execbridge", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"execbridge {__version__}\n"
