"""relative-record: a staff member opened the client record of a relative."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.relative_record import RULE
from enrichment.relationship_graph import PEOPLE_MAX
from enrichment.schemas import Relationship
from tests.support.cases import SHIPPED, a_case, asked, brief
from tests.support.records import related, staff, work

S1, C1, C2, C3 = "staff:S-1", "client:C-1", "client:C-2", "client:C-3"
NONE = "no family path leads from the actor to the client"
ONE_HOP = f"high: {S1}={C1}"
TWO_HOPS = f"medium: {S1}={C2}, {C2}={C1}"


def two(first: str = "parent", second: str = "sibling", **fields: object) -> tuple[Relationship, Relationship]:
    """A path of two hops; the fields are the second's."""
    return related(S1, C2, first), related(C2, C1, second, **fields)


FAMILY = ["partner", "parent", "child", "sibling", "grandparent", "whanau", "household"]
OTHERS = ["former_partner", "friend", "acquaintance", "club", "business", "colleague"]

CASES = [
    *(pytest.param(ONE_HOP, a_case(related(S1, C1, kind)), id=f"a {kind}") for kind in FAMILY),
    *(pytest.param(NONE, a_case(related(S1, C1, kind)), id=f"a {kind} is no relative") for kind in OTHERS),
    pytest.param(f"high: {C1}={S1}", a_case(related(C1, S1, "parent")), id="from the client to the actor"),
    pytest.param(TWO_HOPS, a_case(*two()), id="two hops"),
    pytest.param(NONE, a_case(*two("parent", "friend")), id="a relative's friend"),
    pytest.param(NONE, a_case(*two("colleague", "parent")), id="a colleague's parent"),
    pytest.param(NONE, a_case(related(S1, C2), related(C2, C3), related(C3, C1)), id="three hops"),
    pytest.param(ONE_HOP, a_case(related(S1, C1), *two()), id="one hop and two: the shorter"),
    pytest.param(
        f"high: {C2}={C1}", a_case(staff(client_ids=["C-2"]), related(C2, C1)), id="of the actor's own client record"
    ),
    pytest.param(
        f"high: {S1}=staff:S-2",
        a_case(staff("S-2", client_ids=["C-1"]), related(S1, "staff:S-2", "sibling")),
        id="a sibling who works here too",
    ),
    pytest.param(NONE, a_case(staff(client_ids=["C-1"]), related(S1, C1)), id="their own record"),
    pytest.param(ONE_HOP, a_case(related(S1, C1), work()), id="work that names them does not excuse it"),
    pytest.param(ONE_HOP, a_case(related(S1, C1), client_known=False), id="in no client record"),
    pytest.param(ONE_HOP, a_case(related(S1, C1), actor_known=False), id="in no staff record"),
    pytest.param("no client record was opened", a_case(related(S1, C1), client_id=None), id="no client"),
    pytest.param(ONE_HOP, a_case(related(S1, C1, confidence=0.5)), id="exactly sure enough"),
    pytest.param(NONE, a_case(related(S1, C1, confidence=0.4999)), id="not sure enough"),
    pytest.param(TWO_HOPS, a_case(*two(confidence=0.5)), id="two hops, exactly sure enough"),
    pytest.param(NONE, a_case(*two(confidence=0.4999)), id="two hops, not sure enough"),
    pytest.param(
        TWO_HOPS, a_case(related(S1, C1, confidence=0.4), *two()), id="one hop not sure enough, two hops are"
    ),
    pytest.param(ONE_HOP, a_case(related(S1, C1, valid_to="2026-11-20")), id="valid until that day"),
    pytest.param(NONE, a_case(related(S1, C1, valid_to="2026-11-19")), id="until the day before"),
    pytest.param(ONE_HOP, a_case(related(S1, C1, valid_from="2026-11-20")), id="valid from that day"),
    pytest.param(NONE, a_case(related(S1, C1, valid_from="2026-11-21")), id="from the day after"),
    pytest.param(
        ONE_HOP,
        a_case(related(S1, C1, valid_from="2026-11-20"), occurred_at="2026-11-19T11:00:00Z"),
        id="the day is New Zealand's: midnight there",
    ),
    pytest.param(
        NONE,
        a_case(related(S1, C1, valid_from="2026-11-20"), occurred_at="2026-11-19T10:59:59.999999Z"),
        id="a microsecond before it",
    ),
    pytest.param(NONE, a_case(*two(valid_to="2026-11-19")), id="two hops, one of them over"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_relative_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


def test_hops_max_is_a_limit() -> None:
    """One hop: a relative's relative is none."""
    assert brief(asked(RULE, a_case(*two()), hops_max=1)) == NONE
    assert brief(asked(RULE, a_case(related(S1, C1)), hops_max=1)) == ONE_HOP


def test_confidence_min_is_a_limit() -> None:
    """At 0.9, a path of 0.89 does not count."""
    policy = SHIPPED.policy.model_copy(update={"confidence_min": 0.9})
    assert brief(asked(RULE, a_case(related(S1, C1, confidence=0.9), policy=policy))) == ONE_HOP
    assert brief(asked(RULE, a_case(related(S1, C1, confidence=0.89), policy=policy))) == NONE


def crowd(size: int) -> list[Relationship]:
    """So many people whom the actor knows, and one whom the client knows."""
    known = [related(S1, f"client:X-{number}") for number in range(size)]
    return [*known, related(C1, C3)]


def test_too_many_relationships_are_not_none() -> None:
    """As many people as are looked at: none. One more: it cannot be said. A path that is seen all the same: a hit."""
    # The actor is one of them.
    assert brief(asked(RULE, a_case(*crowd(PEOPLE_MAX - 1)))) == NONE
    abstained = f"not known: the relationships around the actor or the client (more than {PEOPLE_MAX})"
    assert brief(asked(RULE, a_case(*crowd(PEOPLE_MAX)))) == abstained
    assert brief(asked(RULE, a_case(*crowd(PEOPLE_MAX), related(S1, C1)))) == ONE_HOP


SAID = "Client record C-1 was viewed on Fri 20 Nov 2026, 12:00:00 NZDT; the recorded "

SENTENCES = [
    pytest.param(
        SAID + "relationship whānau (1 hop, confidence 0.80) leads from the actor to this client.",
        a_case(related(S1, C1, "whanau", confidence=0.8)),
        id="one hop",
    ),
    pytest.param(
        SAID + "path parent > sibling (2 hops, confidence 0.75) leads from the actor to this client.",
        a_case(*two(confidence=0.75)),
        id="two hops",
    ),
]


@pytest.mark.parametrize(("expected", "case"), SENTENCES)
def test_what_it_says(expected: str, case: Case) -> None:
    """The path, its length and how sure it is."""
    answer = asked(RULE, case)
    assert isinstance(answer, Hit)
    assert expected == answer.sentence


def test_its_evidence_names_its_source() -> None:
    """Who said so, and when."""
    answer = asked(RULE, a_case(related(S1, C1, source="coi_register")))
    assert isinstance(answer, Hit)
    assert [(fact.source, fact.as_of is not None) for fact in answer.evidence] == [("coi_register", True)]
