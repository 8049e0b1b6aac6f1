"""The shipped mappings: each loads, which runs its own samples, and shows enough of them."""

from pathlib import Path

import pytest
import yaml

from enrichment.mapping.check import SAMPLE_TOKEN_KEY, load
from enrichment.mapping.mapping import NOT_WANTED, Mapping

FOLDER = Path(__file__).parents[4] / "deploy" / "mappings"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
#: Samples of each.
SAMPLES_MIN = 20
#: What issue 22 names.
NAMED = {
    "csv-generic", "debezium-generic", "openemr-log", "openmrs-usage", "dhis2-tracker", "ecs", "ocsf-entity-management",
    "ocsf-datastore-activity", "fhir-auditevent-balp", "cef-audit", "cloudtrail-objects",
}  # fmt: skip


@pytest.fixture(params=SHIPPED, ids=lambda path: path.stem)
def shipped(request: pytest.FixtureRequest) -> Mapping:
    """One shipped mapping."""
    path: Path = request.param
    return load(path, token_key=SAMPLE_TOKEN_KEY)


def test_what_is_shipped() -> None:
    """Everything that was asked for, each under its file's name."""
    assert {path.stem for path in SHIPPED} >= NAMED
    for path in SHIPPED:
        assert yaml.safe_load(path.read_text("utf-8"))["mapping"] == path.stem


def test_samples_enough(shipped: Mapping) -> None:
    """At least twenty records, no two of them the same."""
    records = [repr(sample.record) for sample in shipped.file.tests]
    assert len(records) >= SAMPLES_MIN
    assert len(set(records)) == len(records)


def test_every_refusal_is_shown(shipped: Mapping) -> None:
    """Each field that a record can fail on, each reason to leave one out, and each way to delete."""
    tests = shipped.file.tests
    only_text = shipped.file.source.decode in {"csv", "cef"}
    may_fail = {
        name
        for name, spec in shipped.file.fields.items()
        # Tokens and hashes are made of any text, and a table that takes in what it does not know refuses none.
        if not (spec.drop or "const" in spec.model_fields_set or spec.token)
        and not ("unknown" in spec.model_fields_set and (only_text or spec.otherwise is None))
        and not (only_text and spec.hash)
    }
    assert may_fail - {sample.refused for sample in tests} == set()
    reasons = {skip.because for skip in shipped.file.skip}
    assert reasons - {sample.skipped for sample in tests} == set()
    if shipped.file.when is not None and shipped.file.source.decode != "debezium":
        assert any(sample.skipped == NOT_WANTED for sample in tests)
    if shipped.file.delete is not None:
        assert any(sample.deleted for sample in tests)
