"""Batches that are carried at the same time: each step in their order, never too many, none acknowledged too early."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.batch import Batch
from agents.pipelining import AT_ONCE_MAX, Turn, carry_in_turn

#: How long each of a batch's three steps takes, in turns of the event loop.
STEPS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


def batches(number: int) -> list[Batch]:
    """Return so many empty batches, each known by what it was read for."""
    return [Batch((), str(one)) for one in range(number)]


async def stream(some: list[Batch]) -> AsyncIterator[Batch]:
    """Yield batches as fast as they are taken."""
    for one in some:
        yield one


async def pass_by(turns: int) -> None:
    """Let others run so many times."""
    for _ in range(turns):
        await asyncio.sleep(0)


@given(st.lists(STEPS, min_size=1, max_size=12))
def test_batches_note_and_publish_in_their_order_however_long_each_takes(steps: list[tuple[int, int, int]]) -> None:
    """No batch notes before the one before it has, nor publishes; never more than so many are under way."""
    done: list[tuple[str, int]] = []
    under_way = most = 0

    async def carry(batch: Batch, turn: Turn) -> None:
        nonlocal under_way, most
        number = int(batch.read_for)
        under_way += 1
        most = max(most, under_way)
        read, note, publish = steps[number]
        await pass_by(read)
        await turn.to_note()
        await pass_by(note)
        done.append(("noted", number))
        turn.noted()
        await turn.to_publish()
        await pass_by(publish)
        done.append(("published", number))
        turn.published()
        under_way -= 1

    some = batches(len(steps))
    asyncio.run(carry_in_turn(stream(some), carry))
    for step in ("noted", "published"):
        assert [number for name, number in done if name == step] == list(range(len(steps)))
    assert all(one.acknowledged for one in some)
    assert most <= AT_ONCE_MAX


def test_others_are_judged_while_one_is_published() -> None:
    """A batch that waits for Kafka does not keep the next ones from Redis; the one after those waits."""
    begun: list[int] = []

    async def carry(batch: Batch, turn: Turn) -> None:
        begun.append(int(batch.read_for))
        await turn.to_note()
        turn.noted()
        await asyncio.Event().wait()

    async def held() -> None:
        carrying = asyncio.create_task(carry_in_turn(stream(batches(9)), carry))
        await pass_by(50)
        assert begun == list(range(AT_ONCE_MAX))
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying

    asyncio.run(held())


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_what_one_raises_ends_all_and_none_behind_it_is_published_or_acknowledged(wrong: int) -> None:
    """The worker ends then, and reads again from the first that was not acknowledged."""
    published: list[int] = []

    async def carry(batch: Batch, turn: Turn) -> None:
        number = int(batch.read_for)
        await turn.to_note()
        turn.noted()
        await turn.to_publish()
        if number == wrong:
            raise ArithmeticError(number)
        published.append(number)
        turn.published()

    some = batches(9)
    with pytest.raises(ArithmeticError):
        asyncio.run(carry_in_turn(stream(some), carry))
    assert published == list(range(wrong))
    assert [int(one.read_for) for one in some if one.acknowledged] == published
