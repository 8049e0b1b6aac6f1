"""A worker under steady load: ``python -m tests.faults.soak --minutes M --rate R``.

After the warm-up its memory must be flat, and its tasks, files and threads as many at the end as at the beginning;
the lag goes back to zero. Prints the figures; exit 1 where something grows.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.counted_worker import TASKS
from tests.faults.figures import added
from tests.faults.scene import Plan, Scene, a_scene
from tests.faults.stand import a_stand

COMMAND = (sys.executable, "-m", "tests.faults.counted_worker")
SAMPLE_SECONDS = 2.0
#: The share of the time that counts as warm-up: the facts about everybody come into memory, which is bounded.
WARM_UP_SHARE = 0.5
#: Growth over the time after the warm-up, as a share of the mean, that is still noise.
MEMORY_GROWTH_SHARE_MAX = 0.03
#: Connections are opened when they are needed and kept, each with a file and a task; the middle of their numbers must
#: not move by more than this. A leak of one a minute shows within the quarter of an hour.
COUNT_GROWTH_MAX = 8.0
DRAINED_SECONDS_MAX = 60.0
#: Of what is planted in a fault run, a steady day has this share: some 14 hits in 10,000 accesses.
PLANTED = 0.02
#: As many staff members as the ministry has.
CROWD = 8_000
#: The share of the asked rate that must have been reached: a soak of half the load proves half of it.
RATE_SHARE_MIN = 0.9


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process."""

    at: float
    mebibytes: float
    files: int
    threads: int
    tasks: int
    lag: int


async def soak(directory: Path, minutes: float, rate: int, seed: int) -> bool:
    """Load a worker for so long, print what was seen, and say whether nothing grew."""
    with a_stand(directory / "stand", 1) as stand:
        plan = Plan(seed, (), COMMAND, rate=rate, planted=PLANTED, crowd=CROWD, small_disk=False)
        async with a_scene(plan, stand, directory / "run") as scene:
            began = time.monotonic()
            samples: list[Sample] = []
            while time.monotonic() - began < minutes * 60:
                await asyncio.sleep(SAMPLE_SECONDS)
                samples.append(_look(scene, time.monotonic() - began))
            reached = scene.feeder.acknowledged / (time.monotonic() - began)
            await scene.feeder.stop()
            await scene.watch.fresh()
            drained: float | None = None
            with suppress(TimeoutError):
                drained = await scene.watch.committed(scene.watch.input_ends(), DRAINED_SECONDS_MAX)
            code = await scene.fleet.term(scene.fleet.workers[0], again=False)
            grown = _findings(samples, reached, drained)
            if reached < rate * RATE_SHARE_MIN:
                grown.append(f"only {reached:,.0f} accesses/s were reached of {rate:,}")
            grown += [f"the worker ended with {code}"] if code != 0 else []
            grown += scene.watch.stalls + [
                f"worker {number} ended with {ended}" for number, ended in scene.fleet.endings
            ]
            sys.stdout.write("".join(f"FAILED: {sentence}\n" for sentence in grown))
            return not grown


def _look(scene: Scene, at: float) -> Sample:
    process = scene.fleet.workers[0].process.pid
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    page = scene.watch.metrics.get(process, "")
    return Sample(
        at=at,
        mebibytes=int(status["VmRSS"].split()[0]) / 1024,
        files=len(list(Path(f"/proc/{process}/fd").iterdir())),
        threads=int(status["Threads"]),
        tasks=int(added([page], TASKS)),
        lag=scene.watch.waiting(),
    )


def _findings(samples: Sequence[Sample], reached: float, drained: float | None) -> list[str]:
    """Print the figures; give what grew."""
    warm = [one for one in samples if one.at >= samples[-1].at * WARM_UP_SHARE]
    minutes = (warm[-1].at - warm[0].at) / 60
    slope, _ = statistics.linear_regression([one.at / 60 for one in warm], [one.mebibytes for one in warm])
    mean = statistics.mean(one.mebibytes for one in warm)
    grown: list[str] = []
    if slope * minutes > mean * MEMORY_GROWTH_SHARE_MAX:
        grown.append(f"memory grew by {slope * minutes:.1f} MiB in {minutes:.1f} minutes")
    lines = [
        f"{reached:,.0f} accesses/s for {samples[-1].at / 60:.1f} minutes, {len(samples)} samples",
        (
            f"memory after the warm-up: mean {mean:.1f} MiB, slope {slope:+.2f} MiB/minute "
            f"over {minutes:.1f} minutes, highest {max(one.mebibytes for one in warm):.1f} MiB"
        ),
    ]
    for name in ("files", "threads", "tasks"):
        counts = [int(getattr(one, name)) for one in warm]
        first, last = _middles(counts)
        lines.append(f"{name}: {first:.0f} at first, {last:.0f} at last, most {max(counts)}")
        if last - first > COUNT_GROWTH_MAX:
            grown.append(f"{name} grew from {first:.0f} to {last:.0f}")
        if not max(counts):
            grown.append(f"{name} were never seen")
    if drained is None:
        grown.append(f"the lag was not zero {DRAINED_SECONDS_MAX:.0f} s after the last access")
    zero = "not zero in time" if drained is None else f"zero {drained:.1f} s after the last access"
    lines.append(f"lag: most {max(one.lag for one in warm):,} records; {zero}")
    sys.stdout.write("\n".join(lines) + "\n")
    return grown


def _middles(counts: Sequence[int]) -> tuple[float, float]:
    third = max(1, len(counts) // 3)
    return statistics.median(counts[:third]), statistics.median(counts[-third:])


def main() -> int:
    """Soak as asked."""
    parser = argparse.ArgumentParser(prog="tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.stdout.write(f"seed {asked.seed}\n")
    with tempfile.TemporaryDirectory(prefix="accesswatch-soak-") as directory:
        return 0 if asyncio.run(soak(Path(directory), asked.minutes, asked.rate, asked.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
