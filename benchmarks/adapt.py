"""Records of another system a second, through the agent ``adapt``: JSON in, accesses out, on one process.

OpenEMR's audit log as Debezium writes it, mapped by the shipped mapping; every record makes an access. They stand on
eight partitions, by user, so that the numbers of their sequence come in another order than they were given.
"""

import asyncio
import os
import random
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson

from benchmarks.stand import PARTITIONS, Run, Stand
from benchmarks.tables import circumstances, show, table
from sandbox.services import embedded
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import load
from stream.sources import sources
from stream.topic_admin import administration, create_missing
from stream.topics import ACCESS

MAPPING = Path(__file__).parents[1] / "deploy" / "mappings" / "openemr-log.yaml"
#: The morning of 20 November 2026, as OpenEMR's wall clock shows it, in milliseconds.
_MORNING_MS = 1_795_166_047_000
_EVENTS = ("patient-record-select", "patient-record-update", "patient-record-view", "order-insert", "view")
_CATEGORIES = ("Patient Demographics", "Problem List", "Medication", "Billing", "Encounter Form")


def rows(number: int, staff: int, clients: int) -> list[tuple[bytes, bytes]]:
    """Return so many rows of the log, each with its key."""
    dice = random.Random(22)  # noqa: S311 the same rows each time
    found = []
    for one in range(1, number + 1):
        user = f"staff{dice.randrange(staff)}"
        row = {
            "id": one, "date": _MORNING_MS + one, "event": dice.choice(_EVENTS), "category": dice.choice(_CATEGORIES),
            "user": user, "groupname": "Default", "comments": "U0VMRUNU" * 12, "user_notes": None,
            "patient_id": dice.randrange(1, clients), "success": 1, "checksum": "9f" * 20, "crt_user": "",
            "log_from": "open-emr", "menu_item_id": None, "ccda_doc_id": None,
        }  # fmt: skip
        origin = {"version": "3.3.1.Final", "connector": "mariadb", "name": "emr", "db": "openemr", "table": "log"}
        envelope = {"before": None, "after": row, "source": origin, "op": "c", "ts_ms": _MORNING_MS + one}
        found.append((user.encode(), orjson.dumps(envelope)))
    return found


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table."""
    given = rows(accesses, staff, clients)
    directory = Path(tempfile.mkdtemp(prefix="accesswatch-benchmark-"))
    try:
        with embedded(directory / "services") as addresses:
            environment = {
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "PATH": os.environ["PATH"],
                "HOME": str(directory),
                "ACCESSWATCH_KAFKA": addresses.kafka,
                "ACCESSWATCH_REDIS": addresses.redis,
                "ACCESSWATCH_STATE_DIR": str(directory / "state"),
                "ACCESSWATCH_LOG_LEVEL": "WARNING",
                "ACCESSWATCH_HISTORY": "off",
                "ACCESSWATCH_MAPPINGS": str(MAPPING),
            }
            place = Stand(load(environment), environment, directory, accesses)
            with administration(place.settings) as admin:
                create_missing(admin, place.settings, partitions=PARTITIONS)
            asyncio.run(_publish(place, given))
            runs = [asyncio.run(_run(place, f"adapt-{number}")) for number in range(rounds)]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    size = statistics.mean(len(value) for _, value in given)
    ordered = sorted(runs, key=lambda run: run.cpu_us)
    median = ordered[len(ordered) // 2]
    cells = [
        ["records a second, by the clock", f"{statistics.median(run.per_second for run in runs):,.0f}"],
        ["CPU of the worker a record", f"{median.cpu_us:.1f} us"],
        ["records a second and core", f"{1e6 / median.cpu_us:,.0f}"],
        [
            "the same in the slowest and the fastest run",
            f"{1e6 / ordered[-1].cpu_us:,.0f} to {1e6 / ordered[0].cpu_us:,.0f}",
        ],
        ["memory", f"{median.rss_mb:.0f} MB"],
    ]
    said = f"{accesses:,} records of {size:.0f} bytes, median of {rounds} runs. {circumstances(command)}"
    show("adapt", f"{table(('the agent adapt', ''), cells)}\n\n{said}", write=write)


async def _publish(place: Stand, given: Sequence[tuple[bytes, bytes]]) -> None:
    (source,) = sources(place.settings)
    async with Publisher(aiokafka_options(place.settings)) as publisher:
        for key, value in given:
            await publisher.send(source.raw, key, value)
        await publisher.flush()


async def _run(place: Stand, group: str) -> Run:
    return await place.run(place.ours("adapt"), group, part="adapt", topic=ACCESS)
