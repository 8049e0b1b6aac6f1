"""Running our own commands as a user does: in a process of their own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND_SECONDS_MAX = 120.0
#: Beside the interpreter that runs the tests, as the project's installation put it.
ACCESSWATCH = str(Path(sys.executable).parent / "accesswatch")


def accesswatch(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``accesswatch`` with these arguments and this whole environment; wait for its end."""
    return subprocess.run(
        [ACCESSWATCH, *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
        stdin=subprocess.DEVNULL,
    )
