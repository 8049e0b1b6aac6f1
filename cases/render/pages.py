"""Pages: HTML by Jinja with every value escaped, PDF by typst with every value as data, never as markup."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES: Final = Path(__file__).with_name("templates")
#: Made for people who read with a screen reader: tags, table headers, language, title.
_STANDARD: Final = "ua-1"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def html(template: str, data: dict[str, Any]) -> bytes:
    """Return a page that stands alone: no script, and nothing that is fetched from elsewhere."""
    return _environment().get_template(f"{template}.html.j2").render(**data).encode()


def pdf(template: str, data: dict[str, Any]) -> bytes:
    """Return a PDF/UA-1: the same data give the same bytes, on any machine with this release of typst.

    Raises:
        typst.TypstError: the page is not accessible; a mistake of ours.
    """
    made: bytes = typst.compile(
        _TEMPLATES / f"{template}.typ",
        root=_TEMPLATES,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=_STANDARD,
        sys_inputs={"data": orjson.dumps(data).decode()},
    )
    return made
