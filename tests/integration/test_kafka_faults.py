"""What production Kafkas do, tried on a real one: transactions, codecs, damage, narrow topics, retention, quotas."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import InconsistentGroupProtocolError
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import TopicPartition as AdminPartition

from agents.dead_letter import LEFT_OUT_HEADER, PREFIX
from sandbox.cluster import Cluster, cluster
from sandbox.server import free_port
from stream.connections import aiokafka_options
from stream.settings import Settings
from stream.topic_admin import administration, create_missing
from tests.integration.test_worker import a_client, a_staff_member, an_access, assessed
from tests.support.console import accesswatch
from tests.support.raw_produce import PLACEHOLDER, batch, damage, produce_raw, replaced
from tests.support.topics import read_all, read_at_least
from tests.support.worker import (
    AWAITED_SECONDS_MAX,
    RunningWorker,
    a_worker,
    eventually,
    eventually_async,
    publish,
    values,
)

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

ACCESS, CLIENT, STAFF = "cms.access.v1", "ref.client.v1", "ref.staff.v1"
ASSESSMENT, HIT = "integrity.assessment.v1", "integrity.hit.v1"
#: Seconds in which something that must not happen would have happened.
QUIET_SECONDS = 3.0


def a_producer(settings: Settings, **more: Any) -> AIOKafkaProducer:
    """A producer as somebody else has it."""
    return AIOKafkaProducer(**aiokafka_options(settings), **more)


async def send(producer: AIOKafkaProducer, settings: Settings, topic: str, *values_: Any, **more: Any) -> None:
    """Send values to partition 0 and wait until Kafka has them."""
    for value in values_:
        await producer.send_and_wait(settings.topic(topic), json.dumps(value).encode(), partition=0, **more)


async def caught_up(worker: RunningWorker, settings: Settings, *topics: str) -> None:
    """Wait until nothing is left to read, and Kafka has the commits that say so."""
    for topic in topics:
        name = settings.topic(topic)
        eventually(lambda: worker.metric("accesswatch_consumer_lag_records", topic=name) == 0, worker.log())  # noqa: B023 called at once


async def committed_at_end(settings: Settings, agent: str, topic: str) -> None:
    """Wait until the group's offset of partition 0 is where the partition ends, markers included."""
    tp = AdminPartition(settings.topic(topic), 0)
    with administration(settings) as admin:
        end = admin.list_partition_offsets({tp: -1})[tp].offset

        def reached() -> bool:
            found = admin.list_group_offsets({settings.consumer_group(agent): [tp]})
            return bool(found[settings.consumer_group(agent)][tp].offset == end)

        assert await asyncio.to_thread(eventually, reached, f"{agent} never committed {end}")


# -- transactions ---------------------------------------------------------------------------------------------------


