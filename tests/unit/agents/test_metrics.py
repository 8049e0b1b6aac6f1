"""The metrics: the contract's are there, each is described, labels are bounded, and the manual is what they say."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.activity import OrgUnits
from agents.metrics import LABELS, Metrics, at_zero, manual
from enrichment.facts import Known, Unknown
from enrichment.schemas import Staff
from tests.support.records import staff

MANUAL = Path(__file__).parents[3] / "docs" / "metrics.md"
#: ``docs/contract.md`` section 6.
CONTRACT = {
    "accesses_total": ("action", "outcome"),
    "rule_answers_total": ("rule", "answer", "stage"),
    "unknown_fields_total": ("topic",),
    "alerts_total": ("rule", "severity"),
    "notifications_total": ("channel", "result"),
    "access_to_alert_seconds": (),
    "dead_letters_total": ("topic", "stage"),
    "consumer_lag_records": ("topic", "partition"),
    "oldest_unprocessed_seconds": ("topic",),
    "last_commit_timestamp_seconds": ("topic",),
    "reference_records": ("kind",),
    "reference_age_seconds": (),
    "active_staff": ("window", "kind"),
    "staff_hourly_accesses": (),
    "staff_registered": (),
}


def test_the_manual_is_up_to_date() -> None:
    """Written again whenever a metric changes."""
    assert MANUAL.read_text("utf-8") == manual(), "docs/metrics.md is not what the metrics say: run `make docs`"


@pytest.mark.parametrize(("name", "labels"), CONTRACT.items())
def test_the_contracts_metrics_are_there(name: str, labels: tuple[str, ...]) -> None:
    """With exactly the labels that it names."""
    assert [one.labels for one in Metrics().forms.described if one.name == f"accesswatch_{name}"] == [labels]


def test_every_label_has_a_bound() -> None:
    """A label that nobody has thought about, such as a person's id, has no line in ``LABELS``."""
    used = {label for one in Metrics().forms.described for label in one.labels}
    assert used == LABELS.keys()


def test_everything_on_the_registry_is_described() -> None:
    """Nothing is shown that the manual does not have."""
    metrics = Metrics()
    shown = {family.name for family in metrics.registry.collect()}
    assert shown <= {one.name.removesuffix("_total") for one in metrics.forms.described}
    assert all(one.meaning.endswith(".") and one.rise.endswith(".") for one in metrics.forms.described)


def test_series_can_be_shown_before_they_count() -> None:
    """Else the first event of a series would be no rise."""
    metrics = Metrics()
    at_zero(metrics.notifications, ["mail"], ["sent", "parked"])
    labels = {"channel": "mail", "result": "parked"}
    assert metrics.registry.get_sample_value("accesswatch_notifications_total", labels) == 0


AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_units_are_counted_while_they_are_few() -> None:
    """One more than the bound, and no unit is shown any more: what the first ones had would be read as the whole."""
    metrics = Metrics()
    units = OrgUnits(metrics, units_max=2)
    units.count([_of("U-1"), _of("U-2"), _of("U-1"), Unknown("staff S-9")])
    assert _shown(metrics) == {"U-1": 2, "U-2": 1}
    units.count([_of("U-3"), _of("U-1")])
    assert _shown(metrics) == {}


def _of(unit: str) -> Known[Staff]:
    return Known(staff(org_unit=unit), AT)


def _shown(metrics: Metrics) -> dict[str, float]:
    samples = [sample for family in metrics.org_unit_accesses.collect() for sample in family.samples]
    return {one.labels["org_unit"]: one.value for one in samples if one.name.endswith("_total")}
