"""Without the extra ``accesswatch[sandbox]``, as in an image, every command works or says what is missing."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from console.sandboxed import PACKAGES

ROOT = Path(__file__).parents[3]
OURS = ("console", "stream", "agents", "cases", "history", "alerts", "enrichment", "simulator", "deploy")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all that is installed, but for the sandbox and what it needs."""
    installed, place = Path(sysconfig.get_path("purelib")), tmp_path_factory.mktemp("without")
    for one in installed.iterdir():
        if one.suffix != ".pth" and one.name not in OURS and not one.name.startswith(PACKAGES):
            (place / one.name).symlink_to(one)
    for name in OURS:
        (place / name).symlink_to(ROOT / name)
    return place


def run(without: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing else installed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ACCESSWATCH")}
    return subprocess.run(
        [sys.executable, "-S", "-m", "console", *arguments],
        cwd=without, env=environment | {"PYTHONPATH": str(without)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [("demo", "--no-ui"), ("local", "up"), ("local", "down")])
def test_what_needs_the_sandbox_says_how_to_have_it(without: Path, arguments: tuple[str, ...]) -> None:
    """One sentence, exit 1."""
    ended = run(without, *arguments)
    assert ended.returncode == 1
    assert "pip install 'accesswatch[sandbox]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_other_commands_need_it_not(without: Path) -> None:
    """Help, and the check of settings, which would look for services of this machine."""
    assert run(without, "--help").returncode == 0
    ended = run(without, "topics", "check")
    assert ended.returncode == 1
    assert "ACCESSWATCH_KAFKA is not set" in ended.stderr
    assert "Traceback" not in ended.stderr
