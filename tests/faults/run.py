"""One run: a scene, faults in rounds, and the ledger at the end."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stream.topics import ACCESS
from tests.faults import alert_ledger, ledger
from tests.faults.evidence import Evidence, read, read_store
from tests.faults.fault import Fault, Heal
from tests.faults.figures import figures
from tests.faults.replayed import not_replayed
from tests.faults.scene import Plan, Scene, a_scene
from tests.faults.stand import Stand

#: Seconds from the moment that a fault is gone until everything from before is committed, on two busy cores.
RECOVERY_SECONDS_MAX = 90.0
#: Seconds in which alerts and notifications follow their hits. A receiver that was away for 110 s is tried again after
#: up to 128 more: the waits double (``alerts/notify/attempts.py``).
SETTLED_SECONDS_MAX = 240.0
#: Accesses sent at once before a fault, so that there is work in hand.
BURST = 2_000
BURSTS_MAX = 20
#: Seconds from a run's start to its first fault.
CALM_SECONDS = 2.0
#: Messages in the air of one worker: two channels, four each. So many may repeat after a crash, with their ids.
REPEATS_PER_CRASH_MAX = 8
#: Findings of each kind that a report quotes.
QUOTED_MAX = 5


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault that was really put in."""

    kind: str
    #: Accesses that were not committed when it began, or came until it was over.
    seen: int
    recovery_seconds: float | None


