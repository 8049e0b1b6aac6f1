"""Sources: systems whose records come to us as they wrote them, each with a mapping file and a raw topic of its name.

``ACCESSWATCH_MAPPINGS`` names a folder of mapping files. Each file whose records can come one by one makes a source:
the mapping ``cms-audit`` reads ``raw.cms-audit.v1``. A mapping of Parquet files is none, and is left to the imports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from enrichment.mapping.check import check
from enrichment.mapping.decoders import SchemaSource
from enrichment.mapping.mapping import Mapping
from enrichment.mapping.targets import ACCESS as ACCESSES
from stream.settings import PREFIX, Settings, SettingsError
from stream.topics import ACCESS, CATALOGUE, Topic, raw_topic, raw_topics, reference_topic

#: Sources of one installation: each has two topics and a few series of metrics.
SOURCES_MAX: Final = 50
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Source:
    """One system whose records are mapped."""

    mapping: Mapping

    @property
    def name(self) -> str:
        """What it is called in topics, metrics and commands: the name of its mapping."""
        return self.mapping.name

    @property
    def raw(self) -> str:
        """The topic that it comes by, without the prefix."""
        return raw_topic(self.name)

    @property
    def target(self) -> str:
        """The topic that what is made of it goes to, without the prefix."""
        return ACCESS if self.mapping.target.name == ACCESSES else reference_topic(self.mapping.target.name)


def sources(settings: Settings, schemas: SchemaSource | None = None) -> list[Source]:
    """Read every mapping file of the folder that the settings name; none where they name none.

    Raises:
        SettingsError: with a sentence for each mistake in the folder and in its files.
    """
    if settings.mappings is None:
        return []
    found: list[Source] = []
    mistakes: list[str] = []
    key = settings.token_key
    for file in _files(settings.mappings):
        checked = check(file, schemas=schemas, token_key=None if key is None else key.get_secret_value().encode())
        mistakes += checked.sentences
        if checked.mapping is not None and checked.mapping.file.source.decode != "parquet":
            if any(one.name == checked.mapping.name for one in found):
                mistakes.append(f"{file}: another mapping of the folder is called {checked.mapping.name}, too.")
            source = checked.mapping.file.source
            if settings.schema_registry is None and "avro" in {source.decode, source.encoding}:
                mistakes.append(f"{file}: reads Avro, and {PREFIX}SCHEMA_REGISTRY is not set.")
            found.append(Source(checked.mapping))
    if len(found) > SOURCES_MAX:
        mistakes.append(f"{PREFIX}MAPPINGS: {settings.mappings} holds more than {SOURCES_MAX} mappings.")
    if not found and not mistakes:
        mistakes.append(f"{PREFIX}MAPPINGS: {settings.mappings} holds no mapping file (.yaml) of a source.")
    if mistakes:
        raise SettingsError(mistakes)
    return found


def catalogue(settings: Settings) -> Sequence[Topic]:
    """Return every topic of this installation: those of the contract, and two for each source.

    Raises:
        SettingsError: as ``sources``.
    """
    return [*CATALOGUE, *(topic for one in sources(settings) for topic in raw_topics(one.name))]


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    except OSError as error:
        raise SettingsError(f"{PREFIX}MAPPINGS: {folder} cannot be read ({error.strerror}).") from None
