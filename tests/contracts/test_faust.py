"""What our transport needs of the insides of Faust, mode and aiokafka, which promise none of it.

Each failure here says what to look at. After reading it, and whatever of ours rests on it, write the new value down;
then run the tests of losing nothing (``tests/integration``) as often as you can bear.
"""

import ast
import asyncio
import hashlib
import importlib.metadata
import inspect
import textwrap
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import aiokafka
import faust
import pytest
from aiokafka.consumer.fetcher import Fetcher as KafkaFetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from faust.transport.consumer import Consumer, Fetcher, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.supervisors import CrashingSupervisor, SupervisorStrategy
from mode.threads import ServiceThread
from mode.utils.futures import notify

from stream.batches import BatchConsumer, PositionedConsumer
from stream.faust_app import BATCH_RECORDS_MAX, METADATA_SECONDS_MAX, add_agent, faust_app
from stream.in_order import InOrderConsumer
from stream.settings import Settings

ROOT = Path(__file__).parents[2]
Thread = driver.AIOKafkaConsumerThread

# -- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["faust-streaming", "aiokafka"])
def test_the_installed_version_is_the_one_that_was_read(name: str) -> None:
    """Pinned exactly in pyproject.toml, and nothing else is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"{name}=={importlib.metadata.version(name)}" in project["dependencies"], (
        f"{name} is pinned exactly, because stream/batches.py rests on its private parts: install the pinned version, "
        "or move the pin together with this file."
    )


# -- code that was read ---------------------------------------------------------------------------------------------

#: What of theirs ours replaces or leans on -> the digest of its text when it was last read, and what to look at.
READ: list[tuple[Any, str, str]] = [
    (Fetcher._fetcher, "64ea6297f5a0", "it calls BatchConsumer._drain_messages"),
    (Consumer._drain_messages, "8f35dd7a1114", "BatchConsumer._drain_messages replaces it"),
    (Consumer._wait_next_records, "ba40cd367132", "BatchConsumer._drain_messages polls with it"),
    (Consumer.ack, "5548cf0f7584", "BatchConsumer.ack replaces it"),
    (Consumer.track_message, "e43b88ec9355", "BatchConsumer._in_hand reads what it adds"),
    (Consumer.commit, "e43a7d03685f", "it calls BatchConsumer.force_commit, one at a time"),
    (Consumer.force_commit, "464b62ae9172", "BatchConsumer.force_commit replaces it"),
    (Consumer.perform_seek, "2b4ceebd23de", "BatchConsumer.perform_seek begins with forgetting"),
    (Consumer.on_partitions_revoked, "652177e770ee", "BatchConsumer ends it with forgetting"),
    (Consumer.on_partitions_assigned, "c07feb1175f7", "reading goes on after it has sought"),
    (Consumer.wait_empty, "53195dca246c", "BatchConsumer.wait_empty replaces it, bounded"),
    (Consumer.on_stop, "7accc1bf4f97", "it calls BatchConsumer.wait_empty"),
    (Consumer._wait_for_ack, "0d4f76b083a9", "BatchConsumer.wait_empty waits with it, ack wakes it"),
    (Consumer.stop_flow, "aa77389dc23a", "BatchConsumer._drain_messages asks flow_active after each poll"),
    (Consumer.resume_flow, "192f20bc377f", "the same"),
    (ThreadDelegateConsumer._getmany, "8dbffeccb0e3", "InOrderConsumer._getmany replaces it"),
    (ThreadDelegateConsumer._commit, "91c201528438", "BatchConsumer._commit replaces it"),
    (ThreadDelegateConsumer.seek_to_committed, "6c17ae1d4f33", "BatchConsumer and PositionedConsumer replace it"),
    (ThreadDelegateConsumer.seek_wait, "87115444b6fc", "PositionedConsumer seeks as it does"),
    (driver.Consumer.verify_event_path, "883ce70ac0a6", "BatchConsumer.verify_event_path does nothing instead"),
    (Consumer.verify_all_partitions_active, "b0d2b193d5b7", "nothing but verify_event_path is called in it"),
    (driver.Consumer._to_message, "a2a5aefda42d", "BatchConsumer._hand_over makes events with it"),
    (Thread._ensure_consumer, "a2c77687801c", "BatchConsumer commits through it"),
    (Thread.seek_wait, "8356b4c729d6", "PositionedConsumer.seek_to_committed calls it"),
    (Thread._seek_wait, "98f8aa716db2", "it sets the read offsets that _chunks compares with"),
    (Thread.getmany, "1b1c58046a9b", "it takes max_poll_records over all partitions"),
    (Thread.call_thread, "d1304f73ca65", "commits and signs of life run in the consumer's thread"),
    (ConsumerMessage.on_final_ack, "818bf19da001", "it calls BatchConsumer.ack"),
    (Service.crash, "6e0b5672cd83", "stream/worker.py waits for _crashed, which it sets"),
    (CrashingSupervisor.wakeup, "ac835b6f9367", "an agent that fails ends the worker"),
    (notify, "ef6a073439d5", "BatchConsumer.ack wakes whoever waits, or nobody"),
    (SubscriptionState.fetch_context, "88fca759b6e7", "BatchConsumer._show_life enters it"),
    (GroupCoordinator.need_rejoin, "40a8e580883b", "BatchConsumer.joined asks it"),
    (GroupCoordinator.check_errors, "c67ee34a37d9", "BatchConsumer.join_again asks it"),
    (GroupCoordinator._push_error_to_user, "8dce53d5130d", "BatchConsumer.join_again ends the wait that it begins"),
    (GroupCoordinator.close, "27181b0763fd", "BatchConsumer.leave calls it"),
    (aiokafka.AIOKafkaConsumer.commit, "f85283bf7c7c", "BatchConsumer._commit_in_thread calls it"),
    (
        KafkaFetcher._update_fetch_positions,
        "1dc02ecce273",
        "METADATA_SECONDS_MAX ends its asking a leader of before",
    ),
    (
        aiokafka.AIOKafkaConsumer.seek_to_committed,
        "9c20926f1712",
        "BatchConsumer seeks where it does not: nothing is committed",
    ),
]


def function_of(code: Any) -> Callable[..., Any]:
    """The function itself: a task of mode's holds it, a decorator wraps it."""
    function: Callable[..., Any] = inspect.unwrap(getattr(code, "fun", code))
    return function


