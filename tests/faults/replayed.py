"""Dead letters can be put back: our own command does it at a run's end, and what comes back is held against them."""

import asyncio
from collections import Counter
from typing import Any

from stream.topics import ACCESS
from tests.faults.evidence import Evidence
from tests.faults.scene import Scene
from tests.support.console import accesswatch
from tests.support.topics import read_all

#: Dead letters that are put back at the end of each run.
PUT_BACK = 100
_PARTITION = "__accesswatch.errors.partition"
_ERRORS = "__accesswatch.errors."


async def not_replayed(scene: Scene, evidence: Evidence) -> list[str]:
    """Put some back, and say what did not come back where it was and as it was."""
    wanted = min(PUT_BACK, len(evidence.letters))
    done = await asyncio.to_thread(
        accesswatch, "dlq", "replay", "--yes", "--limit", str(PUT_BACK), environment=scene.fleet.environment
    )
    if done.returncode != 0:
        return [f"dlq replay ended with {done.returncode}: {done.stderr.strip()}"]
    known = {(record.partition, record.offset) for record in evidence.inputs}
    records = await read_all(scene.stand.kafka.bootstrap, scene.topic(ACCESS))
    back = [record for record in records if (record.partition, record.offset) not in known]
    letters = Counter(_letter(letter) for letter in evidence.letters)
    strangers = Counter((record.partition, record.key, record.value) for record in back) - letters
    return [
        *([] if len(back) == wanted else [f"{len(back)} dead letters came back, {wanted} were put back"]),
        *(f"what came back to partition {partition} is no dead letter of it" for partition, _, _ in strangers),
        *(f"offset {record.offset} came back with error headers" for record in back if _marked(record)),
    ]


def _letter(letter: Any) -> tuple[int, bytes | None, bytes | None]:
    return int(dict(letter.headers)[_PARTITION]), letter.key, letter.value


def _marked(record: Any) -> bool:
    return any(name.startswith(_ERRORS) for name, _ in record.headers)
