"""``reference status``, ``reference show`` and ``path``: what Redis holds, as a person reads it and as JSON."""

import json

import pytest
from redis.asyncio import Redis

from enrichment.reference.layout import index_entries, record_id
from enrichment.reference.redis import Change, RedisReferenceStore
from stream.redis_connection import namespace
from stream.settings import Settings
from tests.integration.test_shelves import kind_of
from tests.support.console import accesswatch
from tests.support.records import client, related, staff, watched, work

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

RECORDS = [
    staff("S-1", roles=["case_manager"], links={"phone": "token-1"}),
    staff("S-2", client_ids=["C-3"]),
    client("C-1", restricted=True),
    related("staff:S-1", "client:C-2", "partner", confidence=0.9, source="coi_register", valid_from="2020-01-01"),
    related("client:C-2", "client:C-1", "sibling", confidence=0.5),
    work("W-1", kind="review"),
    watched("M-1", label="A story"),
]


@pytest.fixture
async def _known(settings: Settings) -> None:
    """A few records in Redis, as the reference agent would put them."""
    assert settings.redis is not None
    redis: Redis = Redis.from_url(settings.redis.get_secret_value())
    references = RedisReferenceStore(redis, namespace(settings))
    epoch = await references.begin("generation.nonce")
    changes = [
        Change(number, kind_of(record), record_id(kind_of(record), record), index_entries(record, 1_763_586_847_123))
        for number, record in enumerate(RECORDS)
    ]
    await references.apply(epoch, f"{settings.topic('ref.staff.v1')}:0", changes, len(changes))
    await redis.aclose()


@pytest.mark.usefixtures("_known")
def test_show_says_what_is_known_with_sources_and_dates(environment: dict[str, str]) -> None:
    """Which contact details are held, never their tokens; what is not known is said."""
    told = accesswatch("reference", "show", "staff:S-1", environment=environment)
    assert (told.returncode, told.stderr) == (0, "")
    for words in (
        "roles: case_manager", "links: phone", "source_topic: ref.staff.v1", "staff:S-1 - partner - client:C-2",
        "source coi_register", "confidence 0.9", "from 2020-01-01 to open", "Thu 20 Nov 2025",
    ):  # fmt: skip
        assert words in told.stdout
    assert "token-1" not in told.stdout
    told = accesswatch("reference", "show", "client:C-1", environment=environment)
    for words in ("restricted: yes", "work_id W-1", "kind review", "label A story"):
        assert words in told.stdout
    told = accesswatch("reference", "show", "client:C-3", environment=environment)
    assert "no record of their own is known" in told.stdout
    assert "own client record of staff:S-2" in told.stdout
    found = json.loads(accesswatch("reference", "show", "staff:S-1", "--json", environment=environment).stdout)
    assert (found["record"]["links"], len(found["relationships"])) == (["phone"], 1)


@pytest.mark.usefixtures("_known")
def test_path_says_how_two_people_are_related(environment: dict[str, str]) -> None:
    """Each hop with its source and dates, the product, and whether that is sure enough; on another day, nothing."""
    told = accesswatch("path", "staff:S-1", "client:C-1", environment=environment)
    assert (told.returncode, told.stderr) == (0, "")
    assert "2 hops, confidence 0.45 (does not count: below 0.5)" in told.stdout
    assert "client:C-2 - sibling - client:C-1" in told.stdout
    told = accesswatch("path", "staff:S-1", "client:C-2", environment=environment)
    assert "1 hop, confidence 0.90 (counts)" in told.stdout
    told = accesswatch("path", "staff:S-1", "client:C-2", "--on", "2019-12-31", environment=environment)
    assert "no path of at most 4 hops is recorded" in told.stdout
    told = accesswatch("path", "staff:S-2", "client:C-3", environment=environment)
    assert "they are one person" in told.stdout
    found = json.loads(accesswatch("path", "staff:S-1", "client:C-1", "--json", environment=environment).stdout)
    assert [(path["hops"], path["counts"]) for path in found["paths"]] == [(2, False)]


@pytest.mark.usefixtures("_known")
def test_status_counts_each_kind(environment: dict[str, str]) -> None:
    """Records, how far behind, when last changed."""
    found = json.loads(accesswatch("reference", "status", "--json", environment=environment).stdout)
    assert {kind: figures["records"] for kind, figures in found["kinds"].items()} == {
        "staff": 2, "client": 1, "relationship": 2, "work": 1, "watchlist": 1, "self_report": 0,
        "agreement": 0,
    }  # fmt: skip
    assert (found["rebuilds"], found["kinds"]["staff"]["behind"]) == (0, 0)
    assert found["kinds"]["staff"]["changed_at"] is not None
    assert "relationship" in accesswatch("reference", "status", environment=environment).stdout


def test_mistakes_are_said_in_a_sentence(environment: dict[str, str]) -> None:
    """No data, no such kind of node."""
    told = accesswatch("reference", "show", "staff:S-1", environment=environment)
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "Redis holds no reference data" in told.stderr
    assert accesswatch("reference", "show", "S-1", environment=environment).returncode == 2
    assert accesswatch("path", "client:C-1", "client:C-2", environment=environment).returncode == 2