@dataclass(slots=True)
class Report:
    """What came of a run."""

    plan: Plan
    brokers: int
    struck: list[Struck] = field(default_factory=list)
    #: Name of the check -> what it found.
    findings: dict[str, list[str]] = field(default_factory=dict)
    records: int = 0
    alerts: int = 0
    repeats: int = 0
    seconds: float = 0.0
    spiced: dict[str, int] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    #: How often a worker ended by itself and was started again: 1 where it could not start, 70 where it was stuck.
    endings: list[int] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Nothing was found, and there was something to find."""
        return not any(self.findings.values())

    def count(self, *names: str) -> int:
        """Count the findings of these checks."""
        return sum(len(self.findings.get(name, ())) for name in names)

    def text(self) -> str:
        """Return it in a few lines."""
        kinds = ", ".join(f"{one.kind} ({one.seen} seen, {_seconds(one.recovery_seconds)})" for one in self.struck)
        said = (
            f"seed {self.plan.seed}, {self.brokers} broker(s), {self.records} records, {self.alerts} alerts, "
            f"{self.repeats} messages repeated, {self.seconds:.0f} s: {'passed' if self.passed else 'FAILED'}"
        )
        lines = [said, f"  faults: {kinds}"]
        lines += [f"  workers ended by themselves with {self.endings}"] if self.endings else []
        for name, found in self.findings.items():
            lines += [f"  {name}: {len(found)}"] if found else []
            lines += [f"    {sentence}" for sentence in found[:QUOTED_MAX]]
        return "\n".join(lines)


async def run(plan: Plan, stand: Stand, directory: Path, rounds: Sequence[Sequence[Fault]], *, quick: bool) -> Report:
    """Play a run and check it."""
    began = time.monotonic()
    report = Report(plan, stand.brokers)
    async with a_scene(plan, stand, directory, at_work=not rounds[0][0].opening) as scene:
        await asyncio.sleep(CALM_SECONDS)
        for faults in rounds:
            report.struck += await _strike(scene, faults, quick=quick)
        await scene.feeder.stop()
        await _settle(scene)
        codes = [await scene.fleet.term(worker, again=False) for worker in list(scene.fleet.workers)]
        scene.complaints += [f"at the end a worker ended with {code}" for code in codes if code != 0]
        await scene.watch.fresh()
        evidence = await read(scene)
        _check(scene, evidence, report, [fault for faults in rounds for fault in faults])
        report.findings["dead letters"] += await not_replayed(scene, evidence)
    report.seconds = time.monotonic() - began
    return report


async def _strike(scene: Scene, faults: Sequence[Fault], *, quick: bool) -> list[Struck]:
    """Put faults in, one upon the other, take them away in turn, and wait until all is well."""
    names = "+".join(fault.kind for fault in faults)
    if not faults[0].opening:
        await _have_work_in_hand(scene)
    before = dict(scene.watch.last.committed)
    heals: list[Heal] = [await fault.inject(scene) for fault in faults]
    seconds = [fault.seconds_slice if quick and fault.seconds_slice is not None else fault.seconds for fault in faults]
    await asyncio.sleep(max(seconds))
    for heal in reversed(heals):
        try:
            await heal()
        except TimeoutError:
            scene.complaints.append(f"a worker was not ready in time after {names}: {await _waiting(scene)}")
    await scene.watch.fresh()
    goal = scene.watch.input_ends()
    accesses = scene.topic(ACCESS)
    seen = sum(end - before.get(tp, 0) for tp, end in goal.items() if tp.topic == accesses)
    recovery: float | None = None
    try:
        began = time.monotonic()
        await scene.watch.committed(goal, RECOVERY_SECONDS_MAX)
        recovery = time.monotonic() - began
        await scene.fleet.wait_ready()
    except TimeoutError:
        scene.complaints.append(f"no recovery from {names} within the bound: {await _waiting(scene)}")
    return [Struck(fault.kind, seen, recovery) for fault in faults]


async def _waiting(scene: Scene) -> str:
    """Return what each worker says now that it waits for."""
    pages = [(worker.number, await scene.fleet.page(worker, "/readyz")) for worker in scene.fleet.workers]
    return ", ".join(f"worker {number} {status} {text.strip()!r}" for number, (status, text) in pages)


async def _have_work_in_hand(scene: Scene) -> None:
    """Return while there are accesses that are not committed: a fault that meets none proves nothing."""
    for _ in range(BURSTS_MAX):
        scene.feeder.burst(BURST)
        for _ in range(BURSTS_MAX):
            await scene.watch.fresh()
            if scene.watch.waiting() > 0:
                return
    raise AssertionError("there was never an access in hand: a fault would meet nothing")


async def _settle(scene: Scene) -> None:
    """Wait until the last access is committed, and its alert published and told."""
    with suppress(TimeoutError):
        await scene.watch.fresh()
        await scene.watch.committed(scene.watch.input_ends(), RECOVERY_SECONDS_MAX)
    before = None
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_SECONDS_MAX):
            while True:
                store = await asyncio.to_thread(read_store, scene)
                now = (len(store.hits), len(scene.receivers.accepted))
                if now == before and not store.unpublished and not store.pending:
                    return
                before = now
                await asyncio.sleep(2.0)


def _check(scene: Scene, evidence: Evidence, report: Report, faults: Sequence[Fault]) -> None:
    """Hold everything against the ledger."""
    for process, page in scene.watch.metrics.items():
        (scene.directory / f"metrics-{process}.txt").write_text(page)
    report.records, report.alerts = len(evidence.inputs), len(evidence.store.alerts)
    report.repeats = alert_ledger.repeated(evidence)
    report.spiced = dict(scene.feeder.workload.counts)
    report.said = scene.watch.said
    report.endings = [code for _, code in scene.fleet.endings]
    for name, check in {**ledger.CHECKS, **alert_ledger.CHECKS}.items():
        report.findings[name] = list(check(evidence))
    report.findings["silent stalls"] = scene.watch.stalls
    report.findings["complaints"] = scene.complaints + [
        f"worker {number} ended by itself with {code}" for number, code in scene.fleet.endings if code not in {1, 70}
    ]
    report.findings["figures"] = list(figures(scene, evidence))
    crashes = sum(fault.may_repeat for fault in faults) + len(scene.fleet.endings)
    allowed = crashes * REPEATS_PER_CRASH_MAX
    if report.repeats > allowed:
        report.findings["notifications"].append(f"{report.repeats} messages were repeated, {allowed} may be")
    report.findings["nothing tested"] = [
        *(f"{one.kind} saw no access" for one in report.struck if one.seen <= 0),
        *(f"no {spice} was sent" for spice in scene.plan.spices if not report.spiced.get(spice)),
        *([] if evidence.store.alerts else ["no alert was raised"]),
        *([] if len(evidence.looks) > 1 else ["the commits were never looked at"]),
    ]


def _seconds(seconds: float | None) -> str:
    return "never recovered" if seconds is None else f"{seconds:.1f} s"
