"""Loops that end by themselves when they are told to: waited for, so that what they have in hand is written down."""

import asyncio

from stream.parts import Work


class Ending:
    """Runs a loop, and knows when it has ended."""

    def __init__(self, loop: Work) -> None:
        self._loop = loop
        self._began = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Run it."""
        self._began = True
        try:
            await self._loop()
        finally:
            self._ended.set()

    async def wait(self, seconds_max: float) -> None:
        """Wait until it has ended, where it had begun at all.

        Raises:
            TimeoutError: it has not ended in time.
        """
        if self._began:
            async with asyncio.timeout(seconds_max):
                await self._ended.wait()
