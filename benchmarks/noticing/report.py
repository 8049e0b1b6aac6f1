"""From the seeds' figures to the tables of ``docs/benchmark.md``.

Intents are played many times as often as believable, so that there are enough of each; every alert is weighed by how
often it would be there at their believable rate (``tally.weights``).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.noticing.figures import Share, over_seeds
from benchmarks.noticing.tally import weights
from simulator.rates import table

METHODS = {
    "accesswatch": "accesswatch",
    "ministry": "nightly, own record and known family",
    "siem": "SIEM content pack",
    "volume": "volume outliers",
}
#: Staff of the whole ministry.
MINISTRY_STAFF = 8_044
#: Alerts for 1,000 staff and day that somebody looks at first.
FIRST_ALERTS = 3.0
#: A group is shown where it had so many days of staff at work, at least.
_GROUP_DAYS_MIN = 200

Seed = dict[str, Any]
Alert = dict[str, Any]
#: What is wanted of the ordinary world and of the hard one.
_WANTED = {
    "false": ("at most 0.8", "at most 1.5"),
    "known": ("at least 0.97", "at least 0.97"),
    "explained": ("at least 0.98", "at least 0.95"),
    "first": ("at least 0.85", "at least 0.75"),
    "notices": ("at most 30", "at most 30"),
    "parity": ("at most 2", "at most 2"),
}


def read(directory: Path) -> list[Seed]:
    """Read the seeds' figures, in order."""
    found = [orjson.loads(path.read_bytes()) for path in directory.glob("seed-*.json")]
    return sorted(found, key=lambda seed: int(seed["seed"]))


def to_integrity(alert: Alert) -> bool:
    """Whether Internal Integrity is asked; other ways of noticing have nobody else to ask."""
    return bool(alert.get("asked", True))


def to_staff(alert: Alert) -> bool:
    """Whether the staff member alone is asked."""
    return bool(alert.get("told")) and not alert.get("asked")


def weighed(
    seeds: Sequence[Seed], wanted: Callable[[Alert], bool] = to_integrity, method: str = "accesswatch"
) -> Iterator[tuple[Alert, float, float]]:
    """Yield alerts with their weight as right ones and as false ones."""
    for seed in seeds:
        for alert in seed["methods"][method]:
            if wanted(alert):
                right, false = weights(alert["flags"], stands_alone=alert["stands_alone"], factor=seed["factor"])
                yield alert, right, false


def tables(seeds: Sequence[Seed], curves: Sequence[Seed]) -> Iterator[str]:
    """Yield the report, line by line."""
    accesses = sum(seed["accesses"] for seed in seeds)
    numbers = f"{seeds[0]['seed']} to {seeds[-1]['seed']}"
    world = "the hard world" if seeds[0]["hard"] else "the ordinary world"
    yield f"Seeds {numbers} of {world}: {accesses:,} accesses, {staff_days(seeds):,} days of staff at work."
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


def staff_days(seeds: Sequence[Seed]) -> int:
    """Return how many days of staff at work there are."""
    return sum(int(seed["staff_days"]["all"]) for seed in seeds)


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
    hard = bool(seeds[0]["hard"])

    def wanted(name: str) -> str:
        return _WANTED[name][hard]

    asked = over_seeds(seeds, lambda some: _rate(some, to_integrity, right=True) + _rate(some, to_integrity))
    ministry = asked.value * MINISTRY_STAFF / 1_000
    rows = (
        ("false alerts for 1,000 staff and day", wanted("false"), over_seeds(seeds, lambda s: _rate(s, to_integrity))),
        ("recall where the fact is in the reference data", wanted("known"), _recall_share(seeds, known=True)),
        ("... by alerts to Internal Integrity alone", "", _recall_share(seeds, known=True, noticed=to_integrity)),
        ("recall where it is not (undeclared)", "reported", _recall_share(seeds, known=False)),
        ("innocent accesses explained at once", "reported", explained(seeds, within=0)),
        ("... within 24 hours", wanted("explained"), explained(seeds)),
        (
            f"precision of the first {FIRST_ALERTS:g} for 1,000 staff and day, by score",
            wanted("first"),
            over_seeds(seeds, _first),
        ),
        ("alert precision", "reported", over_seeds(seeds, _precision)),
        ("notices for 1,000 staff and day", wanted("notices"), over_seeds(seeds, lambda s: _rate(s, to_staff))),
        ("most false alerts of a kind of staff, beside employees", wanted("parity"), _most_unequal(seeds)),
        ("alerts to Internal Integrity for 1,000 staff and day", "", asked),
        (f"... a day at {MINISTRY_STAFF:,} staff", "", f"{ministry:.1f}"),
    )
    yield from _table(("", "wanted", "found (95 % interval)"), rows)