def digest(function: Callable[..., Any]) -> str:
    """A short digest of a function's text, indentation left out."""
    text = textwrap.dedent(inspect.getsource(function))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize(("code", "expected", "why"), READ, ids=[function_of(row[0]).__qualname__ for row in READ])
def test_their_code_is_what_was_read(code: Any, expected: str, why: str) -> None:
    """A change is no mistake, but somebody must read it."""
    function = function_of(code)
    found = digest(function)
    assert expected == found, (
        f"{function.__qualname__} has changed ({why}): read it, then stream/batches.py, then write {found} here."
    )


def test_all_that_is_replaced_was_read() -> None:
    """Every method of theirs that our consumers override has its row above."""
    theirs = {name for cls in driver.Consumer.__mro__ for name in vars(cls)}
    replaced = {
        name
        for ours in (BatchConsumer, PositionedConsumer, InOrderConsumer)
        for name, value in vars(ours).items()
        if name in theirs and inspect.isfunction(value) and name != "__init__"
    }
    read = {function_of(code).__name__ for code, _, _ in READ}
    assert replaced - read == set(), "stream/batches.py replaces methods of Faust's that this file does not watch"


#: Private attributes that stream/ reads of others' objects; each has a test of what it must be.
PRIVATE = {
    "_stopped", "_wait_next_records", "_thread", "_ensure_consumer", "_subscription", "_read_offset", "_to_message",
    "_unacked_messages", "_waiting_for_ack", "_committed_offset", "_wait_for_ack", "_crashed",
    "_consumer", "_coordinator", "_coordination_task",
}  # fmt: skip


