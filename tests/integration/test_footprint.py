"""What a client, an Official Information request and an investigation get, from accesses through a real worker."""

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cases.render.footprint_json import schema
from stream.settings import Settings
from tests.integration.test_history import accesses, history, known
from tests.support.console import accesswatch
from tests.support.worker import a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

YEAR = ("--from", "2026-01-01", "--to", "2026-12-31")


@pytest.fixture
def kept(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a history, and somebody at the keyboard."""
    return environment | {"ACCESSWATCH_HISTORY": str(tmp_path / "history"), "ACCESSWATCH_ACTOR": "p1"}


def done(environment: dict[str, str], *arguments: str) -> str:
    """What a command prints that succeeds."""
    ended = accesswatch(*arguments, environment=environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def a_day(settings: Settings, kept: dict[str, str], tmp_path: Path) -> None:
    """Two visits to c1 without a work reason, and one to the actor's own record."""
    await known(settings)
    with a_worker(kept, tmp_path) as worker:
        later = [(key, value | {"occurred_at": "2026-11-20T15:00:00+13:00"}) for key, value in accesses(1, "later")]
        await publish(settings, "cms.access.v1", [*accesses(3), *later, *accesses(2, "own", "c2")])
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 6)
        eventually(lambda: worker.metric("accesswatch_alerts_total") >= 1)
        history(kept, "flush")
        assert worker.stop() == 0


def refused(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """How a command ends that fails."""
    ended = accesswatch(*arguments, environment=environment)
    return ended.returncode, ended.stderr


async def test_who_opened_a_clients_record(settings: Settings, kept: dict[str, str], tmp_path: Path) -> None:
    """As a preview in each format, and as what was released for a request; nothing in it that is not the client's."""
    await a_day(settings, kept, tmp_path)
    made: dict[str, Any] = json.loads(done(kept, "footprint", "c1", *YEAR, "--preview"))
    jsonschema.validate(made, schema())
    assert (made["preview"], made["totals"]) == (True, {"visits": 2, "screens": 4})
    assert [visit["reason"]["code"] for visit in made["visits"]] == ["unexplained", "unexplained"]
    assert [visit["screens"] for visit in made["visits"]] == [3, 1]
    text = json.dumps(made)
    for never in ("s1", "e-0", "c2", "own-record"):
        assert f'"{never}"' not in text
    named = json.loads(done(kept, "footprint", "c1", *YEAR, "--preview", "--profile", "named"))
    assert {visit["staff_id"] for visit in named["visits"]} == {"s1"}
    assert json.loads(done(kept, "footprint", "nobody", *YEAR, "--preview"))["visits"] == []
    for form in ("csv", "html", "fhir"):
        assert "review" in done(kept, "footprint", "c1", *YEAR, "--preview", "--format", form)
    out = tmp_path / "footprint.pdf"
    done(kept, "footprint", "c1", *YEAR, "--preview", "--format", "pdf", "--out", str(out))
    assert out.read_bytes().startswith(b"%PDF-")
    assert refused(kept, "footprint", "c1", *YEAR)[0] == 2
    opened = done(kept, "requests", "open", "c1", *YEAR, "--identity", "passport seen at the counter")
    number = opened.split()[0]
    assert refused(kept, "footprint", "c1", "--request", number)[0] == 2
    done(kept, "requests", "release", number)
    released = json.loads(done(kept, "footprint", "c1", "--request", number))
    assert (released["preview"], released["totals"]["visits"], released["request"]) == (False, 2, number)
    assert done(kept, "footprint", "c1", "--request", number) == done(kept, "footprint", "c1", "--request", number)
    (listed,) = json.loads(done(kept, "requests", "list", "--json"))
    assert (listed["number"], listed["status"]) == (number, "released")


async def test_the_total_and_the_tables(settings: Settings, kept: dict[str, str], tmp_path: Path) -> None:
    """Accesses, those asked about, found inappropriate, still open; investigations and ER cases by quarter."""
    await a_day(settings, kept, tmp_path)
    total: dict[str, Any] = json.loads(done(kept, "report", "total", *YEAR, "--json"))
    assert (total["accesses"], total["asked_about"], total["confirmed"], total["open"]) == (6, 2, 0, 2)
    assert total["by_rule"] == {"own-record": 2}
    (alert,) = json.loads(done(kept, "alerts", "list", "--json"))
    case = done(
        kept, "cases", "open", "--origin", "data_mining", "--question", "Why was it opened?", "--staff", "s1",
        "--alert", alert["alert_id"],
    ).split()[0]  # fmt: skip
    done(kept, "cases", "note", case, "They say that it was a test.")
    done(kept, "cases", "close", case, "--result", "substantiated", "--because", "It was their own record.")
    assert json.loads(done(kept, "report", "total", *YEAR, "--json"))["confirmed"] == 2
    shown = json.loads(done(kept, "cases", "show", case, "--json"))
    assert (shown["result"], [one["id"] for one in shown["links"]]) == ("substantiated", [alert["alert_id"]])
    number = done(kept, "er", "open", "--staff", "s1", "--type", "inappropriate_access_own").split()[0]
    done(kept, "er", "close", number, "--outcome", "verbal_advice")
    tables = json.loads(done(kept, "report", "oia", *YEAR, "--json"))["tables"]
    assert [table["number"] for table in tables] == [1, 2, 3]
    assert [sum(table["totals"]) if table["totals"] else None for table in tables][1:] == [1, 1]
    released = json.loads(done(kept, "report", "oia", *YEAR, "--json", "--release"))["tables"]
    assert "[c]" in json.dumps(released)
    out = tmp_path / "total.xlsx"
    done(kept, "report", "total", *YEAR, "--format", "xlsx", "--out", str(out))
    assert zipfile.is_zipfile(out)