def explained(seeds: Sequence[Seed], *, within: int = 1) -> Share:
    """Return the share of the innocent accesses to a client that work explains: at once (0), or within 24 hours (1)."""
    counts = [found for seed in seeds for found in seed["explained"].values()]
    return Share(sum(found[within] for found in counts), sum(found[2] for found in counts))


def _recall_share(
    seeds: Sequence[Seed],
    method: str = "accesswatch",
    *,
    known: bool,
    name: str | None = None,
    noticed: Callable[[Alert], bool] = lambda alert: to_integrity(alert) or to_staff(alert),
) -> Share:
    found = of = 0
    for seed in seeds:
        seen = {tuple(one) for alert in seed["methods"][method] if noticed(alert) for one in alert["episodes"]}
        for episode, standing, intent in seed["episodes"]:
            if standing == known and name in {None, intent}:
                of += 1
                found += (episode, standing) in seen
    return Share(found, of)


def _recall(seeds: Sequence[Seed]) -> Iterator[str]:
    names = sorted({intent for seed in seeds for *_, intent in seed["episodes"]})
    rows = [
        (name, *(_recall_share(seeds, known=known, name=name) for known in (True, False)),
         _recall_share(seeds, known=True, name=name, noticed=to_integrity))
        for name in names
    ]  # fmt: skip
    yield from _table(("intent", "recall, known", "recall, undeclared", "known, by Internal Integrity's alerts"), rows)


def _precision(seeds: Sequence[Seed], method: str = "accesswatch") -> float:
    found = [(right, false) for _, right, false in weighed(seeds, method=method)]
    right, false = sum(one for one, _ in found), sum(one for _, one in found)
    return right / (right + false) if right + false else 0.0


def _first(seeds: Sequence[Seed]) -> float:
    """Take all seeds' alerts as one queue, by score and then by time, and of it what is looked at first."""
    queue = sorted(weighed(seeds), key=lambda one: (-(one[0].get("score") or 0.0), one[0]["at"]))
    left = FIRST_ALERTS * staff_days(seeds) / 1_000
    taken = good = 0.0
    for _, right, false in queue:
        share = min(1.0, left / (right + false)) if right + false else 0.0
        taken += share * (right + false)
        good += share * right
        left -= share * (right + false)
        if left <= 0:
            break
    return good / taken if taken else 0.0


def _rate(
    seeds: Sequence[Seed], wanted: Callable[[Alert], bool], method: str = "accesswatch", *, right: bool = False
) -> float:
    """Return the false alerts, or the right ones, for 1,000 staff and day."""
    weight = sum(good if right else false for _, good, false in weighed(seeds, wanted, method))
    return 1_000 * weight / staff_days(seeds)


