"""Small pictures of a row over the quarters, each with a text in its place; the numbers stand in the table beside."""

from collections.abc import Sequence
from html import escape
from typing import Final

from cases.report_model import Shown

_WIDTH: Final = 180
_HEIGHT: Final = 56
_GAP: Final = 3
_ACCENT: Final = "#0b5563"
_HIDDEN: Final = "#c5d0d6"


def picture(label: str, values: Sequence[Shown]) -> str:
    """Return an SVG of bars; what is hidden is a pale bar of half the height, so that it does not look like a zero."""
    numbers = [value for value in values if isinstance(value, int | float)]
    largest = max(numbers, default=0) or 1
    step = (_WIDTH + _GAP) / max(1, len(values))
    bars = []
    for at, value in enumerate(values):
        is_number = isinstance(value, int | float)
        height = (_HEIGHT - 2) * value / largest if isinstance(value, int | float) else (_HEIGHT - 2) / 2
        colour = _ACCENT if is_number else _HIDDEN
        bars.append(
            f'<rect x="{at * step:.1f}" y="{_HEIGHT - 1 - height:.1f}" width="{step - _GAP:.1f}" '
            f'height="{height:.1f}" fill="{colour}"/>'
        )
    said = escape(text(label, values))
    line = f'<rect x="0" y="{_HEIGHT - 1}" width="{_WIDTH}" height="1" fill="#4a5a66"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{said}"><title>{said}</title>{"".join(bars)}{line}</svg>'
    )


def text(label: str, values: Sequence[Shown]) -> str:
    """Return what the picture shows, in words."""
    return f"{label}: {', '.join(str(value) for value in values)}"
