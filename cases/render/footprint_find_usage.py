"""A footprint as the answer of Estonia's data tracker (``findUsage``): when, what was done, which office; newest first.

The protocol: e-gov/AJ, ``Kasutusteabe_esitamise_protokoll.md``, section 8.1.4.
"""

from datetime import datetime

import orjson

from cases.footprint import Footprint
from cases.render.footprint_texts import who, why
from cases.words import Words
from enrichment.errors import UserError


def render(footprint: Footprint) -> bytes:
    """Return the usages as JSON: ``{"findUsageResponse": {"usage": [{logtime, action, receiver}]}}``.

    Raises:
        UserError: the profile has no times.
    """
    if footprint.profile == "date_only":
        raise UserError("findUsage needs the time of each usage, which the profile date_only does not show.")
    words = Words(footprint.language)
    usages = [
        {
            "logtime": visit.first.isoformat() if isinstance(visit.first, datetime) else None,
            "action": why(visit, words),
            "receiver": ", ".join(filter(None, who(visit, words))),
        }
        for visit in reversed(footprint.visits)
    ]
    answer = {"findUsageResponse": {"usage": usages}, "notes": footprint.notes}
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
