"""One access with everything that judging it needs: the rules see this and nothing else."""

from dataclasses import dataclass

from alerts.assessment import Evidence
from alerts.explanation import WorkReason
from alerts.policy import Policy
from enrichment.facts import Facts
from enrichment.wire import Access


@dataclass(frozen=True, slots=True)
class Case:
    """An access, the facts about the people in it, and the work reasons found for it, strongest first."""

    access: Access
    facts: Facts
    work_reasons: tuple[WorkReason, ...]
    policy: Policy

    def work_evidence(self) -> tuple[Evidence, ...]:
        """Give the strongest work reason as evidence, where there is one."""
        return tuple(
            Evidence("work item", reason.work.value.work_id, "ref.work.v1", reason.work.as_of)
            for reason in self.work_reasons[:1]
        )
