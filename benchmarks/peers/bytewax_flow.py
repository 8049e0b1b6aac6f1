"""Bytewax as its documentation has it: a dataflow from Kafka to Kafka, with a step that takes whole batches.

Its batches are of one partition each. Recovery is on: how far it has read is kept in SQLite once a second, after its
sink has flushed. It is a little less than the others promise: the sink flushes, but does not look whether a record was
refused. Each call of the job starts and stops the event loop, since Bytewax has none; once for a batch.
"""

import os
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main
from confluent_kafka import OFFSET_BEGINNING

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, GROUP, HITS, KAFKA, Read, SameJobNow

BATCH = 1_000
_PRODUCER = {"acks": "all", "enable.idempotence": "true", "linger.ms": "5"}
_KEPT_EVERY = timedelta(seconds=1)


def main() -> None:
    """Run until it is killed."""
    job = SameJobNow()

    def assess(messages: list[KafkaSourceMessage[bytes, bytes]]) -> list[KafkaSinkMessage[bytes, bytes]]:
        found = []
        for one in job.assess([Read(one.value, one.timestamp[1], one.partition, one.offset) for one in messages]):
            found.append(KafkaSinkMessage(one.key, one.value))
            if one.hit:
                found.append(KafkaSinkMessage(one.key, one.value, topic=HITS))
        return found

    kept = Path(os.environ["ACCESSWATCH_STATE_DIR"], GROUP)
    kept.mkdir(parents=True)
    init_db_dir(kept, 1)
    flow = Dataflow("screen")
    source = KafkaSource([KAFKA], [ACCESSES], tail=True, starting_offset=OFFSET_BEGINNING, batch_size=BATCH)
    made = op.flat_map_batch("assess", op.input("accesses", flow, source), assess)
    op.output("made", made, KafkaSink([KAFKA], ASSESSMENTS, _PRODUCER))
    cluster_main(flow, [], 0, epoch_interval=_KEPT_EVERY, recovery_config=RecoveryConfig(kept))


if __name__ == "__main__":
    main()
