"""What happens to the alert store, and to those who are told of alerts."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

from tests.faults.fault import Fault, Heal
from tests.faults.scene import Scene

_FILL_BYTES = 64 * 1024
#: Holds SQLite's write lock until its standard input ends.
_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


async def fill_disk(scene: Scene) -> Heal:
    """Fill the disk of the store to its last byte."""
    assert scene.disk is not None, "there is no small disk to fill: only root may mount one"
    filler = scene.disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * _FILL_BYTES)
    free = os.statvfs(scene.disk).f_bavail
    assert free == 0, f"{free} blocks are free: the fault was not injected"

    async def heal() -> None:
        filler.unlink()

    return heal


async def lock_store(scene: Scene) -> Heal:
    """Let another process hold the write lock, for longer than ours wait for it."""
    process = subprocess.Popen(  # noqa: ASYNC220 it starts at once
        [sys.executable, "-c", _LOCK, str(scene.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    said = await asyncio.to_thread(process.stdout.readline)
    assert said == b"locked\n", "the store was not locked"

    async def heal() -> None:
        await asyncio.to_thread(process.communicate)

    return heal


async def close_hook(scene: Scene) -> Heal:
    """The webhook's receiver goes away."""
    await scene.receivers.close_hook()
    return scene.receivers.open_hook


async def close_mail(scene: Scene) -> Heal:
    """The mail server goes away."""
    await scene.receivers.close_mail()
    return scene.receivers.open_mail


FAULTS = (
    Fault("disk-full", fill_disk, 8.0, 4.0, may_repeat=True, strikes="store"),
    Fault("sqlite-locked", lock_store, 20.0, 3.0, may_repeat=True, strikes="store"),
    Fault("webhook-away", close_hook, 6.0, 3.0, strikes="receivers"),
    Fault("smtp-away", close_mail, 6.0, 3.0, strikes="receivers"),
)