def _baselines(seeds: Sequence[Seed]) -> Iterator[str]:
    rows = []
    for method, words in METHODS.items():
        recalls = (_recall_share(seeds, method, known=known) for known in (True, False))
        precision = over_seeds(seeds, lambda some, method=method: _precision(some, method))  # type: ignore[misc]
        false = over_seeds(seeds, lambda some, method=method: _rate(some, to_integrity, method))  # type: ignore[misc]
        rows.append((words, *recalls, precision, false))
    yield from _table(
        ("", "recall, known", "recall, undeclared", "precision", "false alerts for 1,000 staff and day"), rows
    )


def _false_alerts(seeds: Sequence[Seed]) -> Iterator[str]:
    for words, wanted in (
        ("false alerts by rule", to_integrity),
        ("notices about innocent accesses by rule", to_staff),
    ):
        causes: dict[tuple[str, str], float] = defaultdict(float)
        for alert, _, false in weighed(seeds, wanted):
            if false:
                causes[", ".join(alert["rules"]), "; ".join(alert["innocent"])] += false
        most = sorted(causes.items(), key=lambda one: -one[1])[:15]
        yield from _table((words, "what it was", "number"), [(*key, f"{number:.0f}") for key, number in most])


def _false_of_groups(seeds: Sequence[Seed], wanted: Callable[[Alert], bool]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for alert, _, false in weighed(seeds, wanted):
        for group in alert["groups"]:
            found[group] += false
    return found


def _days_of_groups(seeds: Sequence[Seed]) -> Counter[str]:
    days: Counter[str] = Counter()
    for seed in seeds:
        days.update(seed["staff_days"])
    return days


def _most_unequal(seeds: Sequence[Seed]) -> str:
    """Return the kind of staff that is asked most often beside employees, with how many times as often."""
    days, false = _days_of_groups(seeds), _false_of_groups(seeds, to_integrity)
    usual = false["kind employee"] / days["kind employee"] if days["kind employee"] else 0.0
    kinds = [group for group in days if group.startswith("kind ") and days[group] >= _GROUP_DAYS_MIN]
    if not usual or not kinds:
        return "none"
    times, group = max((false[group] / days[group] / usual, group) for group in kinds)
    return f"{times:.1f} ({group.removeprefix('kind ')}, {false[group]:.0f} in {days[group]:,} days)"


def _parity(seeds: Sequence[Seed]) -> Iterator[str]:
    days = _days_of_groups(seeds)
    alerts, notices = (_false_of_groups(seeds, wanted) for wanted in (to_integrity, to_staff))
    rows = [
        (group, f"{number:,}", f"{alerts[group]:.1f}", _per_thousand(Share(round(alerts[group]), number)),
         f"{1000 * notices[group] / number:.2f}")
        for group, number in sorted(days.items())
        if number >= _GROUP_DAYS_MIN
    ]  # fmt: skip
    head = ("group", "days of staff at work", "false alerts", "for 1,000 staff and day", "innocent notices")
    yield from _table(head, rows)


def _per_thousand(share: Share) -> str:
    low, high = share.interval
    return f"{1000 * (share.value or 0):.2f} ({1000 * low:.2f} to {1000 * high:.2f})"


def _curves(seeds: Sequence[Seed]) -> Iterator[str]:
    yield f"Limits, on seeds {', '.join(str(seed['seed']) for seed in seeds)}:"
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for seed in seeds:
        for name, point in seed["variants"].items():
            for what, number in point.items():
                sums[name][what] += number
    days = staff_days(seeds)
    episodes = Counter(bool(known) for seed in seeds for _, known, _ in seed["episodes"])
    rows = [
        (
            name,
            f"{1000 * point['false'] / days:.2f}",
            f"{point['right'] / (point['right'] + point['false']):.3f}" if point["right"] + point["false"] else "none",
            f"{point['known'] / episodes[True]:.3f}",
            f"{point['undeclared'] / episodes[False]:.3f}",
        )
        for name, point in sums.items()
    ]
    head = (
        "limit",
        "false for 1,000 staff and day, before they settle",
        "precision",
        "recall, known",
        "recall, undeclared",
    )
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
    yield ""
