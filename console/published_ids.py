"""Which reference records a mapping has published and not deleted since, as their topic has them."""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from enrichment.errors import CommandError
from enrichment.mapping.mapping import MAPPING_HEADER
from stream.connections import aiokafka_options, why_not
from stream.reading import between
from stream.settings import Settings
from stream.topic_admin import TopicEnds

#: Records of each partition that are read at a time.
STEP_RECORDS: Final = 20_000


async def ids_made_by(settings: Settings, topic: str, mapping: str) -> set[str]:
    """Return the ids whose newest record in a topic was made by this mapping and is no deletion.

    Raises:
        CommandError: Kafka does not answer.
    """
    options = aiokafka_options(settings)
    ends = TopicEnds(options)
    consumer = AIOKafkaConsumer(
        **options, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    found: dict[bytes, bool] = {}
    try:
        await ends.start()
        await consumer.start()
        partitions = await ends.partitions([topic])
        consumer.assign(partitions)
        lowers = dict(await consumer.beginning_offsets(partitions))
        uppers = dict(await consumer.end_offsets(partitions))
        while any(lowers[tp] < uppers[tp] for tp in partitions):
            steps = {tp: min(lowers[tp] + STEP_RECORDS, uppers[tp]) for tp in partitions}
            for record in await between(consumer, options, lowers, steps):
                if record.key is not None:
                    found[record.key] = record.value is not None and _made_by(record, mapping)
            lowers = steps
    except (KafkaError, OSError) as error:
        raise CommandError(why_not(settings, error)) from error
    finally:
        await consumer.stop()
        await ends.stop()
    return {key.decode() for key, ours in found.items() if ours}


def _made_by(record: Any, mapping: str) -> bool:
    value = dict(record.headers).get(MAPPING_HEADER) or b""
    return bool(value.split(b"/")[0] == mapping.encode())
