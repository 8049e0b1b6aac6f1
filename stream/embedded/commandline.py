"""Whether a process is still the program that was started, on Linux and macOS."""

import shutil
import subprocess
from pathlib import Path

_PROC = Path("/proc")
_PS_SECONDS_MAX = 5.0


def runs(pid: int, command: list[str]) -> bool:
    """Whether *pid* is a running process with exactly this command line.

    False for a process that has ended and only waits to be collected, and for a pid that meanwhile belongs to another.
    """
    if (_PROC / "self").exists():
        try:
            content = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return False
        return content == b"".join(part.encode("utf-8", "surrogateescape") + b"\0" for part in command)
    ps = shutil.which("ps")
    if ps is None:
        return False
    shown = subprocess.run(  # noqa: S603 - a system tool and a number
        [ps, "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=_PS_SECONDS_MAX,
        check=False,
    )
    return shown.stdout.strip() == " ".join(command).strip()
