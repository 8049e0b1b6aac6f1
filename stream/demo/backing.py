"""Where the demo's Kafka and Redis are: started for it, or the ones that the environment names."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.commands.failure import CommandFailed
from stream.demo.progress import Progress
from stream.embedded.server import free_port
from stream.embedded.services import embedded
from stream.settings import PREFIX, Settings, load

#: The port of metrics and health, where it is free.
_HTTP_PORT = 9108
#: What of the environment's settings the demo's worker takes over, beside how Kafka and Redis are reached.
_TAKEN_OVER = ("LIMITS", "LOG_LEVEL")


@dataclass(frozen=True, slots=True)
class Backing:
    """What the demo runs on: our own settings, and the environment of the worker."""

    settings: Settings
    environment: Mapping[str, str]


@contextmanager
def backing(directory: Path, progress: Progress) -> Iterator[Backing]:
    """Have Kafka and Redis at hand, with every topic created, for as long as the block runs.

    Raises:
        CommandFailed: only one of the two is set, or Kafka refuses.
        EmbeddedError: they cannot be started.
    """
    given = load()
    if (given.kafka is None) != (given.redis is None):
        raise CommandFailed(
            f"Set both {PREFIX}KAFKA and {PREFIX}REDIS to run the demo on your own, or neither to have them started."
        )
    if given.kafka is None:
        progress.phase("Kafka", "starting")
        progress.phase("Valkey", "starting")
        with embedded(directory / "services") as addresses:
            progress.finish("Valkey", addresses.redis)
            progress.finish("Kafka", addresses.kafka)
            yield _with_topics(
                _environment({"KAFKA": addresses.kafka, "REDIS": addresses.redis}, directory, own=False), progress
            )
        return
    # Nothing of an installation is touched: topics, groups and Redis keys of this demo have names of their own.
    token = f"demo-{secrets.token_hex(4)}"
    names = {"TOPIC_PREFIX": f"{given.topic_prefix}{token}.", "GROUP": f"{given.group}-{token}"}
    progress.finish("Kafka", given.kafka)
    progress.finish("Valkey", "the Redis that is set")
    ready = _with_topics(_environment(names, directory, own=True), progress)
    try:
        yield ready
    finally:
        from stream.demo.tidying import tidy  # noqa: PLC0415 - slow to import, and rarely needed

        tidy(ready.settings)


def _with_topics(environment: Mapping[str, str], progress: Progress) -> Backing:
    # Kafka's client is slow to import, and has been imported meanwhile by whoever waited for Java.
    from stream.topic_admin import administration, create_missing  # noqa: PLC0415

    settings = load(environment)
    progress.phase("topics", "creating")
    with administration(settings) as admin:
        created = create_missing(admin, settings)
    progress.finish("topics", f"{len(created)} created")
    return Backing(settings, environment)


def _environment(values: Mapping[str, str], directory: Path, *, own: bool) -> dict[str, str]:
    """Give the worker's environment: ours without foreign settings, or with those of one's own Kafka and Redis."""
    kept = ("KAFKA", "REDIS", *_TAKEN_OVER) if own else _TAKEN_OVER
    names = tuple(PREFIX + name for name in kept)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name.startswith(names)
    }
    ours = {
        "STATE_DIR": str(directory / "state"),
        "DELIVERY": str(directory / "delivery.yaml"),
        "HTTP": f"127.0.0.1:{free_port(_HTTP_PORT)}",
        # A restarted worker takes its partitions over at once instead of waiting for the dead one's session to end.
        "INSTANCE_ID": "demo",
        "GROUP": "demo",
        **values,
    }
    return environment | {PREFIX + name: value for name, value in ours.items()}
