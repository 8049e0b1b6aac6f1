"""Batches that are carried at the same time: each step in their order, never too many, none acknowledged too early."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.turns import AT_ONCE_MAX, Turn, carry_in_turn

#: How long each of a batch's three steps takes, in turns of the event loop.
STEPS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


class Event:
    """What Faust hands over: a value, and a way to say that it is done."""

    def __init__(self, number: int) -> None:
        self.value = number
        self.acknowledged = False

    def ack(self) -> None:
        """Say that it is done."""
        self.acknowledged = True


async def stream(events: list[Event]) -> AsyncIterator[Event]:
    """Give events as fast as they are taken."""
    for event in events:
        yield event


async def pass_by(turns: int) -> None:
    """Let others run so many times."""
    for _ in range(turns):
        await asyncio.sleep(0)


@given(st.lists(STEPS, min_size=1, max_size=12))
def test_batches_note_and_publish_in_their_order_however_long_each_takes(steps: list[tuple[int, int, int]]) -> None:
    """No batch notes before the one before it has, nor publishes; never more than so many are under way."""
    done: list[tuple[str, int]] = []
    under_way = most = 0

    async def carry(number: int, turn: Turn) -> None:
        nonlocal under_way, most
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

    events = [Event(number) for number in range(len(steps))]
    asyncio.run(carry_in_turn(stream(events), carry))
    for step in ("noted", "published"):
        assert [number for name, number in done if name == step] == list(range(len(steps)))
    assert all(event.acknowledged for event in events)
    assert most <= AT_ONCE_MAX


def test_others_are_judged_while_one_is_published() -> None:
    """A batch that waits for Kafka does not keep the next ones from Redis; the one after those waits."""
    begun: list[int] = []

    async def carry(number: int, turn: Turn) -> None:
        begun.append(number)
        await turn.to_note()
        turn.noted()
        await asyncio.Event().wait()

    async def held() -> None:
        carrying = asyncio.create_task(carry_in_turn(stream([Event(one) for one in range(9)]), carry))
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

    async def carry(number: int, turn: Turn) -> None:
        await turn.to_note()
        turn.noted()
        await turn.to_publish()
        if number == wrong:
            raise ArithmeticError(number)
        published.append(number)
        turn.published()

    events = [Event(number) for number in range(9)]
    with pytest.raises(ArithmeticError):
        asyncio.run(carry_in_turn(stream(events), carry))
    assert published == list(range(wrong))
    assert [event.value for event in events if event.acknowledged] == published
