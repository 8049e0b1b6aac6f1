"""A footprint as PDF/UA-1, with the content of the page of HTML."""

from cases.footprint import Footprint
from cases.render import pages
from cases.render.footprint_html import page


def render(footprint: Footprint) -> bytes:
    """Return the file: the same footprint always gives the same bytes."""
    return pages.pdf("footprint", page(footprint))
