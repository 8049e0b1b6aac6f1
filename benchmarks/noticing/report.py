"""From the seeds' figures to the tables of ``docs/benchmark.md``."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.noticing.figures import Share, over_seeds
from benchmarks.noticing.tally import NATURAL, is_natural
from simulator.rates import table

METHODS = {
    "accesswatch": "accesswatch",
    "ministry": "nightly, own record and known family",
    "siem": "SIEM content pack",
    "volume": "volume outliers",
}
_FIRST = 100
#: A group is shown where it had so many days of staff at work, at least.
_GROUP_DAYS_MIN = 200

Seed = dict[str, Any]


def read(directory: Path) -> list[Seed]:
    """Read the seeds' figures, in order."""
    found = [orjson.loads(path.read_bytes()) for path in directory.glob("seed-*.json")]
    return sorted(found, key=lambda seed: int(seed["seed"]))


def natural(seed: Seed, method: str = "accesswatch") -> list[dict[str, Any]]:
    """Return the alerts that there would be with intents at their believable rate."""
    return [alert for alert in seed["methods"][method]["alerts"] if is_natural(alert["flags"])]


def right(alert: dict[str, Any]) -> bool:
    """Whether an alert holds an access that somebody should be asked about."""
    return bool(alert["flags"] & NATURAL)


def tables(seeds: Sequence[Seed], curves: Sequence[Seed]) -> Iterator[str]:
    """Yield the report, line by line."""
    staff_days = sum(seed["staff_days"]["all"] for seed in seeds)
    accesses = sum(seed["accesses"] for seed in seeds)
    numbers = f"{seeds[0]['seed']} to {seeds[-1]['seed']}"
    yield f"Seeds {numbers}: {accesses:,} accesses, {staff_days:,} days of staff at work."
    yield from (_of_worker(seed) for seed in seeds if "latency" in seed)
    yield from _targets(seeds)
    yield from _recall(seeds)
    yield from _baselines(seeds)
    yield from _false_alerts(seeds)
    yield from _parity(seeds)
    if curves:
        yield from _curves(curves)


def rates_table() -> Iterator[str]:
    """Yield every rate of the simulated agency, line by line."""
    rows = [(name, f"{rate:.4g}", rate.meaning, rate.source) for name, rate in table()]
    yield from _table(("rate", "value", "meaning", "source"), rows)


def _of_worker(seed: Seed) -> str:
    time, size = seed["latency"], seed["size"]
    return (
        f"Through the real worker, {size['staff']:,} staff, {size['days']} days, intents {size['intent_factor']:g} "
        f"times as often as believable, at most {size['rate']:,.0f} accesses a second: "
        f"access to alert, p50 at most {time['p50']} s, p99 at most "
        f"{time['p99']} s (its histogram, {time['count']:,.0f} alerts); {seed['alerts_on_topic']} alerts, "
        f"{seed['closed_by_later_work']} closed again by work that became known later."
    )


def _targets(seeds: Sequence[Seed]) -> Iterator[str]:
    known, undeclared = (_recall_share(seeds, "accesswatch", known=known) for known in (True, False))
    rows = (
        ("innocent accesses explained", "at least 0.97", explained(seeds)),
        ("recall where the fact is in the reference data", "at least 0.95", known),
        ("recall where it is not (undeclared)", "at least 0.6", undeclared),
        ("alert precision", "at least 0.6", _precision(seeds, "accesswatch")),
        (f"... among the first {_FIRST} by severity, then time", "at least 0.8", _first(seeds, "accesswatch")),
        ("alerts for 1,000 staff and day", "at most 5", over_seeds(seeds, lambda some: _rate(some, "accesswatch"))),
    )
    yield from _table(("", "wanted", "found (95 % interval)"), rows)


def explained(seeds: Sequence[Seed]) -> Share:
    """Return the share of the innocent accesses to a client for which a work reason was found."""
    pairs = [pair for seed in seeds for pair in seed["explained"].values()]
    return Share(sum(found for found, _ in pairs), sum(of for _, of in pairs))


