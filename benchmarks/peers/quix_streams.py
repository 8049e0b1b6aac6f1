"""Quix Streams as its documentation has it: a dataframe that applies a function to each record.

Its default guarantee, at least once: every five seconds it flushes, looks whether a record was refused, and commits. It
has batches for windows of one key and for sinks only, neither of which is this job, so each access is a call, with its
own round trips to Redis. Each call starts and stops the event loop, since Quix has none; a program with a blocking
Redis client would save that.
"""

import os
from typing import Any

from quixstreams import Application, message_context

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, GROUP, HITS, KAFKA, Assessed, Read, SameJobNow


def main() -> None:
    """Run until it is killed."""
    job = SameJobNow()
    app = Application(
        broker_address=KAFKA,
        consumer_group=GROUP,
        auto_offset_reset="earliest",
        loglevel="ERROR",
        state_dir=os.path.join(os.environ["ACCESSWATCH_STATE_DIR"], GROUP),  # noqa: PTH118 it takes text
        auto_create_topics=False,
        producer_extra_config={"acks": "all", "enable.idempotence": True, "linger.ms": 5},
    )
    accesses = app.topic(ACCESSES, key_deserializer="bytes", value_deserializer="bytes")
    assessments = app.topic(ASSESSMENTS, key_serializer="bytes", value_serializer="bytes")
    hits = app.topic(HITS, key_serializer="bytes", value_serializer="bytes")

    def assess(value: bytes, _key: Any, timestamp: int, _headers: Any) -> Assessed:
        at = message_context()
        return job.assess([Read(value, timestamp, at.partition, at.offset)])[0]

    judged = app.dataframe(accesses).apply(assess, metadata=True)
    judged.apply(lambda one: one.value).to_topic(assessments)
    judged.filter(lambda one: one.hit).apply(lambda one: one.value).to_topic(hits)
    app.run()


if __name__ == "__main__":
    main()
