"""Runs a command with a PostgreSQL server of its own: ``python -m tests.support.postgresql COMMAND ...``.

The server comes from an installed package and lives in a temporary directory; ``TEST_POSTGRESQL`` names it to the
command.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stream.embedded.server import free_port

START_SECONDS_MAX = 60
#: Where Debian and its children put what is on nobody's PATH.
_PACKAGED = Path("/usr/lib/postgresql")


def main() -> int:
    """Start it, run the command, stop it; give the command's exit code."""
    programs = _programs()
    if programs is None:
        sys.stderr.write("No PostgreSQL server is installed: install the package postgresql, or set TEST_POSTGRESQL.\n")
        return 1
    # A server refuses to be root; its package brings a user for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="accesswatch-postgresql-") as directory:
        if as_user:
            shutil.chown(directory, "postgres")
        data, port = f"{directory}/data", free_port()
        settings = f"-p {port} -k {directory} -c listen_addresses=127.0.0.1 -c fsync=off"
        _quietly([*as_user, programs / "initdb", "--auth=trust", "--username=postgres", "--pgdata", data])
        control: list[str | Path] = [*as_user, programs / "pg_ctl", "--pgdata", data]
        _quietly(
            [
                *control,
                "--wait",
                "--timeout",
                str(START_SECONDS_MAX),
                "--log",
                f"{directory}/log",
                "-o",
                settings,
                "start",
            ]
        )
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            return subprocess.run(sys.argv[1:], env=os.environ | {"TEST_POSTGRESQL": url}, check=False).returncode
        finally:
            _quietly([*control, "--mode", "immediate", "stop"])


def _programs() -> Path | None:
    """Find the directory of the server's programs: the newest that is packaged, or that of PATH."""
    packaged = sorted(_PACKAGED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = packaged[-1] if packaged else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _quietly(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


if __name__ == "__main__":
    sys.exit(main())
