"""What the alert store takes: hits a second, and bytes for an alert. ``python -m benchmarks.alert_store [URL]``.

Without a URL on a SQLite file, made for it; with one on that database, which must be empty. Each hit is an alert of its
own, taken as the ``alert`` agent does, a batch in a transaction.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from alerts.assessment import Answer, Assessment, Evidence, Versions
from alerts.detection.registry import RULES
from alerts.detection.work_reasons import Circumstances
from alerts.grouping import HitRecord, alert_ids_of
from alerts.store.database import open_engine, parse
from alerts.store.store import Store

HITS, BATCHES = 5_000, (1, 10, 100)
_AT = datetime(2026, 11, 20, 9, 14, 7, tzinfo=UTC)
_AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def a_hit(number: int) -> HitRecord:
    """Return the hit of somebody who opened their own client record."""
    staff, client, at = f"S{number:06d}", f"C{number:07d}", _AT + timedelta(seconds=number)
    sentence = f"Client record {client} was viewed (identity, payments) and is one of the actor's own."
    evidence = (
        Evidence("staff record", staff, "ref.staff.v1", _AS_OF),
        Evidence("client record", client, "cms", _AS_OF),
    )
    answer = Answer("own-record", "hit", "live", "critical", sentence, evidence)
    alerts = alert_ids_of(staff, client, at, ["own-record"], RULES)
    versions = Versions("0.1.0", "6a4b67790d06", "f5b17b.37b0bbce0b9e4ceb949a6899be704387.456")
    said = Assessment(f"e{number:023x}", at, staff, client, "view", "hit", None, (answer,), alerts, versions)
    return HitRecord.of(said, int(at.timestamp() * 1000), "", Circumstances(), at)


def main() -> None:
    """Print a line for each size of batch, then what an alert takes."""
    with tempfile.TemporaryDirectory(prefix="accesswatch-alert-store-") as directory:
        file = Path(directory) / "alerts.sqlite3"
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{file}"
        store, taken = Store.open(url, RULES), 0
        for size in BATCHES:
            hits = [a_hit(number) for number in range(taken, taken + HITS)]
            began = time.perf_counter()
            for start in range(0, HITS, size):
                store.take_hits(hits[start : start + size], datetime.now(UTC))
            taken += HITS
            sys.stdout.write(f"{size} in a transaction: {HITS / (time.perf_counter() - began):,.0f} hits/s\n")
        store.close()
        used = file.stat().st_size if file.exists() else _bytes(url)
        sys.stdout.write(f"{taken:,} alerts: {used / taken:,.0f} bytes for each, with its history and its outbox\n")


def _bytes(url: str) -> int:
    with open_engine(parse(url), create=False).connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


if __name__ == "__main__":
    main()
