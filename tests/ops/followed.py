"""Follows runbooks with the fault really injected: ``python -m tests.ops.followed [--only KIND] [--write]``.

A real worker under load, a real Prometheus with the shipped rules, whose durations are shortened twenty-fold so that a
rule of ten minutes is seen in half a minute. Of each fault it notes when which alert fires and ends, what ``/readyz``
said, which events the log had, and what the queries of the alert's runbook answered meanwhile and afterwards.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.faults.scene import Plan, a_scene
from tests.faults.stand import a_stand
from tests.ops import certificates
from tests.ops.exercises import EXERCISES, Injected, keep_feeding
from tests.ops.following import follow, say, shortened
from tests.ops.prometheus import a_prometheus, watch_workers

#: Staff members who do what is ordinary: a backlog of forty people's alone would be what no forty people do.
CROWD = 2_000
KINDS = list(dict.fromkeys(exercise.kind for exercise in (certificates.EXERCISE, *EXERCISES)))


async def main(kinds: Sequence[str], *, write: bool) -> None:
    """Follow the runbooks of these kinds of faults, or all."""
    if not kinds or certificates.EXERCISE.kind in kinds:
        await certificates.followed(write=write)
    chosen = [exercise for exercise in EXERCISES if not kinds or exercise.kind in kinds]
    if chosen:
        await _followed(chosen, write=write)


async def _followed(chosen: Sequence[Injected], *, write: bool) -> None:
    """Follow these, one after the other, on one stand."""
    with tempfile.TemporaryDirectory(prefix="accesswatch-followed-") as name:
        directory = Path(name)
        with (
            a_stand(directory / "stand", 1) as stand,
            a_prometheus(directory / "prometheus", shortened(directory)) as prometheus,
        ):
            async with a_scene(
                Plan(9, spices=(), rate=60, planted=0.3, crowd=CROWD), stand, directory / "run"
            ) as scene:
                feeding = asyncio.create_task(keep_feeding(scene))
                watch_workers(prometheus.directory, [worker.address for worker in scene.fleet.workers])
                await asyncio.sleep(15)
                for exercise in chosen:
                    found = await follow(exercise, partial(exercise.inject, scene), scene.fleet, prometheus)
                    say(found, write=write)
                feeding.cancel()
                await scene.feeder.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], choices=KINDS)
    parser.add_argument("--write", action="store_true", help="put what was seen into the runbooks")
    asked = parser.parse_args()
    asyncio.run(main(asked.only, write=asked.write))