async def test_what_a_transaction_took_back_is_neither_judged_nor_applied(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Aborted accesses raise nothing, an aborted client record is not known, and lag comes to 0 all the same."""
    await publish(settings, STAFF, [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, CLIENT, [a_client("c2")])
    quick = environment | {"ACCESSWATCH_STUCK_SECONDS": "5"}
    with a_worker(quick, tmp_path) as worker:
        async with a_producer(settings, transactional_id="cms") as cms:
            await cms.begin_transaction()
            await send(cms, settings, ACCESS, *(an_access(f"gone{n}", client_id="c1") for n in range(3)))
            await send(cms, settings, CLIENT, a_client("c1")[1], key=b"c1")
            await cms.abort_transaction()
            await publish(settings, ACCESS, [("s1", an_access("e1", client_id="c2"))])
            found = await assessed(settings, 1)
            await caught_up(worker, settings, ACCESS, CLIENT)
            await committed_at_end(settings, "screen", ACCESS)
            await committed_at_end(settings, "reference", CLIENT)
        time.sleep(2 * QUIET_SECONDS)  # noqa: ASYNC251 longer than a stall may last
        assert worker.process.poll() is None, "the marker at the end was taken for a stall"
        assert set(found) == {"e1"}
        assert worker.metric("accesswatch_records_passed_over_total") == 0
        assert not await values(settings, HIT)
        shown = accesswatch("reference", "show", "client:c1", environment=environment)
        assert "active" not in shown.stdout
        assert worker.stop() == 0


async def test_what_a_transaction_has_not_committed_yet_is_not_judged_before(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """An open transaction holds what is behind it on its partition; with its commit all of it comes, in order."""
    with a_worker(environment, tmp_path) as worker:
        async with a_producer(settings, transactional_id="cms") as cms, a_producer(settings) as other:
            await cms.begin_transaction()
            await send(cms, settings, ACCESS, an_access("open"))
            await send(other, settings, ACCESS, an_access("behind"))
            await asyncio.sleep(QUIET_SECONDS)
            assert not await values(settings, ASSESSMENT)
            await cms.commit_transaction()
            await assessed(settings, 2)
        assert [one["event_id"] for one in await values(settings, ASSESSMENT)] == ["open", "behind"]
        await caught_up(worker, settings, ACCESS)
        assert worker.stop() == 0


async def test_a_producer_that_dies_half_way_leaves_nothing_behind(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Its successor by the same name ends the transaction; what it had sent is never judged."""
    with a_worker(environment, tmp_path) as worker:
        half = json.dumps(an_access("half"))
        command = [sys.executable, "-m", "tests.support.dying_producer"]
        subprocess.run([*command, str(settings.kafka), settings.topic(ACCESS), "cms", half], check=True)  # noqa: ASYNC221
        async with a_producer(settings, transactional_id="cms") as cms, cms.transaction():
            await send(cms, settings, ACCESS, an_access("whole"))
        assert set(await assessed(settings, 1)) == {"whole"}
        await committed_at_end(settings, "screen", ACCESS)
        assert worker.stop() == 0


# -- what cannot be unpacked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_is_read_whoever_chose_it(
    settings: Settings, environment: dict[str, str], tmp_path: Path, codec: str
) -> None:
    """By the producer, and by the topic; accesses, facts and what is parked."""
    with administration(settings) as admin:
        resource = ConfigResource(
            ConfigResourceType.TOPIC, settings.topic("cms.access.v1.dlq"), {"compression.type": codec}
        )
        admin.alter_configs([resource])
    with a_worker(environment, tmp_path) as worker:
        async with a_producer(settings, compression_type=codec) as cms:
            await send(cms, settings, STAFF, a_staff_member("s1", client_ids=["c1"])[1], key=b"s1")
            await send(cms, settings, CLIENT, a_client("c1")[1], key=b"c1")
            await caught_up(worker, settings, STAFF, CLIENT)
            await send(cms, settings, ACCESS, an_access("e1", client_id="c1"), "no access")
        assert (await assessed(settings, 1))["e1"]["outcome"] == "hit"
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", topic=settings.topic(ACCESS)) == 1)
        listed = accesswatch("dlq", "list", "--json", environment=environment)
        assert [one["stage"] for one in json.loads(listed.stdout)] == ["validate"]
        assert worker.stop() == 0


async def test_a_header_that_is_no_text_is_parked_with_its_record(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Byte for byte, key and value; its neighbours in the batch are judged, and explain still answers."""
    records = [
        (b"s1", json.dumps(an_access(f"e{n}")).encode(), [(PLACEHOLDER if n == 1 else "own", b"\xff\x00")])
        for n in range(3)
    ]
    raw = replaced(batch(records, int(time.time() * 1000)), b"\xff\xfe not text")
    with a_worker(environment, tmp_path) as worker:
        await produce_raw(str(settings.kafka), settings.topic(ACCESS), 0, raw)
        assert set(await assessed(settings, 2)) == {"e0", "e2"}
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="decode") == 1, worker.log())
        (letter,) = await read_at_least(str(settings.kafka), settings.topic(f"{ACCESS}.dlq"), 1)
        assert (letter.key, letter.value) == records[1][:2]
        assert dict(letter.headers)[f"{PREFIX}exception.message"] == b"a header's name is not UTF-8"
        assert dict(letter.headers)[f"{PREFIX}offset"] == b"1"
        await caught_up(worker, settings, ACCESS)
        name = settings.topic(ACCESS)
        eventually(lambda: worker.metric("accesswatch_records_not_unpacked_total", topic=name) == 1, worker.log())
        assert worker.stop() == 0
    explained = accesswatch("explain", "e2", environment=environment)
    assert (explained.returncode, "Traceback" in explained.stderr) == (0, False)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Cluster]:
    """One broker of this test's own, whose disk may be damaged."""
    with cluster(tmp_path / "kafka", 1) as one:
        yield one


async def test_damage_on_a_brokers_disk_is_parked_by_its_place(
    settings: Settings, environment: dict[str, str], tmp_path: Path, broker: Cluster
) -> None:
    """A batch whose checksum is wrong: each of its records is named, and what follows is judged."""
    moved = settings.model_copy(update={"kafka": broker.bootstrap})
    with administration(moved) as admin:
        create_missing(admin, moved, partitions=1)
    topic = moved.topic(ACCESS)
    async with a_producer(moved) as cms:
        await send(cms, moved, ACCESS, an_access("before"))
        made = cms.create_batch()
        for number in range(2):
            made.append(key=b"s1", value=json.dumps(an_access(f"damaged{number}")).encode(), timestamp=None)
        made.close()
        await (await cms.send_batch(made, topic, partition=0))
        await send(cms, moved, ACCESS, an_access("after"))
    damage(tmp_path / "kafka", topic, 0, b"damaged1")
    with a_worker(environment | {"ACCESSWATCH_KAFKA": broker.bootstrap}, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 2, worker.log())
        assert set(await assessed(moved, 2)) == {"before", "after"}
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="decode") == 2, worker.log())
        letters = await read_at_least(broker.bootstrap, f"{topic}.dlq", 2)
        said = [dict(letter.headers) for letter in letters]
        assert [(one[f"{PREFIX}partition"], one[f"{PREFIX}offset"]) for one in said] == [(b"0", b"1"), (b"0", b"2")]
        assert {one[f"{PREFIX}exception.message"] for one in said} == {b"the checksum of its batch is wrong"}
        assert all(LEFT_OUT_HEADER in one for one in said)
        assert worker.stop() == 0
    listed = accesswatch("dlq", "list", environment=environment | {"ACCESSWATCH_KAFKA": broker.bootstrap})
    assert listed.returncode == 0


