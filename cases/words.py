"""What a client reads, in a language: catalogues in gettext's form, and dates as each language writes them.

Keys are short names, so that a sentence may change without losing its translations. An entry marked fuzzy, gettext's
word for it, is a draft: a document that uses one says so.
"""

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final, Literal

from babel.dates import format_date
from babel.messages.pofile import read_po

from enrichment.nz_time import nz_time

Language = Literal["en-NZ", "mi"]
LANGUAGES: Final[tuple[Language, ...]] = ("en-NZ", "mi")
_CATALOGUES: Final = Path(__file__).with_name("locale")


@cache
def _catalogue(language: Language) -> tuple[dict[str, str], bool]:
    """Return the texts by key, and whether one of them is a draft."""
    path = _CATALOGUES / language.replace("-", "_") / "LC_MESSAGES" / "footprint.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language.replace("-", "_"))
    texts = {str(message.id): str(message.string) for message in catalogue if message.id}
    return texts, any(message.fuzzy for message in catalogue if message.id)


class Words:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._texts, self.is_draft = _catalogue(language)
        self._locale = language.replace("-", "_")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, with what belongs into it."""
        return self._texts[key].format(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def keys(self) -> frozenset[str]:
        """Return the key of each text."""
        return frozenset(self._texts)

    def day(self, day: date) -> str:
        """Return a date: 20 November 2026."""
        return format_date(day, "d MMMM y", locale=self._locale)

    def time(self, at: datetime) -> str:
        """Return an instant to the minute, with the name of New Zealand's clock: in April an hour comes twice."""
        local = nz_time(at)
        return f"{local:%H:%M} {local.tzname() or ''}".rstrip()

    def moment(self, at: datetime) -> str:
        """Return date and time."""
        return f"{self.day(nz_time(at).date())}, {self.time(at)}"
