"""Where the worker's time goes: what it is doing when it is looked at, a hundred times a second, stage by stage.

Each look is counted for the innermost stage that it is in, so the shares add up to all of the time. ``py-spy`` looks
from outside, at all threads that are not waiting; the worker does not know of it.
"""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.ministry import Ministry
from benchmarks.stand import stand
from benchmarks.tables import PICTURES, circumstances, show, table

LOOKS_PER_SECOND, SECONDS = 100, 8
_RAW, _FLAME = "raw", "flamegraph"
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')

#: A stage, and what a line of the stack says while it runs. Of several the innermost counts.
STAGES = {
    "fetch": ("aiokafka/consumer", "aiokafka/record", "stream/merge.py", "stream/consumer.py", "faust/"),
    "decode": ("decode_access (",),
    "order of time": ("_in_order_of_time (",),
    "facts": ("facts_for (",),
    "work reasons, watchlist": ("RuleEngine.case (",),
    "windows": ("RuleEngine.observe (", "enrichment/windows/redis.py"),
    "rules": ("RuleEngine.judge (",),
    "encode": ("Screen._publish (",),
    "produce": ("stream/producer.py", "aiokafka/producer"),
    "commit": ("force_commit (", "_commit_in_thread (", "aiokafka/consumer/group_coordinator.py"),
    "figures": ("Screen._count (", "agents/activity.py", "prometheus_client"),
    "network, event loop": ("aiokafka/conn.py", "aiokafka/client.py", "asyncio/selector_events.py", "selectors.py"),
}
REST = "the rest"


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table, and draw the flame graph where the docs are written."""
    del rounds  # one run is looked at a thousand times
    with stand(Ministry(staff, clients, accesses)) as place:
        raw, flame = place.directory / _RAW, place.directory / _FLAME
        looking: list[subprocess.Popen[bytes]] = []

        def look(pid: int) -> None:
            looking.append(_spy(pid, _RAW, raw))

        run = asyncio.run(place.run(place.ours(), "stages", watched=look))
        looking.pop().wait()
        if write:
            asyncio.run(place.run(place.ours(), "flame", watched=lambda pid: looking.append(_spy(pid, _FLAME, flame))))
            looking.pop().wait()
            PICTURES.mkdir(exist_ok=True)
            # The title is py-spy's command line, with this machine's paths.
            picture = _TITLE.sub(r"\1A worker at full rate", flame.read_text("utf-8"))
            (PICTURES / "flame.svg").write_text(picture, "utf-8")
        counted = _counted(raw)
    total = sum(counted.values())
    rows = [
        [stage, f"{counted[stage] / total:.1%}", f"{counted[stage] / total * run.cpu_us:.1f}"]
        for stage in (*STAGES, REST)
    ]
    rows.append(["all of it", "100.0%", f"{run.cpu_us:.1f}"])
    said = f"{total:,} looks at a worker at full rate; {accesses:,} accesses, {staff:,} staff, {clients:,} clients."
    head = ("stage", "share", "CPU us an access")
    show("stages", f"{table(head, rows)}\n\n{said} {circumstances(command, ('py-spy',))}", write=write)


def _spy(pid: int, form: str, out: Path) -> "subprocess.Popen[bytes]":
    spy = Path(sys.executable).with_name("py-spy")
    told = ["record", "--pid", str(pid), "--threads", "--format", form, "--output", str(out)]
    looks = ["--rate", str(LOOKS_PER_SECOND), "--duration", str(SECONDS)]
    return subprocess.Popen([str(spy), *told, *looks], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603


def _counted(raw: Path) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in raw.read_text("utf-8").splitlines():
        stack, _, number = line.rpartition(" ")
        counted[_stage(stack.split(";"))] += int(number)
    return counted


def _stage(stack: list[str]) -> str:
    for frame in reversed(stack):
        for stage, preconditions in STAGES.items():
            if any(sign in frame for sign in preconditions):
                return stage
    return REST
