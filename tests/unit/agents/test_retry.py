"""Holding: one batch that got through says nothing of another that is still held."""

import asyncio
from functools import partial

from agents.metrics import Metrics
from agents.retry import Hold


class AwayError(Exception):
    """What is asked for is away."""


async def test_it_is_said_until_the_last_batch_goes_on() -> None:
    """Two batches are held, then one, then none."""
    metrics = Metrics()
    hold = Hold("screen", metrics)
    back = [False, False]

    def holding() -> float | None:
        return metrics.registry.get_sample_value("accesswatch_holding", {"agent": "screen"})

    async def ask(number: int) -> None:
        if not back[number]:
            raise AwayError(f"{number} is away")

    assert holding() == 0
    first, second = (asyncio.create_task(hold.until_it_works(partial(ask, number), (AwayError,))) for number in (0, 1))
    await asyncio.sleep(0)
    assert (holding(), hold.reason is not None) == (1, True)
    back[0] = True
    await first
    assert (holding(), hold.reason is not None) == (1, True)
    back[1] = True
    await second
    assert (holding(), hold.reason) == (0, None)
