"""Judging past accesses with other limits beside the current ones: touches nothing, says what would change.

Facts are today's, as they are in Redis; windows begin empty with the first access that is tried. Several processes do
the work, each for its share of the staff; the windows are asked by this one, in order, since they join all of them.
"""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from zlib import crc32

from alerts.assessment import Assessment
from alerts.detection.engine import RuleEngine
from enrichment.decode import decode
from enrichment.lookup import NotReadable
from enrichment.nz_time import nz_date
from enrichment.schemas import Access
from enrichment.windows.memory import MemoryWindows
from enrichment.windows.redis import Today
from enrichment.windows.spec import Windows
from stream.redis_connection import check_reachable, connect, namespace
from stream.settings import Settings

#: Accesses that are tried at the most: their windows are kept in memory.
ACCESSES_MAX = 2_000_000
#: Accesses that go through all processes at a time.
CHUNK = 5_000
#: Examples that are kept of what would appear and of what would go, for each rule.
EXAMPLES_MAX = 3

Pair = tuple[Any, Any]


@dataclass(slots=True)
class Change:
    """What would become of one rule's hits."""

    now: int = 0
    new: int = 0
    appear: list[str] = field(default_factory=list)
    go: list[str] = field(default_factory=list)
    appearing: int = 0
    going: int = 0


@dataclass(slots=True)
class Outcome:
    """What would become of all hits, and of the alerts; each access counts once."""

    rules: dict[str, Change] = field(default_factory=dict)
    alerts_now: set[str] = field(default_factory=set)
    alerts_new: set[str] = field(default_factory=set)
    days: set[Any] = field(default_factory=set)
    tried: int = 0
    _seen: set[tuple[str, str, int]] = field(default_factory=set)

    def add(self, now: Assessment, new: Assessment) -> None:
        """Take what the two judgements of one access say."""
        self.tried += 1
        self.days.add(nz_date(now.occurred_at))
        self.alerts_now.update(now.alert_ids)
        self.alerts_new.update(new.alert_ids)
        before, after = _hits(now), _hits(new)
        for rule in before.keys() | after.keys():
            change = self.rules.setdefault(rule, Change())
            change.now += self._first(now.event_id, rule, 0) if rule in before else 0
            change.new += self._first(now.event_id, rule, 1) if rule in after else 0
            if rule not in before and self._first(now.event_id, rule, 2):
                change.appearing += 1
                change.appear += [f"{now.event_id}: {after[rule]}"] if len(change.appear) < EXAMPLES_MAX else []
            elif rule not in after and self._first(now.event_id, rule, 3):
                change.going += 1
                change.go += [f"{now.event_id}: {before[rule]}"] if len(change.go) < EXAMPLES_MAX else []

    def _first(self, event_id: str, rule: str, what: int) -> int:
        known = (event_id, rule, what) in self._seen
        self._seen.add((event_id, rule, what))
        return 0 if known else 1


def attempt(
    values: Sequence[bytes], settings: Settings, rule_engines: tuple[RuleEngine, RuleEngine], *,
    processes: int, done: Callable[[int], None],
) -> Outcome:  # fmt: skip
    """Try accesses in their order.

    Args:
        values: valid accesses as JSON.
        settings: where Redis is.
        rule_engines: with the current limits, and with the new ones.
        processes: how many share the work.
        done: told how many more are tried.

    Raises:
        NotReadable: Redis does not answer, or holds no reference data.
    """
    outcome, stores = Outcome(), (MemoryWindows(), MemoryWindows())
    plans = [one.plan for one in rule_engines]
    with _helpers(settings, rule_engines, processes) as helpers:
        for start in range(0, len(values), CHUNK):
            chunk = values[start : start + CHUNK]
            place = [_share(decode(Access, value).staff_id, processes) for value in chunk]
            observed = _spread(helpers, place, chunk)
            answered = [
                (stores[0].observe_one(now, plans[0]), stores[1].observe_one(new, plans[1])) for now, new in observed
            ]
            for now, new in _spread(helpers, place, answered):
                outcome.add(now, new)
            done(len(chunk))
    return outcome


def _share(staff_id: str, processes: int) -> int:
    return crc32(staff_id.encode()) % processes


def _spread(helpers: Sequence[Connection], place: Sequence[int], items: Sequence[Any]) -> list[Pair]:
    """Send each item to the process that it belongs to, and put the answers into the items' order."""
    for number, helper in enumerate(helpers):
        helper.send([item for item, where in zip(items, place, strict=True) if where == number])
    answers: list[Iterator[Pair]] = []
    for helper in helpers:
        answer = helper.recv()
        if isinstance(answer, str):
            raise NotReadable(answer)
        answers.append(iter(answer))
    return [next(answers[where]) for where in place]


@contextmanager
def _helpers(settings: Settings, rule_engines: Pair, processes: int) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    ours, running = [], []
    for _ in range(processes):
        mine, theirs = context.Pipe()
        process = context.Process(target=_help, args=(theirs, settings, rule_engines), daemon=True)
        process.start()
        theirs.close()
        ours.append(mine)
        running.append(process)
    try:
        yield ours
    finally:
        for connection, process in zip(ours, running, strict=True):
            connection.close()
            process.join()


def _help(connection: Connection, settings: Settings, rule_engines: Pair) -> None:
    """Run in a process of its own: accesses in, what they note out; answers of windows in, assessments out."""

    async def serve() -> None:
        client = connect(settings)
        today = Today(client, namespace(settings))
        try:
            while True:
                accesses = [decode(Access, value) for value in connection.recv()]
                await check_reachable(client, settings)
                cases = await _cases(today, rule_engines, accesses)
                connection.send([(rule_engines[0].observe(now), rule_engines[1].observe(new)) for now, new in cases])
                windows: list[tuple[Windows, Windows]] = connection.recv()
                connection.send(
                    [
                        tuple(
                            book.judge(case.with_windows(answered)).assessment
                            for book, case, answered in zip(rule_engines, pair, both, strict=True)
                        )
                        for pair, both in zip(cases, windows, strict=True)
                    ]
                )
        except NotReadable as error:
            connection.send(str(error))
        except (EOFError, BrokenPipeError, KeyboardInterrupt):
            return
        finally:
            await client.aclose()

    asyncio.run(serve())


async def _cases(today: Today, rule_engines: Pair, accesses: list[Access]) -> list[Pair]:
    hops = max(book.limits.hops_max for book in rule_engines)
    facts = await today.facts_for(accesses, hops)
    return [
        (rule_engines[0].case(access, known), rule_engines[1].case(access, known))
        for access, known in zip(accesses, facts, strict=True)
    ]


def _hits(assessment: Assessment) -> Mapping[str, str]:
    return {
        answer.rule: answer.sentence
        for answer in assessment.answers
        if answer.answer == "hit" and answer.stage == "live"
    }
