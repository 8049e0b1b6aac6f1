"""A contractor or third party opened a client record that their contract does not cover.

Looks for     a client's site or programme outside the actor's scope; a third party without any scope.
Cannot see    what a contract says beyond sites and programmes; clients whose site and programme are not recorded.
Innocent when the contract was extended and the register does not show it yet.
Then          check the contract's scope with its owner, and whether the actor was asked to open the record.
"""

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Abstain, Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import happened
from enrichment.facts import Known, Unknown
from enrichment.wire import Client, Scope, Staff

_CONTRACTED = frozenset({"contractor", "third_party"})


class ScopeLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: ScopeLimits) -> Answered:
    """Say whether the access is outside what the actor's contract covers. Nothing excuses it."""
    access, actor, client = case.access, case.facts.actor, case.facts.client
    if isinstance(actor, Unknown):
        return Abstain(actor.missing)
    if actor.value.kind not in _CONTRACTED:
        return quiet("the actor is neither a contractor nor a third party")
    contract = Evidence("staff record", access.staff_id, "ref.staff.v1", actor.as_of)
    if actor.value.scope is None:
        return _without_scope(case, actor.value, contract)
    if not isinstance(client, Known):
        return quiet("no client of the register was opened")
    outside = _outside(actor.value.scope, client.value)
    if not outside:
        return quiet("the client is within the actor's scope, as far as their site and programme are recorded")
    return Hit(
        "high",
        f"{happened(access)}; the client's {' and '.join(outside)} outside the scope of the actor's contract.",
        (contract, Evidence("client record", client.value.client_id, "ref.client.v1", client.as_of)),
    )


def _without_scope(case: Case, staff: Staff, contract: Evidence) -> Answered:
    if staff.kind == "contractor":
        return quiet("no scope is recorded for the contractor")
    said = "the staff record names no scope for the actor, who is a third party"
    return Hit("high", f"{happened(case.access)}; {said}.", (contract,))


def _outside(scope: Scope, client: Client) -> list[str]:
    outside = []
    if scope.sites and client.site is not None and client.site not in scope.sites:
        outside.append(f"site {client.site} is")
    if scope.programmes and client.programme is not None and client.programme not in scope.programmes:
        outside.append(f"programme {client.programme} is")
    return outside


RULE = Rule(
    id="scope",
    title="Outside the scope of a contract",
    about="actor",
    clauses=("share",),
    limits=ScopeLimits,
    evaluate=evaluate,
    asked_where=Sign.CONTRACTED | Sign.UNKNOWN,
)
