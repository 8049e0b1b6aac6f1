"""The limits file: merged over the shipped one, hashed, and refused with a sentence for each mistake."""

from pathlib import Path

import pytest

from alerts.detection.config import FILE_BYTES_MAX, LimitsError, load
from alerts.detection.registry import RULES
from tests.support.cases import SHIPPED

GOLDEN = Path(__file__).parents[3] / "golden" / "limits"
NO_SUCH_RULE = f"there is no rule of this name; the rules are {', '.join(RULES)}"
STAGES = "input should be 'live', 'shadow' or 'off'"
OWN_RECORD, RELATIVE, MEDIA = "rules.own-record", "rules.relative-record", "rules.media-watchlist"
TOP = "must hold names and values at its top level"


def mistakes(path: Path) -> list[str]:
    """What is said of a file, without its name."""
    with pytest.raises(LimitsError) as error:
        load(path)
    assert all(sentence.startswith(str(path)) and sentence.endswith(".") for sentence in error.value.sentences)
    return [sentence.removeprefix(str(path)).lstrip(", :").removesuffix(".") for sentence in error.value.sentences]


MISTAKES = [
    ("bad-unknown-rule", f"line 2: rules.own-recrod: {NO_SUCH_RULE}"),
    ("bad-unknown-limit", f"line 3: {RELATIVE}.hops_maximum: there is no such limit"),
    ("bad-unknown-top", "line 2: work_grace_minutes: there is no such limit"),
    ("bad-number-as-text", f"line 3: {MEDIA}.half_life_hours: input should be a valid number"),
    ("bad-fraction-of-a-hop", f"line 3: {RELATIVE}.hops_max: input should be a valid integer"),
    ("bad-true-for-a-number", f"line 3: {RELATIVE}.hops_max: input should be a valid integer"),
    ("bad-negative", "line 1: work_grace_hours: input should be greater than or equal to 0"),
    ("bad-too-many-hops", f"line 3: {RELATIVE}.hops_max: input should be less than or equal to 4"),
    ("bad-share-above-one", "line 1: confidence_min: input should be less than or equal to 1"),
    ("bad-not-a-number", "line 1: confidence_min: input should be a valid number"),
    ("bad-no-yaml", "line 3: is no YAML (expected ',' or '}', but got '<stream end>')"),
    ("bad-tabs", r"line 2: is no YAML (found character '\t' that cannot start any token)"),
    ("bad-two-documents", "line 2: is no YAML (but found another document)"),
    ("bad-key-twice", f"line 4: {OWN_RECORD} stands here a second time"),
    ("bad-key-twice-inside", f"line 5: {MEDIA}.weight_min stands here a second time"),
    ("bad-stage-maybe", f"line 3: {OWN_RECORD}.stage: {STAGES}"),
    ("bad-stage-no", f"line 3: {OWN_RECORD}.stage: {STAGES}"),
    ("bad-stage-capital", f"line 3: {OWN_RECORD}.stage: {STAGES}"),
    ("bad-rules-a-list", "line 1: rules: must hold a rule's name and its limits in each line"),
    ("bad-rules-empty", "line 1: rules: must hold a rule's name and its limits in each line"),
    ("bad-rule-empty", f"line 2: {RELATIVE}: must hold the rule's limits, a name and a value in each line"),
    ("bad-rule-a-word", f"line 2: {RELATIVE}: must hold the rule's limits, a name and a value in each line"),
    ("bad-a-list", TOP),
    ("bad-a-word", TOP),
    ("bad-kinds-as-text", "line 2: role_kinds.media: input should be a valid list"),
    ("bad-name-a-list", "line 2: a name must be a plain word"),
    ("bad-alias-without-end", "line 1: nests deeper than 72"),
]


@pytest.mark.parametrize(("name", "expected"), [pytest.param(*row, id=row[0]) for row in MISTAKES])
def test_a_mistake(name: str, expected: str) -> None:
    """One file for each, and the one sentence: the line, the key, what is wrong with it."""
    assert [expected] == mistakes(GOLDEN / f"{name}.yaml")