def _recall_share(seeds: Sequence[Seed], method: str, *, known: bool, name: str | None = None) -> Share:
    found = of = 0
    for seed in seeds:
        seen = {(episode, standing) for episode, standing, _ in seed["methods"][method]["found"]}
        for episode, standing, intent, _ in seed["episodes"]:
            if standing == known and name in {None, intent}:
                of += 1
                found += (episode, standing) in seen
    return Share(found, of)


def _recall(seeds: Sequence[Seed]) -> Iterator[str]:
    names = sorted({intent for seed in seeds for _, _, intent, _ in seed["episodes"]})
    rows = [
        (name, *(_recall_share(seeds, "accesswatch", known=known, name=name) for known in (True, False)))
        for name in names
    ]
    yield from _table(("intent", "recall, known", "recall, undeclared"), rows)


def _precision(seeds: Sequence[Seed], method: str) -> Share:
    alerts = [alert for seed in seeds for alert in natural(seed, method)]
    return Share(sum(map(right, alerts)), len(alerts))


def _first(seeds: Sequence[Seed], method: str) -> Share:
    """Take all seeds' alerts of a week as one queue, the most severe first, then the earliest."""
    alerts = [(seed["seed"], alert) for seed in seeds for alert in natural(seed, method)]
    alerts.sort(key=lambda one: (-one[1]["severity"], one[1]["at"], one[0]))
    first = alerts[:_FIRST]
    return Share(sum(right(alert) for _, alert in first), len(first))


def _rate(seeds: Sequence[Seed], method: str) -> float:
    alerts = sum(len(natural(seed, method)) for seed in seeds)
    days: int = sum(seed["staff_days"]["all"] for seed in seeds)
    return 1_000 * alerts / days


def _baselines(seeds: Sequence[Seed]) -> Iterator[str]:
    rows = []
    for method, words in METHODS.items():
        recalls = (_recall_share(seeds, method, known=known) for known in (True, False))
        rate = over_seeds(seeds, lambda some, method=method: _rate(some, method))  # type: ignore[misc]
        rows.append((words, *recalls, _precision(seeds, method), rate))
    yield from _table(("", "recall, known", "recall, undeclared", "precision", "alerts for 1,000 staff and day"), rows)


def _false_alerts(seeds: Sequence[Seed]) -> Iterator[str]:
    causes: Counter[tuple[str, str]] = Counter()
    for seed in seeds:
        for alert in natural(seed):
            if not right(alert):
                causes[", ".join(alert["rules"]), "; ".join(alert["innocent"])] += 1
    rows = [(rules, innocent, str(number)) for (rules, innocent), number in causes.most_common(15)]
    yield from _table(("false alerts by rule", "what it was", "number"), rows)


def _parity(seeds: Sequence[Seed]) -> Iterator[str]:
    days: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for seed in seeds:
        days.update(seed["staff_days"])
        for alert in natural(seed):
            if not right(alert):
                false.update(alert["groups"])
    rows = [
        (group, f"{number:,}", str(false[group]), _per_thousand(Share(false[group], number)))
        for group, number in sorted(days.items())
        if number >= _GROUP_DAYS_MIN
    ]
    yield from _table(("group", "days of staff at work", "false alerts", "for 1,000 staff and day"), rows)


def _per_thousand(share: Share) -> str:
    low, high = share.interval
    return f"{1000 * (share.value or 0):.2f} ({1000 * low:.2f} to {1000 * high:.2f})"


def _curves(seeds: Sequence[Seed]) -> Iterator[str]:
    yield f"Limits, on seeds {', '.join(str(seed['seed']) for seed in seeds)}:"
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for seed in seeds:
        for name, point in seed["variants"].items():
            sums[name].update(point)
    staff_days = sum(seed["staff_days"]["all"] for seed in seeds)
    episodes = Counter(bool(known) for seed in seeds for _, known, *_ in seed["episodes"])
    rows = [
        (
            name,
            f"{1000 * point['alerts'] / staff_days:.2f}",
            f"{point['right'] / point['alerts']:.3f}" if point["alerts"] else "none",
            f"{point['known'] / episodes[True]:.3f}",
            f"{point['undeclared'] / episodes[False]:.3f}",
        )
        for name, point in sums.items()
    ]
    head = ("limit", "alerts for 1,000 staff and day", "precision", "recall, known", "recall, undeclared")
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
    yield ""
