"""What commands that publish need: a publisher for topics that exist, and something to show progress with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from enrichment.errors import CommandError
from stream.settings import Settings

if TYPE_CHECKING:
    from console.loading import Bars
    from stream.producer import Publisher


@asynccontextmanager
async def publishing(settings: Settings, topics: list[str]) -> AsyncIterator[tuple["Publisher", "Bars"]]:
    """A publisher for topics that exist, and something to show progress with; whatever fails becomes a sentence."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - Kafka's clients are slow to import

    from console.loading import Bars  # noqa: PLC0415
    from stream.connections import aiokafka_options, reason  # noqa: PLC0415
    from stream.producer import Publisher, PublishError  # noqa: PLC0415
    from stream.topic_admin import administration, missing  # noqa: PLC0415

    with administration(settings) as admin:
        absent = missing(admin, topics)
    if absent:
        raise CommandError(f"Kafka has no topic {absent[0]}: make it with `accesswatch topics create`.")
    try:
        async with Publisher(aiokafka_options(settings)) as publisher:
            with Bars() as bars:
                yield publisher, bars
    except PublishError as error:
        raise CommandError(f"{error} What was acknowledged before stays; load the file again.") from error
    except KafkaError as error:
        raise CommandError(await reason(settings, error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or 'A file'} cannot be read ({error.strerror}).") from error
