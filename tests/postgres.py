"""A real PostgreSQL for tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rendering import tool


class Server:
    """A PostgreSQL of its own behind a socket, run by somebody who is not root, as it insists."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        root = os.geteuid() == 0
        self.user = pwd.getpwnam("nobody" if root else pwd.getpwuid(os.geteuid()).pw_name)
        if root:
            os.chown(directory, self.user.pw_uid, self.user.pw_gid)

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's own programs."""
        own = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        command = [own[-1] if own else tool(program), *arguments]
        subprocess.run(
            command, user=self.user.pw_uid, cwd=self.directory, check=True, stdout=subprocess.DEVNULL
        )

    def url(self, database: str) -> str:
        """Return the connection string of a database."""
        return f"host={self.directory} user={self.user.pw_name} dbname={database}"

    def ask(self, database: str, query: str) -> list[str]:
        """Return the rows of a query, or fail with what PostgreSQL says."""
        command = [tool("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", query]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@contextmanager
def running(*options: str) -> Iterator[Server]:
    """Yield a server with options of its own while it runs, or skip the test and name what is missing."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        tool("initdb")
    directory = Path(tempfile.mkdtemp(prefix="pg"))
    server = Server(directory)
    server.run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", directory / "data")
    own = ("listen_addresses=", f"unix_socket_directories={directory}", "fsync=off")
    given = " ".join(f"-c '{option}'" for option in (*options, *own))
    server.run("pg_ctl", "-D", directory / "data", "-w", "-l", directory / "log", "-o", given, "start")
    try:
        yield server
    finally:
        server.run("pg_ctl", "-D", directory / "data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(directory)
