"""colleague-circle: a staff member opened the client record of somebody close to a colleague of their unit."""

from dataclasses import replace

import pytest

from alerts.detection.engine import RuleEngine
from alerts.detection.rule import Case
from alerts.detection.rules.colleague_circle import RULE
from enrichment.relationship_graph import PEOPLE_MAX
from tests.support.cases import SHIPPED, a_case, asked, in_a_word
from tests.support.records import client, related, staff, work

S1, S2, C1, C2 = "staff:S-1", "staff:S-2", "client:C-1", "client:C-2"
COLLEAGUE = staff("S-2")
CIRCLE = (COLLEAGUE, related(S2, C1, "friend"))
KINDS = [
    "partner", "parent", "child", "sibling", "grandparent", "whanau", "household", "friend", "former_partner",
    "acquaintance", "club",
]  # fmt: skip

#: More people around the client than are looked at; a club is the largest kind, and so the first that is cut off.
CROWD = [related(C1, f"client:X-{number}", "club") for number in range(PEOPLE_MAX + 1)]

CASES = [
    *(pytest.param("medium", a_case(COLLEAGUE, related(S2, C1, kind)), id=kind) for kind in KINDS),
    *(
        pytest.param("quiet", a_case(COLLEAGUE, related(S2, C1, kind)), id=f"a {kind} is none")
        for kind in ("colleague", "business")
    ),
    pytest.param("medium", a_case(COLLEAGUE, related(C1, S2)), id="the other way round"),
    pytest.param(
        "medium", a_case(staff("S-2", client_ids=["C-2"]), related(C2, C1)), id="of the colleague's own client record"
    ),
    pytest.param("quiet", a_case(staff("S-2", client_ids=["C-1"])), id="the colleague's own record is no hop away"),
    pytest.param(
        "medium",
        a_case(staff("S-2", client_ids=["C-1"]), staff("S-3"), related("staff:S-3", S2, "friend")),
        id="the record of a colleague who is another's friend",
    ),
    pytest.param("quiet", a_case(COLLEAGUE, related(S2, C2), related(C2, C1)), id="two hops"),
    pytest.param("quiet", a_case(staff("S-2", org_unit="U-2"), related(S2, C1)), id="of another unit"),
    pytest.param("quiet", a_case(staff("S-2", status="ended"), related(S2, C1)), id="has left"),
    pytest.param("medium", a_case(staff("S-2", status="suspended"), related(S2, C1)), id="is suspended"),
    pytest.param("quiet", a_case(related(S2, C1)), id="a colleague in no staff record"),
    pytest.param("quiet", a_case(related(S1, C1, "friend")), id="the actor is no colleague of their own"),
    pytest.param("quiet", a_case(*CIRCLE, staff(client_ids=["C-1"])), id="the actor's own record"),
    pytest.param("quiet", a_case(*CIRCLE, work()), id="excused by work"),
    pytest.param("quiet", a_case(*CIRCLE, work(staff_id="S-9"), work_id="W-1"), id="excused by claimed work"),
    pytest.param("medium", a_case(COLLEAGUE, related(S2, C1, confidence=0.5)), id="exactly sure enough"),
    pytest.param("quiet", a_case(COLLEAGUE, related(S2, C1, confidence=0.49)), id="not sure enough"),
    pytest.param("medium", a_case(COLLEAGUE, related(S2, C1, valid_to="2026-11-20")), id="until that day"),
    pytest.param("quiet", a_case(COLLEAGUE, related(S2, C1, valid_to="2026-11-19")), id="until the day before"),
    pytest.param(
        "not known: the staff record of the actor", a_case(*CIRCLE, actor_known=False), id="in no staff record"
    ),
    pytest.param("quiet", a_case(*CIRCLE, work(), actor_known=False), id="in no staff record, excused"),
    pytest.param("medium", a_case(*CIRCLE, client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(*CIRCLE, client_id=None), id="no client"),
    pytest.param(
        f"not known: the relationships around the client (more than {PEOPLE_MAX})",
        a_case(COLLEAGUE, *CROWD),
        id="in a crowd, where a colleague may be",
    ),
    pytest.param("medium", a_case(*CIRCLE, *CROWD), id="in a crowd, and a colleague in sight"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_colleague_circle(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def hits(case: Case, **stages: str) -> set[str]:
    """The rules that hit when all are asked, live unless said otherwise."""
    rules = {
        rule: limits.model_copy(update={"stage": stages.get(rule.replace("-", "_"), "live")})
        for rule, limits in SHIPPED.rules.items()
    }
    assessment = RuleEngine(replace(SHIPPED, rules=rules), "release of a test").judge(case).assessment
    return {answer.rule for answer in assessment.answers if answer.answer == "hit"}


@pytest.mark.parametrize(
    ("kind", "rule"), [("sibling", "relative"), ("club", "acquaintance"), ("business", "business")]
)
def test_it_gives_way_to_a_live_hit_only(kind: str, rule: str) -> None:
    """Of a rule about the actor's own circle; in shadow or off that rule silences nothing."""
    case = a_case(*CIRCLE, related(S1, C1, kind))
    assert hits(case) == {f"{rule}-record"}
    assert hits(case, **{f"{rule}_record": "shadow"}) == {f"{rule}-record", "colleague-circle"}
    assert hits(case, **{f"{rule}_record": "off"}) == {"colleague-circle"}


def test_it_does_not_give_way_to_others() -> None:
    """A restricted record in a colleague's circle is two questions."""
    assert hits(a_case(*CIRCLE, client(restricted=True))) == {"colleague-circle", "restricted-record"}
