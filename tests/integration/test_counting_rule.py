"""A rule that counts is one file, the registry and its limits: one is added, judges on both stores, and is removed."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from alerts.detection.config import LimitsError, load
from alerts.detection.counting import count_distinct
from alerts.detection.engine import RuleEngine
from alerts.detection.precondition import Precondition
from alerts.detection.registry import RULES
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, no_match
from enrichment.windows.memory import MemoryWindows
from enrichment.windows.redis import RedisWindows
from enrichment.windows.spec import HOUR
from stream.redis_connection import connect
from stream.settings import Settings
from tests.support.cases import facts_for
from tests.support.records import an_access, work

pytestmark = [pytest.mark.services]


def _is_update(case: Case) -> bool:
    return case.access.action == "update"


CLIENTS = count_distinct("z", "client", by="staff", within=HOUR, stands_when=Precondition.EXPLAINED, where=_is_update)


class ManyUpdatesLimits(Limits):
    """How many are many."""

    #: Distinct clients in an hour whose records were changed.
    clients_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: ManyUpdatesLimits) -> RuleResult:
    """Return whether the records of enough clients were changed in an hour, with work for each."""
    count = case.found(CLIENTS).count
    return Hit("low", f"{count} client records were changed.") if count >= limits.clients_min else no_match("few")


RULE = Rule(
    id="many-updates",
    title="Many records changed",
    about="actor",
    clauses=("purpose",),
    limits=ManyUpdatesLimits,
    evaluate=evaluate,
    applies_when=Precondition.EXPLAINED,
    counts=(CLIENTS,),
)


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_a_counting_rule_is_added_and_removed(
    kind: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its limits in a file it counts updates that work explains; removed, its limits are refused."""
    own = tmp_path / "limits.yaml"
    own.write_text(
        "rules:\n  many-updates:\n    stage: live\n    clients_min: 3\n"
        "    settle_minutes: 0\n    audience: integrity\n",
        "utf-8",
    )
    client = connect(settings)
    store = MemoryWindows() if kind == "memory" else RedisWindows(client, f"{settings.group}:")
    with monkeypatch.context() as patch:
        patch.setitem(RULES, RULE.id, RULE)
        engine = RuleEngine(load(own), "release of a test")
        outcomes = []
        for number, action in enumerate(("update", "update", "view", "update")):
            access = an_access(event_id=f"e{number}", client_id=f"C-{number}", action=action)
            case = engine.case(access, facts_for(access, work(client_id=f"C-{number}")))
            (answered,) = await store.observe([engine.observe(case)], engine.plan)
            outcomes.append([answer.rule for answer in engine.judge(case.with_windows(answered)).assessment.answers])
    await client.aclose()
    assert outcomes == [[], [], [], ["many-updates"]]
    with pytest.raises(LimitsError, match="there is no rule of this name"):
        load(own)
