"""A changed limits file is taken without a restart; a bad one changes nothing and is said."""

import logging
from pathlib import Path

import pytest

from agents.metrics import Metrics
from alerts.detection.config import LimitsError
from stream.reload import LimitsInForce

TIGHT = "rules: {volume: {clients_max: 5}}"
LOOSE = "rules: {volume: {clients_max: 500}}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A limits file."""
    path = tmp_path / "limits.yaml"
    path.write_text(TIGHT)
    return path


def clients_max(limits: LimitsInForce) -> int:
    """The limit that is in force."""
    return int(getattr(limits.rule_engine().limits.rules["volume"], "clients_max"))  # noqa: B009 the class is the rule's own


def shown(metrics: Metrics) -> list[str]:
    """The hashes that the metric names."""
    return [sample.labels["hash"] for metric in metrics.limits_info.collect() for sample in metric.samples]


def failures(metrics: Metrics) -> float:
    """How many changed files were not taken."""
    return metrics.registry.get_sample_value("accesswatch_limits_reload_failures_total") or 0.0


def test_a_changed_file_is_taken(file: Path) -> None:
    """With its hash in the metric, and the old one gone from it; a batch in hand keeps what it began with."""
    metrics = Metrics()
    limits = LimitsInForce(file, "1", metrics)
    batch = limits.rule_engine()
    before = shown(metrics)
    file.write_text(LOOSE)
    limits.look()
    assert clients_max(limits) == 500
    assert batch.limits.rules["volume"] != limits.rule_engine().limits.rules["volume"]
    assert shown(metrics) == [limits.rule_engine().limits.hash] != before
    assert failures(metrics) == 0


@pytest.mark.parametrize("content", ["rules: {volume: {clients_max: -1}}", "rules: [", "rules: {nonsense: {}}"])
def test_a_bad_file_keeps_what_was(file: Path, caplog: pytest.LogCaptureFixture, content: str) -> None:
    """Said once in the log and counted once; mended, it is taken."""
    metrics = Metrics()
    limits = LimitsInForce(file, "1", metrics)
    file.write_text(content)
    with caplog.at_level(logging.ERROR):
        limits.look()
        limits.look()
    assert clients_max(limits) == 5
    assert failures(metrics) == 1
    assert len(caplog.records) == 1
    assert str(file) in caplog.text
    file.write_text(LOOSE)
    limits.look()
    assert clients_max(limits) == 500


def test_a_file_that_has_gone_keeps_what_was(file: Path) -> None:
    """It may be on its way to being replaced."""
    metrics = Metrics()
    limits = LimitsInForce(file, "1", metrics)
    file.unlink()
    limits.look()
    assert (clients_max(limits), failures(metrics)) == (5, 1)


def test_nothing_starts_with_a_bad_file(file: Path) -> None:
    """There is nothing before it that could stay in force."""
    file.write_text("rules: {volume: {clients_max: x}}")
    with pytest.raises(LimitsError):
        LimitsInForce(file, "1", Metrics())
