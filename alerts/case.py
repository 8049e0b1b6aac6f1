"""One access with everything that judging it needs: the rules see this and nothing else."""

from dataclasses import dataclass

from enrichment.wire import Access


@dataclass(frozen=True, slots=True)
class Case:
    """An access and the facts about the people in it."""

    access: Access
