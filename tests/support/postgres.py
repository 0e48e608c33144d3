"""A real PostgreSQL for tests: started once in a temporary directory, a database for each test."""

import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOMS = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"))
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"


@functools.cache
def programs() -> Path | None:
    """Where PostgreSQL's programs are, or None: Debian's package is `postgresql`."""
    return next((room for room in ROOMS if (room / "initdb").exists()), None)


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as its own user, or as nobody."""
    if os.geteuid() != 0:
        return []
    user = _user()
    groups = f"--regid={user.pw_gid}"
    return ["setpriv", f"--reuid={user.pw_uid}", groups, "--clear-groups"]


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class Postgres:
    """A server on a Unix socket in its own directory."""

    def __init__(self, options: str = FAST) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._options = options
        self._count = 0
        self.directory = Path(tempfile.mkdtemp(prefix="sidespool-pg-"))
        if os.geteuid() == 0:
            os.chown(self.directory, _user().pw_uid, _user().pw_gid)
        self._run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", "owner", "--no-sync",
            "-E", "UTF8", "--locale=C",
        )  # fmt: skip
        self.start()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_user(), str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Starts, and returns when it answers."""
        options = f"-k {self.directory} -c listen_addresses='' {self._options}"
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Ends it; `immediate` is what a crash looks like."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Ends it for good."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str) -> str:
        """A store's URL."""
        return f"postgresql://owner@/{database}?host={self.directory}"

    @property
    def owner(self) -> tuple[int, int]:
        """User and group the server runs as."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        return _user().pw_uid, _user().pw_gid

    def new_database(self, place: Path | None = None) -> str:
        """The URL of an empty database, on a file system of its own where a place is given."""
        self._count += 1
        name, where = f"test_{self._count}", ""
        if place is not None:
            self._ask(f"CREATE TABLESPACE {place.name} LOCATION '{place}'")
            where = f"TABLESPACE {place.name}"
        self._ask(f"CREATE DATABASE {name} STRATEGY file_copy {where}")
        return self.url(name)

    def drop_databases_on(self, place: Path) -> None:
        """Gives a file system back."""
        self._ask(f"DROP DATABASE test_{self._count} WITH (FORCE)")
        self._ask(f"DROP TABLESPACE {place.name}")

    def _ask(self, statement: str) -> None:
        self._run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url("postgres"))


def running(options: str = FAST) -> Iterator[Postgres]:
    """For a fixture."""
    server = Postgres(options)
    try:
        yield server
    finally:
        server.remove()
