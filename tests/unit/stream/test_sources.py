"""Sources: a folder of mapping files, what each is called, and every mistake at once."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from enrichment.mapping.mapping_file import MappingFile
from stream.acls import needed
from stream.settings import Settings, SettingsError
from stream.sources import SOURCES_MAX, catalogue, sources
from stream.topics import CATALOGUE, INPUT_BYTES_MAX
from tests.support.raw_sources import TRIAL, a_folder

SHIPPED = Path(__file__).parents[3] / "deploy" / "mappings"
PARQUET = TRIAL.replace("decode: json", "decode: parquet").replace("mapping: trial", "mapping: files")


def named(name: str) -> str:
    """Return the mapping under another name."""
    return TRIAL.replace("mapping: trial", f"mapping: {name}")


def test_without_a_folder_there_are_none() -> None:
    """And no topic beside those of the contract."""
    assert sources(Settings()) == []
    assert tuple(catalogue(Settings())) == CATALOGUE


def test_each_mapping_is_a_source_with_two_topics(tmp_path: Path) -> None:
    """Of its own name; a mapping of Parquet files, which do not come one by one, is none."""
    folder = a_folder(tmp_path / "m", a=named("a"), b=named("b"), files=PARQUET)
    (folder / "README.md").write_text("no mapping")
    settings = Settings(mappings=folder)
    assert [(one.name, one.raw, one.target) for one in sources(settings)] == [
        ("a", "raw.a.v1", "cms.access.v1"),
        ("b", "raw.b.v1", "cms.access.v1"),
    ]
    new = catalogue(settings)[len(CATALOGUE) :]
    assert [one.name for one in new] == ["raw.a.v1", "raw.a.v1.dlq", "raw.b.v1", "raw.b.v1.dlq"]
    assert new[0].bytes_max == INPUT_BYTES_MAX


def test_the_shipped_mappings_are_sources() -> None:
    """All of them together in one folder, as somebody may try them."""
    assert len(sources(Settings(mappings=SHIPPED))) == len(list(SHIPPED.glob("*.yaml")))


def test_one_file_may_stand_for_a_folder(tmp_path: Path) -> None:
    """Whoever has one source need not make a folder."""
    assert [one.name for one in sources(Settings(mappings=a_folder(tmp_path / "m") / "trial.yaml"))] == ["trial"]


def test_every_mistake_is_a_sentence(tmp_path: Path) -> None:
    """Of each file, with its place; two mappings of one name would read one topic."""
    folder = a_folder(tmp_path / "m", a=TRIAL, b=TRIAL, c=TRIAL.replace("staff_id: user", "staff_id: usr"))
    with pytest.raises(SettingsError) as refused:
        sources(Settings(mappings=folder))
    first, second = refused.value.sentences[:2]
    assert first.endswith("b.yaml: another mapping of the folder is called trial, too.")
    assert "c.yaml, line " in second


@pytest.mark.parametrize(
    ("made", "sentence"), [(False, "cannot be read (No such file or directory)"), (True, "holds no mapping file")]
)
def test_a_folder_that_holds_nothing_is_a_mistake(tmp_path: Path, made: bool, sentence: str) -> None:
    """A worker that would read nothing for ever is not started."""
    folder = tmp_path / "m"
    if made:
        folder.mkdir()
    with pytest.raises(SettingsError, match="ACCESSWATCH_MAPPINGS") as refused:
        sources(Settings(mappings=folder))
    assert sentence in str(refused.value)


def test_sources_are_bounded(tmp_path: Path) -> None:
    """Each is a topic and some series of metrics."""
    files = {f"s{number}": named(f"s{number}") for number in range(SOURCES_MAX + 1)}
    with pytest.raises(SettingsError, match=f"holds more than {SOURCES_MAX} mappings"):
        sources(Settings(mappings=a_folder(tmp_path / "m", **files)))


def test_an_agent_may_write_what_its_mappings_make_and_no_more(tmp_path: Path) -> None:
    """Without sources it needs nothing at all."""
    assert needed(Settings(), ["adapt", "adapt replay"]) == []
    settings = Settings(mappings=a_folder(tmp_path / "m"), topic_prefix="p.", group="g")
    assert {(one.operation, one.resource, one.name) for one in needed(settings, ["adapt"])} == {
        ("Read", "topic", "p.raw.trial.v1"),
        ("Write", "topic", "p.raw.trial.v1.dlq"),
        ("Write", "topic", "p.cms.access.v1"),
        ("Read", "group", "g-p.adapt"),
    }


def test_a_source_can_be_called_by_any_name_that_a_mapping_may_have() -> None:
    """Kafka takes letters, digits, dots, hyphens and underscores, up to 249: with prefix and ending it fits."""
    longest = MappingFile.model_fields["mapping"].metadata[0].pattern
    assert longest == r"^[a-z0-9][a-z0-9._-]{0,63}$"
    assert len("raw." + 64 * "x" + ".v1.dlq") + 100 < 249


def test_avro_needs_a_registry(tmp_path: Path) -> None:
    """Else every record would be parked; said at the start."""
    folder = a_folder(tmp_path / "m", trial=TRIAL.replace("decode: json", "decode: avro"))
    with pytest.raises(SettingsError, match=r"trial.yaml: reads Avro, and ACCESSWATCH_SCHEMA_REGISTRY is not set"):
        sources(Settings(mappings=folder))
    registry = SecretStr("http://127.0.0.1:1")
    assert len(sources(Settings(mappings=folder, schema_registry=registry))) == 1
