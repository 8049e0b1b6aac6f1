"""What was looked at where no work reason was found, and why a claimed work item does not hold: as sentences."""

from collections.abc import Iterator

from alerts.explanation import KIND_WORDS, is_open
from alerts.policy import Policy
from enrichment.facts import Facts, Known
from enrichment.newzealand import nz_text
from enrichment.wire import Access, Staff, Work

#: Work items that are described one by one.
DESCRIBED_MAX = 10


def looked_at(access: Access, facts: Facts, policy: Policy, claimed_is_for: str | None) -> Iterator[str]:
    """Say what was looked at.

    Args:
        access: the access, to which these facts are no work reason.
        facts: what is known of it.
        policy: the grace and the roles.
        claimed_is_for: the client that the work item of the access's work_id is for; None where there is none.
    """
    if access.client_id is None:
        yield "No client record was opened, so no work item could be a reason."
        yield from unheld(access, facts, policy, claimed_is_for)
        return
    if not facts.work:
        yield "No work item for this client is known."
    for work in sorted(facts.work, key=lambda one: one.value.opened_at, reverse=True)[:DESCRIBED_MAX]:
        yield _described(access, facts, work.value, policy)
    if len(facts.work) > DESCRIBED_MAX:
        yield f"And {len(facts.work) - DESCRIBED_MAX} older work items for this client."
    yield from unheld(access, facts, policy, claimed_is_for)


def _described(access: Access, facts: Facts, work: Work, policy: Policy) -> str:
    what = f"{KIND_WORDS[work.kind]} {work.work_id} for this client"
    if not is_open(access, work, policy):
        return f"{what} was not open then: {_times(work, policy)}."
    names = []
    if work.staff_id is not None:
        names.append(f"staff member {work.staff_id}" if work.staff_id != access.staff_id else "this staff member")
    if work.org_unit is not None:
        names.append(f"unit {work.org_unit}{_unfit(facts, work)}")
    return f"{what} was open then and names {' and '.join(names)}."


def _unfit(facts: Facts, work: Work) -> str:
    actor: Staff | None = facts.actor.value if isinstance(facts.actor, Known) else None
    if actor is None or actor.org_unit != work.org_unit:
        return ""
    return f", the actor's own, but none of their roles ({', '.join(actor.roles) or 'none'}) does such work"


def _times(work: Work, policy: Policy) -> str:
    closed = f", closed {nz_text(work.closed_at)}" if work.closed_at is not None else ""
    return f"opened {nz_text(work.opened_at)}{closed}; {policy.work_grace_hours:g} hours before and after count too"


def unheld(access: Access, facts: Facts, policy: Policy, claimed_is_for: str | None) -> Iterator[str]:
    """Say why the work item that the access claims explains nothing, where it does not; arguments as of looked_at."""
    if access.work_id is None:
        return
    claim = f"The access carries work_id {access.work_id}, which does not hold"
    mine = next((one.value for one in facts.work if one.value.work_id == access.work_id), None)
    if mine is not None:
        if not is_open(access, mine, policy):
            yield f"{claim}: it was not open then ({_times(mine, policy)})."
    elif claimed_is_for is None:
        yield f"{claim}: no such work item is known."
    else:
        yield f"{claim}: it is for {'another' if access.client_id else 'a'} client ({claimed_is_for})."