# -- narrow topics --------------------------------------------------------------------------------------------------


async def test_a_topic_that_takes_less_gets_smaller_batches(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """What was published in batches of half a megabyte goes through a topic that takes 16 KiB."""
    with administration(settings) as admin:
        for topic in (ASSESSMENT, HIT):
            name = settings.topic(topic)
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "16384"})])
    await publish(settings, ACCESS, [("s1", an_access(f"e{n}")) for n in range(2_000)])
    with a_worker(environment, tmp_path) as worker:
        await assessed(settings, 2_000)
        assert "batches-smaller" in worker.log(), "no batch was too large: nothing was tested"
        assert worker.stop() == 0


async def test_an_access_whose_hit_no_topic_takes_is_parked_and_the_next_is_judged(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """At stage screen, with the topic and the size; once the topic is mended it can be put back."""
    name = settings.topic(HIT)
    with administration(settings) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "100"})])
    await publish(settings, STAFF, [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, CLIENT, [a_client("c1")])
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, ACCESS, [("s1", an_access("e1", client_id="c1")), ("s1", an_access("e2"))])
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="screen") == 1, worker.log())
        (letter,) = await read_at_least(str(settings.kafka), settings.topic(f"{ACCESS}.dlq"), 1)
        assert f"too large for {name}" in dict(letter.headers)[f"{PREFIX}exception.message"].decode()
        with administration(settings) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "1000000"})])
        assert not await values(settings, HIT)
        assert accesswatch("dlq", "replay", "--yes", environment=environment).returncode == 0

        async def hit() -> bool:
            return [one["event_id"] for one in await values(settings, HIT)] == ["e1"]

        assert await eventually_async(hit)
        assert (await assessed(settings, 2))["e2"]["outcome"] == "no_subject"
        assert worker.stop() == 0


async def test_records_that_somebody_made_enormous_end_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """15,000 roles, 2,600 owners of one client, a watchlist source of almost a mebibyte: judged, hit, and alerted."""
    entry = {
        "entry_id": "w1", "client_ids": ["c3"], "label": "L" * 1_000, "published_at": an_access("x")["occurred_at"],
        "source": "x" * 1_000_000,
    }  # fmt: skip
    roles = [f"role-{number}" for number in range(15_000)]
    await publish(settings, STAFF, [a_staff_member("s1", client_ids=["c1"], roles=roles)])
    await publish(settings, STAFF, [a_staff_member(f"o{number}", client_ids=["c2"]) for number in range(2_600)])
    await publish(settings, CLIENT, [a_client(f"c{number}") for number in (1, 2, 3)])
    await publish(settings, "ref.watchlist.v1", [("w1", entry)])
    with a_worker(environment, tmp_path) as worker:
        accesses = [("s1", an_access(f"e{number}", client_id=f"c{number}")) for number in (1, 2, 3)]
        await publish(settings, ACCESS, [*accesses, ("s1", an_access("e4"))])
        found = await assessed(settings, 4)
        assert [found[f"e{number}"]["outcome"] for number in (1, 2, 3)] == ["hit"] * 3

        async def alerts() -> bool:
            return len({one["alert_id"] for one in await values(settings, "integrity.alert.v1")}) == 3

        assert await eventually_async(alerts)
        largest = max(len(json.dumps(one)) for one in await values(settings, HIT))
        assert largest < 20_000
        assert worker.stop() == 0


