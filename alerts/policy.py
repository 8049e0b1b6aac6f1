"""What applies to all rules: the top level of the limits file."""

from datetime import timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from enrichment.kinds import Id
from enrichment.wire import WorkKind

#: Lengths of time that are kept made: one for each limits file in force.
LENGTHS_MAX = 16


class Policy(BaseModel):
    """How long work reaches beyond its ends, which roles fit which work, and how sure a path must be."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    #: Hours before a work item's opening and after its closing in which it still explains an access.
    work_grace_hours: Annotated[float, Field(ge=0, le=24 * 31)]
    #: Role -> the kinds of work that it does for its org_unit.
    role_kinds: dict[Id, list[WorkKind]]
    #: The least product of confidences at which a path of relationships counts.
    confidence_min: Annotated[float, Field(ge=0, le=1)]

    @property
    def work_grace(self) -> timedelta:
        """``work_grace_hours`` as a length of time."""
        return _hours(self.work_grace_hours)


@lru_cache(maxsize=LENGTHS_MAX)
def _hours(number: float) -> timedelta:
    """Make a length of time once: every work item of every access is held against it."""
    return timedelta(hours=number)
