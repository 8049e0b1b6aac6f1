"""What happens to workers."""

import asyncio
import time

from tests.faults.fault import Fault, Heal, nothing
from tests.faults.fleet import Worker
from tests.faults.scene import Scene

#: Past the session timeout of 15 s: the group has given its partitions to others before it wakes up.
FROZEN_SECONDS = 22.0
STORM_ROUNDS = 3
STORM_SECONDS = 2.5
#: From 1 to 4 workers, and back.
MORE_WORKERS = 3
#: Workers that join the first one of a new service, and leave.
GUESTS = 3
#: Accesses that arrive just then: so few that some partitions have none yet.
FIRST_ACCESSES = 2


async def kill(scene: Scene) -> Heal:
    """Kill -9 one of them; it is started again."""
    scene.fleet.kill(scene.dice.choice(scene.fleet.workers))
    return nothing


async def term(scene: Scene) -> Heal:
    """SIGTERM one of them, as a rolling restart does; it must end with 0 in time."""
    began = time.monotonic()
    code = await scene.fleet.term(scene.dice.choice(scene.fleet.workers), again=True)
    if code != 0:
        scene.complaints.append(f"a worker ended with {code} after SIGTERM, {time.monotonic() - began:.1f} s")
    return nothing


async def first_minutes(scene: Scene) -> Heal:
    """Nothing was ever committed: workers come and go just when the first accesses of a partition arrive."""
    scene.fleet.start()
    await scene.fleet.wait_ready()
    assert not any((await scene.watch.fresh()).committed.values()), "these are not the first minutes"
    for _ in range(GUESTS):
        guest = scene.fleet.start()
        await scene.fleet.wait_member(guest)
        scene.feeder.burst(FIRST_ACCESSES)
        await scene.fleet.wait_ready()
        await _leave(scene, guest)
        scene.feeder.burst(FIRST_ACCESSES)
    scene.feeder.per_second = scene.plan.rate
    return nothing


async def freeze(scene: Scene) -> Heal:
    """SIGSTOP one of two past its session; the other takes over; what the zombie commits late must not count."""
    second = scene.fleet.start()
    await scene.fleet.wait_ready()
    zombie = scene.fleet.workers[0]
    scene.fleet.freeze(zombie)

    async def heal() -> None:
        scene.fleet.thaw(zombie)
        await scene.fleet.wait_ready()
        await _leave(scene, second)

    return heal


async def storm(scene: Scene) -> Heal:
    """Workers join and leave, politely and not, faster than the group can settle."""
    for _ in range(STORM_ROUNDS):
        guests = [scene.fleet.start(), scene.fleet.start()]
        await asyncio.sleep(STORM_SECONDS)
        for guest in guests:
            if scene.dice.random() < 0.5:
                guest.wanted = False
                scene.fleet.kill(guest)
                await asyncio.to_thread(guest.process.wait)
                scene.fleet.workers.remove(guest)
            else:
                await scene.fleet.term(guest, again=False)
    return nothing


async def scale(scene: Scene) -> Heal:
    """1 to 4 workers, and back to 1."""
    more = [scene.fleet.start() for _ in range(MORE_WORKERS)]
    await scene.fleet.wait_ready()

    async def heal() -> None:
        for worker in more:
            await _leave(scene, worker)

    return heal


async def _leave(scene: Scene, worker: Worker) -> None:
    code = await scene.fleet.term(worker, again=False)
    if code != 0:
        scene.complaints.append(f"a worker ended with {code} after SIGTERM")


FAULTS = (
    Fault("first-minutes", first_minutes, 5.0, strikes="worker", opening=True),
    Fault("worker-kill", kill, may_repeat=True, strikes="worker"),
    Fault("worker-term", term, strikes="worker"),
    Fault("worker-freeze", freeze, FROZEN_SECONDS, may_repeat=True, strikes="worker"),
    Fault("rebalance-storm", storm, may_repeat=True, strikes="worker"),
    Fault("scale-1-4-1", scale, 5.0, strikes="worker"),
)
