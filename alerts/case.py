"""One access with everything that judging it needs: the rules see this and nothing else."""

from typing import NamedTuple

from alerts.explanation import WorkReason
from alerts.policy import Policy
from enrichment.facts import Facts
from enrichment.windows import Windows
from enrichment.wire import Access

_NO_WINDOWS = Windows()


class Case(NamedTuple):
    """An access, the facts about the people in it, and the work reasons found for it, strongest first."""

    access: Access
    facts: Facts
    work_reasons: tuple[WorkReason, ...]
    policy: Policy
    #: What earlier accesses and this one have left in the windows.
    windows: Windows = _NO_WINDOWS
    #: Whether a media watchlist entry with enough weight covers the client.
    watchlisted: bool = False

    def with_windows(self, windows: Windows) -> "Case":
        """Give this case with what the windows answered."""
        return Case(self.access, self.facts, self.work_reasons, self.policy, windows, self.watchlisted)

    @property
    def unexplained(self) -> bool:
        """There is a client, and no work reason was found."""
        return self.access.client_id is not None and not self.work_reasons
