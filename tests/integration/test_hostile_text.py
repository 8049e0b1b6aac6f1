"""Every command on a terminal, with text in all that it shows that would erase the screen, forge lines or hide."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from sqlalchemy import create_engine

from agents.dead_letter import PREFIX
from alerts.alert import alert_id
from alerts.assessment import Evidence
from alerts.detection.registry import RULES
from alerts.store.store import Store
from alerts.store.tables import NOTIFICATIONS
from enrichment.nz_time import nz_date
from enrichment.reference.layout import index_entries, record_id
from enrichment.reference.redis import Change, RedisReferenceStore
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.redis_connection import namespace
from stream.settings import Settings
from stream.topics import ACCESS, ASSESSMENT, dead_letter_topic
from tests.integration.test_shelves import kind_of
from tests.support.alert_builders import NOON, NOW, a_hit, an_answer
from tests.support.records import client, related, staff, watched
from tests.support.terminal import Terminal, a_terminal

pytestmark = pytest.mark.services

#: Clears the screen, sets the title, rings, turns text around, hides, overwrites the line, forges another, and markup.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u200b\rforged\n  forged line [/] [bold red]x[/] [link=http://x]y\u3164"
#: The same as far as it can stand in a setting that names a file: without a line end.
IN_A_PATH = HOSTILE.translate(dict.fromkeys(map(ord, "/\r\n")))
#: Nothing of these may reach a terminal.
STEERING = ("\x1b[2J", "\x1b]0;", "\x07", "\x9b", "\u202e", "\u200b", "\u3164")
#: An id that the contract takes: each of its characters can be printed.
MARKUP = "[/] [bold]S\u3164[/bold]"
ESCAPED = "<U+001B>[2J"
COLUMNS, LINES = 400, 60
ALERT = alert_id(MARKUP, MARKUP, nz_date(NOON))


@pytest.fixture
async def _everything(settings: Settings, environment: dict[str, str], topics: list[str]) -> None:  # noqa: ARG001 made first
    """What every command reads: records in Redis, an alert with its history, an assessment, a dead letter."""
    await _known(settings)
    _alert(settings)
    async with Publisher(aiokafka_options(settings)) as publisher:
        key, topic = MARKUP.encode(), settings.topic(ASSESSMENT)
        await publisher.send(topic, key, orjson.dumps(_assessment("E-hostile")))
        await publisher.send(topic, key, orjson.dumps(_assessment(MARKUP)))
        forged = [
            (PREFIX + name, HOSTILE.encode())
            for name in ("topic", "stage", "exception.class.name", "exception.message", "left.out")
        ]
        await publisher.send(settings.topic(dead_letter_topic(ACCESS)), key, b'"E-parked"', forged)
        await publisher.flush()
    environment["ACCESSWATCH_ACTOR"] = "S-9"


async def _known(settings: Settings) -> None:
    assert settings.redis is not None
    redis: Redis = Redis.from_url(settings.redis.get_secret_value())
    references = RedisReferenceStore(redis, namespace(settings))
    epoch = await references.begin("generation.nonce")
    records = [
        staff(MARKUP, org_unit=MARKUP),
        client("C-1", site=MARKUP),
        related(f"staff:{MARKUP}", "client:C-1", relationship_id=MARKUP),
        watched(label=HOSTILE, source=HOSTILE),
    ]
    changes = [
        Change(number, kind_of(record), record_id(kind_of(record), record), index_entries(record, 1_763_586_847_123))
        for number, record in enumerate(records)
    ]
    await references.apply(epoch, f"{settings.topic('ref.staff.v1')}:0", changes, len(changes))
    await redis.aclose()


def _alert(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    store = Store.open(settings.database_url, RULES)
    answer = replace(
        an_answer("media-watchlist", sentence=HOSTILE), evidence=(Evidence(HOSTILE, HOSTILE, HOSTILE, NOON),)
    )
    store.take_hits([a_hit(HOSTILE, [answer], staff=MARKUP, client=MARKUP)], NOW)
    store.assign(ALERT, HOSTILE, HOSTILE, NOW)
    store.note(ALERT, HOSTILE, HOSTILE, NOW)
    store.take_hits([a_hit("e-2", [an_answer("of-tomorrow" + HOSTILE)], staff=MARKUP, client=HOSTILE)], NOW)
    store.close()
    told = {"state": "parked", "attempts": 1, "created_at": NOW, "due_at": NOW, "next_attempt_at": NOW}
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(
            NOTIFICATIONS.insert().values(
                key=HOSTILE, channel=HOSTILE, occasion="told", route=HOSTILE, alert_id=ALERT, revision=1,
                instead_of=HOSTILE, last_error=HOSTILE, **told,
            )
        )  # fmt: skip
    engine.dispose()


def _assessment(event_id: str) -> dict[str, Any]:
    fact = {"fact": HOSTILE, "id": HOSTILE, "source": HOSTILE, "as_of": "2026-11-20T00:00:00Z"}
    answer = {
        "rule": HOSTILE, "answer": "hit", "stage": "live", "severity": "high", "sentence": HOSTILE, "evidence": [fact],
    }  # fmt: skip
    return {
        "event_id": event_id, "occurred_at": "2026-11-20T00:00:00Z", "staff_id": HOSTILE, "client_id": HOSTILE,
        "action": "view", "outcome": "hit", "answers": [answer], "alert_ids": [HOSTILE],
        "explanation": {"kind": "review", "id": HOSTILE, "sentence": HOSTILE},
        "versions": {"rules": HOSTILE, "limits": HOSTILE, "reference": HOSTILE},
    }  # fmt: skip


#: The arguments, how the command ends, and what of the hostile text its output has, made plain.
COMMANDS: list[tuple[list[str], int, str]] = [
    (["alerts", "list"], 0, ESCAPED),
    (["alerts", "list", "--staff", HOSTILE], 0, "No alert fits."),
    (["alerts", "list", "--json"], 0, "\\u001b[2J"),
    (["alerts", "show", ALERT], 0, ESCAPED),
    (["alerts", "show", ALERT, "--json"], 0, "\\u001b[2J"),
    (["alerts", "show", HOSTILE], 1, ESCAPED),
    (["alerts", "ack", ALERT], 0, "is acknowledged"),
    (["alerts", "assign", ALERT, "--to", MARKUP], 0, "[/] [bold]S<U+3164>[/bold]"),
    (["alerts", "assign", ALERT, "--to", HOSTILE], 2, "printable characters"),
    (["alerts", "verify"], 1, "notifications holds 1 rows"),
    (["deliveries", "list", "--all"], 0, ESCAPED),
    (["deliveries", "list", "--all", "--json"], 0, "\\u001b[2J"),
    (["deliveries", "retry", "--dry-run", "--all"], 0, ESCAPED),
    (["deliveries", "retry", HOSTILE + "x"], 1, ESCAPED),
    (["explain", "E-hostile", "--all"], 0, ESCAPED),
    (["explain", "E-hostile", "--json"], 0, "\\u001b[2J"),
    (["explain", MARKUP], 0, ESCAPED),
    (["explain", "[/]"], 1, "No assessment of [/] is kept"),
    (["explain", "[bold]"], 1, "No assessment of [bold] is kept"),
    (["explain", HOSTILE], 1, ESCAPED),
    (["explain", "E-parked"], 1, ESCAPED),
    (["explain", f"--{HOSTILE}", "x"], 2, "No such option"),
    (["reference", "show", f"staff:{MARKUP}"], 0, "[/] [bold]S<U+3164>[/bold]"),
    (["reference", "show", "client:C-1"], 0, ESCAPED),
    (["reference", "show", "client:C-1", "--json"], 0, "\\u001b[2J"),
    (["reference", "show", HOSTILE], 2, "write staff:ID or client:ID"),
    (["reference", "status"], 0, "watchlist"),
    (["path", f"staff:{MARKUP}", "client:C-1"], 0, "[/] [bold]S<U+3164>[/bold]"),
    (["dlq", "list"], 0, "[link=http://x]y"),
    (["dlq", "list", "--json"], 0, "forged line"),
    (["dlq", "list", "--topic", HOSTILE], 2, "the topics are"),
    (["dlq", "replay", "--dry-run"], 0, "not put back"),
    (["dlq", "replay", "--yes"], 1, "not put back"),
    (["access", "load", f"DIR/{HOSTILE.replace('/', '')}.jsonl"], 0, ESCAPED),
    (["access", "load", f"DIR/{HOSTILE}"], 2, "does not exist"),
    (["reference", "load", "DIR/kinds[/bold]\x1b[2J"], 1, "at least 1 character"),
    (["rules", "list", "--quick"], 0, "own-record"),
    (["rules", "show", HOSTILE], 1, ESCAPED),
    (["rules", HOSTILE], 2, "No such command"),
    (["rules", "try", "--limits", f"DIR/{HOSTILE.replace('/', '')}.yaml", "--from-file", "DIR/none"], 1, ESCAPED),
    (["topics", "rights", "--principal", f"User:{HOSTILE}"], 0, ESCAPED),
    (["topics", "check"], 0, "topics are right"),
    (["simulate", "days", f"DIR/{HOSTILE.replace('/', '')}", "--staff", "40", "--days", "1"], 0, ESCAPED),
    (["config", "check"], 1, "ACCESSWATCH_LIMITS holds a character that cannot be printed: take it away"),
]  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Files with names that somebody else has given them."""
    found = tmp_path / "from elsewhere"
    found.mkdir()
    (found / f"{HOSTILE.replace('/', '')}.jsonl").write_bytes(b'{"staff_id": 1}\n')
    (found / f"{HOSTILE.replace('/', '')}.yaml").write_text("rules:\n  no-such-rule: {stage: live}\n", "utf-8")
    (found / "none").write_bytes(b"\n")
    kinds = found / "kinds[/bold]\x1b[2J"
    kinds.mkdir(parents=True)
    (kinds / "client.jsonl").write_bytes(b'{"client_id": "", "status": "active"}\n')
    return found


