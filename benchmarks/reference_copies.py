"""Many times the ministry's size: how fast records come into Redis, and what each costs there. No Kafka, no worker.

``python -m benchmarks.reference_copies DIR --copies 10``: DIR has the files of ``accesswatch simulate reference``; each
copy has ids and contact details of its own. Every record is decoded and applied as the ``reference`` agent does it.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import redis.asyncio

from enrichment.decode import decode
from enrichment.reference.layout import KINDS, ReferenceKind, index_entries, record_id
from enrichment.reference.redis import Change, RedisReferenceStore
from sandbox.valkey import start_valkey

RECORDS_PER_STEP = 500
STAMP = 1_763_586_847_123
#: An id's letter, and what stands before a contact detail: behind each a copy writes its number.
_ID = re.compile(rb'(?<=[":])([A-Z])(?=[0-9]{3,}")')
_DETAIL = re.compile(rb'("(?:address|phone|email|bank_account)":")')


def copies(file: Path, number: int) -> Iterator[bytes]:
    """Yield a file's lines as copy *number* of the agency has them."""
    mark = b"%d" % number
    with file.open("rb") as lines:
        for line in lines:
            yield _DETAIL.sub(rb"\g<1>" + mark, _ID.sub(rb"\g<1>" + mark + b"-", line))


async def main() -> None:
    """Apply the copies, and print a line after each."""
    parser = argparse.ArgumentParser(prog="benchmarks.reference_copies")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--copies", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="accesswatch-copies-") as root:
        server = start_valkey(Path(root), guarded=True)
        client = redis.asyncio.Redis.from_url(f"redis://{server.address}/0")
        references = RedisReferenceStore(client, "accesswatch::")
        epoch = await references.begin("copies")
        records = 0
        for number in range(asked.copies):
            began, cpu, before = time.perf_counter(), time.process_time(), records
            for kind in KINDS:
                if (asked.dir / f"{kind}.jsonl").exists():
                    records += await _apply(
                        references, epoch, kind, copies(asked.dir / f"{kind}.jsonl", number), number
                    )
            seconds, added = time.perf_counter() - began, records - before
            used = (await client.info("memory"))["used_memory"]
            spent = 1e6 * (time.process_time() - cpu) / added
            sys.stdout.write(
                f"{records:,} records: {added / seconds:,.0f} records/s, CPU {spent:.0f} us a record, "
                f"Redis {used / 1e9:.2f} GB, {used / records:.0f} B a record\n"
            )
            sys.stdout.flush()
        await client.aclose()
        server.program.kill()


async def _apply(
    references: RedisReferenceStore, epoch: str, kind: ReferenceKind, lines: Iterator[bytes], number: int
) -> int:
    applied = 0
    while part := list(islice(lines, RECORDS_PER_STEP)):
        found = [decode(KINDS[kind][0], line) for line in part]
        changes = [
            Change(applied + at, kind, record_id(kind, record), index_entries(record, STAMP))
            for at, record in enumerate(found)
        ]
        applied += len(changes)
        await references.apply(epoch, f"ref.{kind}.v1:{number}", changes, applied)
    return applied


if __name__ == "__main__":
    asyncio.run(main())