# -- retention and lag ----------------------------------------------------------------------------------------------


async def test_what_retention_took_is_counted_and_leaves_no_lag(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Only records that were there and are gone count, once; what comes after is judged, and lag is 0."""
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, ACCESS, [("s1", an_access("e0"))])
        await assessed(settings, 1)
        await caught_up(worker, settings, ACCESS)
        assert worker.stop() == 0
    await publish(settings, ACCESS, [("s1", an_access(f"lost{number}")) for number in range(5)])
    (partition,) = {one.partition for one in await read_all(str(settings.kafka), settings.topic(ACCESS))}
    with administration(settings) as admin:
        admin.delete_records({AdminPartition(settings.topic(ACCESS), partition): -1})
    with a_worker(environment, tmp_path) as worker:
        await caught_up(worker, settings, ACCESS)
        await publish(settings, ACCESS, [("s1", an_access("e1"))])
        assert set(await assessed(settings, 2)) == {"e0", "e1"}
        name = settings.topic(ACCESS)
        eventually(lambda: worker.metric("accesswatch_records_passed_over_total", topic=name) == 5, worker.log())
        assert "records-gone" in worker.log()
        await caught_up(worker, settings, ACCESS)
        assert worker.stop() == 0


async def test_a_partition_that_empties_while_it_is_read_leaves_no_lag(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Records go while they are held back for their facts: lag shows them until then, and 0 after."""
    with a_worker(environment, tmp_path, fault="never-complete", ready=False) as worker:
        await publish(settings, ACCESS, [("s1", an_access(f"e{number}")) for number in range(400)])
        name = settings.topic(ACCESS)
        eventually(lambda: worker.metric("accesswatch_consumer_lag_records", topic=name) == 400, worker.log())
        (partition,) = {one.partition for one in await read_all(str(settings.kafka), name)}
        with administration(settings) as admin:
            admin.delete_records({AdminPartition(name, partition): -1})
        eventually(lambda: worker.metric("accesswatch_consumer_lag_records", topic=name) == 0, worker.log())


async def polled_until_refused(stranger: AIOKafkaConsumer) -> None:
    """Poll, for as long as Kafka lets somebody."""
    async with asyncio.timeout(AWAITED_SECONDS_MAX):
        while True:
            await stranger.getmany(timeout_ms=500)


# -- members --------------------------------------------------------------------------------------------------------


async def test_a_stranger_cannot_join_our_group(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A plain consumer with a common protocol is refused by Kafka, and every access is assessed."""
    with a_worker(environment, tmp_path) as worker:
        stranger = AIOKafkaConsumer(**aiokafka_options(settings), group_id=settings.consumer_group("screen"))
        await stranger.start()
        stranger.subscribe([settings.topic(ACCESS)])
        with pytest.raises(InconsistentGroupProtocolError):
            await polled_until_refused(stranger)
        await stranger.stop()
        await publish(settings, ACCESS, [(f"s{n}", an_access(f"e{n}", f"s{n}")) for n in range(100)])
        await assessed(settings, 100)
        assert worker.stop() == 0


async def test_where_a_stranger_is_in_our_group_we_say_so_and_go_on_when_it_has_left(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """An older release or somebody else holds the group: /readyz names it; nothing ends, nothing is lost."""
    stranger = AIOKafkaConsumer(
        settings.topic(ACCESS), **aiokafka_options(settings), group_id=settings.consumer_group("screen")
    )
    await stranger.start()
    with a_worker(environment, tmp_path, ready=False) as worker:
        eventually(lambda: "another program" in worker.page("/readyz")[1], worker.log())
        await stranger.stop()
        worker.wait_ready()
        await publish(settings, ACCESS, [("s1", an_access("e1"))])
        await assessed(settings, 1)
        assert worker.stop() == 0


def test_two_workers_with_one_name_are_said_to_have_it(environment: dict[str, str], tmp_path: Path) -> None:
    """Kafka gives the partitions to one and then to the other; both say why."""
    named = environment | {"ACCESSWATCH_INSTANCE_ID": "one"}
    other = named | {"ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}"}
    with a_worker(named, tmp_path) as first, a_worker(other, tmp_path, ready=False) as second:
        eventually(lambda: "instance-id-shared" in first.log() + second.log(), "nobody said that the name is shared")
        eventually(lambda: "ACCESSWATCH_INSTANCE_ID" in first.page("/readyz")[1] + second.page("/readyz")[1])
