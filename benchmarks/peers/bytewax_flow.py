"""Bytewax as its documentation has it: a dataflow from Kafka to Kafka, with a step that takes whole batches.

Recovery is left off, as in its own examples: nothing is remembered of how far it has read, so it does less than the
others here.
"""

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main
from confluent_kafka import OFFSET_BEGINNING

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, HITS, KAFKA, Assessed, SameJobNow

BATCH = 1_000
_PRODUCER = {"acks": "all", "enable.idempotence": "true", "linger.ms": "5"}


def main() -> None:
    """Run until it is killed."""
    job = SameJobNow()

    def assess(messages: list[KafkaSourceMessage[bytes, bytes]]) -> list[Assessed]:
        return job.assess([(one.value, one.timestamp[1]) for one in messages])

    def message(one: Assessed) -> KafkaSinkMessage[bytes, bytes]:
        return KafkaSinkMessage(one.key, one.value)

    flow = Dataflow("screen")
    source = KafkaSource([KAFKA], [ACCESSES], tail=True, starting_offset=OFFSET_BEGINNING, batch_size=BATCH)
    judged = op.flat_map_batch("assess", op.input("accesses", flow, source), assess)
    kop.output("assessments", op.map("all", judged, message), brokers=[KAFKA], topic=ASSESSMENTS, add_config=_PRODUCER)
    hits = op.map("hit", op.filter("hits", judged, lambda one: one.hit), message)
    kop.output("to hits", hits, brokers=[KAFKA], topic=HITS, add_config=_PRODUCER)
    cluster_main(flow, [], 0)


if __name__ == "__main__":
    main()
