"""The benchmark's own counting: intervals, what is struck out, the baselines, and a report of one small seed."""

import pytest

from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.figures import Share, over_seeds
from benchmarks.noticing.report import METHODS, explained, tables
from benchmarks.noticing.seeds import Size, run_seed
from benchmarks.noticing.tally import INNOCENT, INTENDED, Tally, flags_of, weights
from simulator.records import ORDINARY, Label, Played, Reference

SELF = Label("intent", "self", known=True, episode="E1")


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [(Share(50, 100), 0.404, 0.596), (Share(0, 20), 0.0, 0.161), (Share(20, 20), 0.839, 1.0), (Share(0, 0), 0.0, 1.0)],
)
def test_wilsons_interval(share: Share, low: float, high: float) -> None:
    """Values of Wilson's score interval as tables give them; nothing is known of nothing."""
    assert share.interval == pytest.approx((low, high), abs=0.001)


def test_a_bootstrap_holds_the_figure() -> None:
    """Of seeds that are all the same the interval is a point; of others it holds the figure."""
    assert over_seeds([3, 3, 3], lambda some: sum(some) / len(some)).low == 3
    found = over_seeds(list(range(20)), lambda some: sum(some) / len(some))
    assert found.low < found.value == 9.5 < found.high


@pytest.mark.parametrize(
    ("flags", "stands_alone", "expected"),
    [
        pytest.param(INNOCENT, False, (0, 1), id="a false alert weighs one"),
        pytest.param(INTENDED, False, (0.05, 0), id="a right one as much as is believable"),
        pytest.param(INTENDED | INNOCENT, False, (0.05, 0), id="innocent accesses in a window that it filled"),
        pytest.param(INTENDED | INNOCENT, True, (0.05, 0.95), id="an innocent hit that would be there without it"),
    ],
)
def test_what_an_alert_weighs(flags: int, stands_alone: bool, expected: tuple[float, float]) -> None:
    """With intents twenty times as often as believable."""
    assert weights(flags, stands_alone=stands_alone, factor=20) == pytest.approx(expected)


def test_an_alert_gathers_what_is_in_it() -> None:
    """The highest severity, the first time, and what each rule hit."""
    tally = Tally()
    for number, (label, severity) in enumerate([(ORDINARY, "low"), (SELF, "high"), (ORDINARY, "medium")]):
        tally.hit("al-1", "own-record", severity, Played(f"e{number}", f"2026-11-16T1{number}", "S1", b"", label))
    alert = tally.alerts["al-1"]
    assert (alert.first_at, alert.severity, alert.flags) == ("2026-11-16T10", 2, flags_of(SELF) | INNOCENT)
    assert (alert.episodes, alert.stands_alone) == ({("E1", True)}, True)


def test_the_baselines_ask_what_their_descriptions_say() -> None:
    """Own record and declared family at night; the same address and the watchlist at once."""
    other = Baselines()
    links = b'"links":{"address":"%s"}'
    other.learn(
        [
            Reference("staff", "S1", b'{"client_ids":["C1"],"roles":[],"kind":"employee",' + links % b"home" + b"}"),
            Reference("client", "C1", b'{"restricted":false,' + links % b"home" + b"}"),
            Reference("client", "C2", b'{"restricted":true,' + links % b"elsewhere" + b"}"),
            Reference("relationship", "R1", b'{"a":"staff:S1","b":"client:C2","kind":"sibling"}'),
        ]
    )
    for client in ("C1", "C2", "C3"):
        value = b'{"client_id":"%s"}' % client.encode()
        other.take(Played(client, "2026-11-16T10:00:00.000+13:00", "S1", value, ORDINARY))
    assert [alert.first_at for alert in other.ministry.alerts.values()] == ["2026-11-16T23:59:59"] * 2
    assert [list(alert.rules) for alert in other.siem.alerts.values()] == [["address"], ["watchlist"]]
    assert other.volume.alerts == {}


def test_a_small_seed_from_its_founding_to_its_tables() -> None:
    """Nearly all innocent accesses are explained, each way of noticing has its row, each limit its curve."""
    seed = run_seed(5, Size(40, 1, 200.0), with_variants=True)
    share = explained([seed]).value
    assert share is not None
    assert 0.94 < share < 1
    lines = list(tables([seed], [seed]))
    for words in METHODS.values():
        assert any(line.startswith(f"| {words} |") for line in lines)
    assert any(line.startswith("| volume clients_max 40 |") for line in lines)
    found = {tuple(one) for alert in seed["methods"]["accesswatch"] for one in alert["episodes"]}
    assert {name for episode, known, name in seed["episodes"] if (episode, known) in found} >= {"self"}
    asked = [alert for alert in seed["methods"]["accesswatch"] if alert["asked"]]
    assert asked
    assert all(alert["score"] is not None for alert in asked)
