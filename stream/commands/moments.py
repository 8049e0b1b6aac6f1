"""Moments as people write them on the command line: a New Zealand date, a time, or so long ago."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

import typer

from enrichment.newzealand import ZONE

_AGO: Final = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(text: str) -> datetime:
    """Read a New Zealand date (its first moment), a time with its offset, or a length of time ago.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - int(ago[1]) * _UNITS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), ZONE)
    except ValueError:
        raise typer.BadParameter("must look like 2026-11-20, 2026-11-20T09:00:00+13:00, 90m, 24h or 7d") from None
