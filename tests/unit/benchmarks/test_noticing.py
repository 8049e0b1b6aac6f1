"""The benchmark's own counting: intervals, what is struck out, the baselines, and a report of one small seed."""

import pytest

from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.figures import Share, over_seeds
from benchmarks.noticing.report import METHODS, explained, tables
from benchmarks.noticing.seeds import Size, run_seed
from benchmarks.noticing.tally import INNOCENT, INTENDED, NATURAL, Tally, flags_of, is_natural
from simulator.records import ORDINARY, Label, Played, Reference

SELF = Label("intent", "self", known=True, episode="E1", natural=False)


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
    ("flags", "kept"),
    [
        pytest.param(INNOCENT, True, id="a false alert"),
        pytest.param(INTENDED | NATURAL, True, id="a natural episode"),
        pytest.param(INTENDED, False, id="a struck-out episode"),
        pytest.param(INTENDED | INNOCENT, False, id="innocent accesses in a window that a struck-out episode filled"),
        pytest.param(INTENDED | NATURAL | INNOCENT, True, id="both, and natural"),
    ],
)
def test_what_is_struck_out(flags: int, kept: bool) -> None:
    """Whatever would not be there with intents at their believable rate."""
    assert is_natural(flags) is kept


def test_an_alert_gathers_what_is_in_it() -> None:
    """The highest severity, the first time, and what each rule hit."""
    tally = Tally()
    for number, (label, severity) in enumerate([(ORDINARY, "low"), (SELF, "high"), (ORDINARY, "medium")]):
        tally.hit("al-1", "own-record", severity, Played(f"e{number}", f"2026-11-16T1{number}", "S1", b"", label))
    alert = tally.alerts["al-1"]
    assert (alert.first_at, alert.severity, alert.flags) == ("2026-11-16T10", 2, flags_of(SELF) | INNOCENT)
    assert tally.found == {("E1", True): {"own-record"}}


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
    ours = {(episode, known) for episode, known, _ in seed["methods"]["accesswatch"]["found"]}
    assert {name for episode, known, name, _ in seed["episodes"] if (episode, known) in ours} >= {"self"}