@pytest.mark.parametrize("file", ["batches.py", "worker.py", "faust_app.py"])
def test_all_that_is_read_privately_is_watched(file: str) -> None:
    """Every attribute with an underscore is our own or stands in the list above."""
    tree = ast.parse((ROOT / "stream" / file).read_text("utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _private(node.attr)}
    written = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _private(node.attr)
    }
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    ours = (written | defined) - PRIVATE
    assert read - ours - PRIVATE == set(), f"stream/{file} reads private parts of others that this file does not watch"


def _private(name: str) -> bool:
    # os._exit is public, whatever its name looks like.
    return name.startswith("_") and not name.startswith("__") and name != "_exit"


# -- behaviour ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def app(tmp_path: Path) -> faust.App:
    """An application of ours that is never started: it talks to nobody."""
    return faust_app(Settings(kafka="127.0.0.1:9", group="contract", state_dir=tmp_path), "screen")


@pytest.fixture
async def consumer(app: faust.App) -> AsyncIterator[BatchConsumer]:
    """Its consumer, made by Faust."""
    made = app.consumer
    assert isinstance(made, BatchConsumer), "Faust no longer makes its consumer by calling app.transport.Consumer"
    yield made
    made._thread.thread_loop.close()


def message(consumer: BatchConsumer, offset: int) -> ConsumerMessage:
    """A message as Faust makes it of a record."""
    found = consumer._to_message(TP("t", 0), _Record(offset))
    assert isinstance(found, ConsumerMessage)
    return found


class _Record:
    """A record with the attributes that aiokafka's have."""

    topic, partition, timestamp, timestamp_type, headers = "t", 0, 1_763_586_847_123, 0, ()
    key, value, checksum, serialized_key_size, serialized_value_size = b"k", b"v", None, 1, 1

    def __init__(self, offset: int) -> None:
        self.offset = offset


async def test_a_message_can_carry_a_batch(consumer: BatchConsumer) -> None:
    """Its value can be replaced before it is handed over, and it can be held weakly."""
    made = message(consumer, 7)
    made.value = object()  # type: ignore[assignment]
    consumer.track_message(made)
    assert isinstance(consumer._unacked_messages, WeakSet)
    assert list(consumer._unacked_messages) == [made]


async def test_the_last_reference_acknowledges(consumer: BatchConsumer) -> None:
    """Faust counts references and calls our ``ack`` once, at the last."""
    made = message(consumer, 7)
    consumer.track_message(made)
    made.incref(2)
    made.ack(consumer)
    assert (made.acked, list(consumer._unacked_messages)) == (False, [made])
    made.ack(consumer)
    assert (made.acked, list(consumer._unacked_messages)) == (True, [])
    assert consumer.ack(made) is False


async def test_an_acknowledgement_wakes_whoever_waits(consumer: BatchConsumer) -> None:
    """``_waiting_for_ack`` is None or a future while ``_wait_for_ack`` runs."""
    assert consumer._waiting_for_ack is None
    waiting = consumer._wait_for_ack(timeout=60)
    step = waiting.send(None)
    assert step is not None
    consumer.ack(message(consumer, 1))
    assert consumer._waiting_for_ack is not None
    assert consumer._waiting_for_ack.done()
    waiting.close()


async def test_offsets_that_nobody_knows_are_none(consumer: BatchConsumer) -> None:
    """Both maps answer for partitions that were never seen."""
    assert consumer._read_offset[TP("t", 9)] is None
    assert consumer._committed_offset[TP("t", 9)] is None


async def test_flow(consumer: BatchConsumer) -> None:
    """It is on at first; stopping it sets the event that a hand-over waits for beside the queue."""
    assert (consumer.flow_active, consumer.suspend_flow.is_set()) == (True, False)
    consumer.stop_flow()
    assert (consumer.flow_active, consumer.suspend_flow.is_set()) == (False, True)
    consumer.resume_flow()
    assert (consumer.flow_active, consumer.suspend_flow.is_set()) == (True, False)


async def test_commit_asks_us(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's own ``commit`` ends in our ``force_commit``, with these arguments."""
    asked: list[tuple[Any, Any]] = []

    async def force_commit(topics: Any = None, start_new_transaction: bool = True) -> bool:
        asked.append((topics, start_new_transaction))
        return True

    monkeypatch.setattr(consumer, "force_commit", force_commit)
    assert await consumer.commit() is True
    assert asked == [(None, True)]


async def test_the_consumers_thread(consumer: BatchConsumer) -> None:
    """The thread is made with the consumer; before it runs it has no consumer of Kafka's."""
    assert isinstance(consumer._thread, ServiceThread)
    with pytest.raises(Exception, match="not yet started"):
        consumer._thread._ensure_consumer()


async def test_what_says_stop(app: faust.App, consumer: BatchConsumer) -> None:
    """The loop of reading ends by these events, and a crash is told by that one."""
    fetcher = Fetcher(app)
    assert [event.is_set() for event in (consumer._stopped, fetcher._stopped, app._crashed)] == [False, False, False]
    await app.crash(RuntimeError("a test"))
    assert app._crashed.is_set()
    assert isinstance(app.crash_reason, RuntimeError)


async def test_a_generation_is_counted(app: faust.App) -> None:
    """A rebalance moves it; what was fetched before is not handed over after."""
    assert isinstance(app.consumer_generation_id, int)


async def test_our_settings_are_theirs(app: faust.App) -> None:
    """Names that Faust would ignore if it did not know them."""
    add_agent(app, "carry", ["t"], _carry)
    conf = app.conf
    assert (
        conf.stream_wait_empty, conf.web_enabled, conf.topic_disable_leader, conf.table_standby_replicas,
    ) == (True, False, True, 0)  # fmt: skip
    numbers = (conf.broker_commit_interval, conf.broker_max_poll_records, conf.producer_request_timeout)
    assert numbers == (1.0, BATCH_RECORDS_MAX, 30.0)
    assert conf.consumer_metadata_max_age_ms == METADATA_SECONDS_MAX * 1_000
    # Joining is one request, answered when the rebalance is over.
    assert conf.broker_rebalance_timeout < conf.broker_request_timeout
    agent = next(agent for name, agent in app.agents.items() if name.endswith("carry"))
    assert agent.supervisor_strategy is CrashingSupervisor
    assert issubclass(CrashingSupervisor, SupervisorStrategy)


async def _carry(_events: Any) -> None:
    """Carry nothing."""


async def test_a_sign_of_life_counts_as_a_poll() -> None:
    """The coordinator leaves the group when nothing was fetched for too long; entering this context is fetching."""
    state = SubscriptionState()
    state._last_fetch_ended = 0.0
    with state.fetch_context():
        assert state.fetcher_idle_time == 0
    assert state._last_fetch_ended > 0
    names = {name for code in _code_of(GroupCoordinator) for name in code.co_names}
    assert "fetcher_idle_time" in names, "aiokafka's coordinator no longer asks how long ago the last fetch ended"
    assert "_subscription" in inspect.getsource(aiokafka.AIOKafkaConsumer.__init__)


async def test_a_consumer_knows_whether_its_group_has_answered() -> None:
    """Not before it has a subscription and an assignment, and not while it is to join again."""
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    state = SubscriptionState()
    assert state.subscription is None
    state.subscribe({"t"})
    subscription = state.subscription
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator._rejoin_needed_fut = asyncio.get_running_loop().create_future()
    assert coordinator.need_rejoin(subscription)
    state.assign_from_subscribed([aiokafka.TopicPartition("t", 0)])
    assert not coordinator.need_rejoin(subscription)
    coordinator.request_rejoin()
    assert coordinator.need_rejoin(subscription)


async def test_a_partition_whose_position_is_not_known_yet_ends_no_worker(consumer: BatchConsumer) -> None:
    """After a seek to the beginning aiokafka asks for the position; Faust's look at progress meanwhile would raise."""
    partition = aiokafka.TopicPartition("t", 0)
    inner = aiokafka.AIOKafkaConsumer("t", bootstrap_servers="127.0.0.1:9", group_id="contract")
    subscription = inner._subscription
    subscription.subscribe({"t"})
    subscription.assign_from_subscribed([partition])
    state = subscription.subscription.assignment.state_value(partition)
    state.timestamp, state.highwater = 1_763_586_847_123, 1
    inner._fetcher = SimpleNamespace(_subscriptions=subscription)
    consumer._thread._consumer, consumer._thread.time_started = inner, 0.0
    with pytest.raises(AssertionError):
        consumer._thread.verify_event_path(0.0, TP("t", 0))
    assert TP("t", 0) in consumer.assignment()
    await consumer.verify_all_partitions_active()
    consumer._thread._consumer = inner._fetcher = None
    await inner.stop()


def _code_of(cls: type) -> Iterator[Any]:
    """The code of all functions of a class, those inside them included."""
    waiting = [function.__code__ for function in vars(cls).values() if inspect.isfunction(function)]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [constant for constant in code.co_consts if inspect.iscode(constant)]


@pytest.mark.parametrize("error", [KafkaError("UnknownError()"), GroupAuthorizationFailedError("contract")])
async def test_what_a_group_answers_is_taken_and_only_a_refusal_is_passed_on(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch, error: KafkaError
) -> None:
    """Aiokafka waits until somebody takes the error; without that it never asks the group again."""
    loop = asyncio.get_running_loop()
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator._subscription, coordinator._closing = SubscriptionState(), loop.create_future()
    coordinator._subscription.register_fetch_waiters(set())
    coordinator._coordination_task = loop.create_future()
    coordinator._pending_exception = coordinator._error_consumed_fut = None
    monkeypatch.setattr(consumer._thread, "_ensure_consumer", lambda: SimpleNamespace(_coordinator=coordinator))
    waiting = asyncio.ensure_future(coordinator._push_error_to_user(error))
    await asyncio.sleep(0)
    assert not waiting.done()
    if isinstance(error, GroupAuthorizationFailedError):
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer._take_error_in_thread()
    else:
        await consumer._take_error_in_thread()
    await waiting
