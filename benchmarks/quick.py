"""Two minutes: ours beside the hand-written loop, as a ratio, against the ratio that is kept.

A slow machine is slow for both. Fails where the ratio has fallen below half of the one kept.
"""

import json
import sys
from pathlib import Path

from benchmarks.job import LOOP, OURS, alternating
from benchmarks.ministry import Ministry
from benchmarks.stand import stand

BASELINE = Path(__file__).with_name("baseline.json")
#: A ratio below so much of the one kept is a failure; machines differ, and both programs share them with others.
FALLEN = 0.5
ACCESSES, STAFF, CLIENTS, ROUNDS = 40_000, 2_000, 10_000, 2


def measure(*, keep: bool) -> int:
    """Compare; give the exit code."""
    if not keep and not BASELINE.exists():
        sys.stdout.write("no ratio is kept yet: keep one with `make bench-quick ARGS=--keep` on a quiet machine\n")
        return 1
    with stand(Ministry(STAFF, CLIENTS, ACCESSES)) as place:
        found = alternating(place, [OURS, LOOP], ROUNDS)
    ours, loop = found[OURS], found[LOOP]
    # More is better for both: accesses a second, and accesses for each second of CPU.
    ratios = {"accesses_per_second": ours.per_second / loop.per_second, "cpu": loop.cpu_us / ours.cpu_us}
    if keep:
        BASELINE.write_text(json.dumps({name: round(one, 2) for name, one in ratios.items()}, indent=2) + "\n", "utf-8")
    kept = json.loads(BASELINE.read_text("utf-8"))
    fallen = [name for name, ratio in ratios.items() if ratio < FALLEN * kept[name]]
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name}: {ratio:.2f} of the hand-written loop; {kept[name]:.2f} is kept\n")
    if fallen:
        sys.stdout.write(f"fallen below half of what is kept: {', '.join(fallen)}\n")
    return 1 if fallen else 0