@pytest.mark.usefixtures("_everything")
def test_no_command_lets_text_steer_the_terminal(environment: dict[str, str], directory: Path) -> None:
    """Each ends as it should, shows what it is about, and leaves the terminal as a terminal should be left."""
    wrong = []
    for arguments, code, shown in COMMANDS:
        more = {}
        if arguments[0] == "config":
            more["ACCESSWATCH_LIMITS"] = str(directory / f"{IN_A_PATH}.yaml")
        given = [one.replace("DIR", str(directory)) for one in arguments]
        with a_terminal(*given, environment=environment | more, lines=LINES, columns=COLUMNS) as terminal:
            ended = terminal.ended()
        wrong += [f"{arguments}: {what}" for what in mistakes(terminal, ended, code, shown)]
    assert "\n".join(wrong) == "", "\n".join(wrong)


def mistakes(terminal: Terminal, ended: int, code: int, shown: str) -> list[str]:
    """What is wrong with how a command ended and with what it wrote."""
    written = terminal.written.decode("utf-8", "replace")
    found = [f"ended with {ended}: {written}"] if ended != code else []
    found += [f"wrote {steering!r}: {written!r}" for steering in STEERING if steering in written]
    found += [f"shows no {shown}: {written}"] if shown not in written else []
    found += ["a traceback"] if "Traceback" in written else []
    found += [f"set the title to {terminal.title()}"] if terminal.title() else []
    return found


@pytest.mark.usefixtures("_everything")
def test_watch_shows_hostile_ids_as_text(environment: dict[str, str]) -> None:
    """The list keeps its lines, the choice its alert, and the screen is given back."""
    with a_terminal("watch", "--interval", "0.1", "--ids", environment=environment, columns=COLUMNS) as terminal:
        lines = terminal.shows("2 open", "[/] [bold]S<U+3164>[/bold]", ESCAPED)
        assert sum(line.strip("> ").startswith("al-") for line in lines) == 2
        terminal.choose("j", "")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.title() == ""
    with a_terminal("watch", "--plain", "--interval", "0.1", environment=environment, columns=COLUMNS) as terminal:
        terminal.shows("Client in the media")
        terminal.press("\x03")
        assert terminal.ended() == 130
    assert [one for one in STEERING if one in terminal.written.decode("utf-8", "replace")] == []