def test_an_unknown_kind_of_work() -> None:
    """The sentence names those that there are."""
    (sentence,) = mistakes(GOLDEN / "bad-work-kind.yaml")
    assert sentence.startswith("line 2: role_kinds.media.1: input should be 'case_management', ")


def test_a_file_runs_nothing() -> None:
    """A tag that would call a function in a careless reader."""
    (sentence,) = mistakes(GOLDEN / "bad-python-object.yaml")
    assert sentence == "line 1: a tag (tag:yaml.org,2002:python/object/apply:os.getcwd) is not taken"


def test_all_mistakes_are_said_at_once() -> None:
    """So that a file is mended in one go."""
    expected = {
        f"line 3: rules.own-recrod: {NO_SUCH_RULE}",
        "line 1: work_grace_hours: input should be a valid number",
        f"line 5: {RELATIVE}.stage: {STAGES}",
        f"line 6: {RELATIVE}.hops_max: input should be greater than or equal to 1",
    }
    assert expected == set(mistakes(GOLDEN / "bad-several.yaml"))


def test_every_file_has_its_row() -> None:
    """No bad file lies there untested."""
    elsewhere = {"bad-work-kind", "bad-python-object", "bad-several"}
    assert {path.stem for path in GOLDEN.glob("bad-*.yaml")} == {name for name, _ in MISTAKES} | elsewhere


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a directory, not text, too large: a sentence each."""
    assert mistakes(tmp_path / "missing.yaml") == ["cannot be read (No such file or directory)"]
    assert mistakes(tmp_path) == ["cannot be read (Is a directory)"]
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"confidence_min: 0.5 # \xff")
    assert mistakes(binary) == ["is not UTF-8 text"]
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * FILE_BYTES_MAX)
    assert SHIPPED.hash == load(large).hash
    large.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert mistakes(large) == [f"is larger than {FILE_BYTES_MAX} bytes"]


# -- merging --------------------------------------------------------------------------------------------------------


def test_off_is_a_word() -> None:
    """``stage: off`` needs no quotes, although YAML 1.1 reads it as false; everything else stays as shipped."""
    loaded = load(GOLDEN / "good-stage-off.yaml")
    assert loaded.rules["own-record"].stage == "off"
    assert {rule: limits for rule, limits in loaded.rules.items() if rule != "own-record"} == {
        rule: limits for rule, limits in SHIPPED.rules.items() if rule != "own-record"
    }
    assert SHIPPED.policy == loaded.policy


def test_a_rule_is_merged_key_by_key() -> None:
    """A file that names one limit keeps the rule's others, and its stage."""
    expected = SHIPPED.rules["media-watchlist"].model_copy(update={"half_life_hours": 24.0})
    assert expected == load(GOLDEN / "good-one-limit.yaml").rules["media-watchlist"]


def test_a_list_replaces_a_list() -> None:
    """It is not added to it; other roles stay, new ones come."""
    role_kinds = load(GOLDEN / "good-list-replaces-list.yaml").policy.role_kinds
    assert SHIPPED.policy.role_kinds | {"case_manager": ["review"], "clerk": []} == role_kinds


def test_all_rules_can_be_named_or_none() -> None:
    """An empty file and the shipped one itself change nothing."""
    for name in ("good-empty", "good-comments-only", "good-same-again"):
        loaded = load(GOLDEN / f"{name}.yaml")
        assert (SHIPPED.policy, SHIPPED.rules) == (loaded.policy, loaded.rules)


def test_the_hash_names_the_values() -> None:
    """It changes with any value, and not with comments, order or the way a value is written."""
    hashes = {path.stem: load(path).hash for path in GOLDEN.glob("good-*.yaml")}
    assert {"good-empty", "good-comments-only", "good-same-again"} == {
        name for name, found in hashes.items() if found == SHIPPED.hash
    }
    assert len(set(hashes.values())) == len(hashes) - 2


def test_how_far_relationships_are_followed(tmp_path: Path) -> None:
    """As far as the rule that looks farthest; a rule that is further tuned moves it."""
    assert SHIPPED.hops_max == 2
    path = tmp_path / "limits.yaml"
    path.write_text("rules: {relative-record: {hops_max: 4}}")
    assert load(path).hops_max == 4
