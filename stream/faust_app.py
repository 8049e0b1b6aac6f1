"""A Faust application for each agent: its own consumer group, our transport, none of Faust's defaults that lose.

Why each setting is what it is: ``docs/decisions/batched-transport.md``.
"""

import ssl
from collections.abc import Callable
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor
from yarl import URL

from stream.batches import BatchConsumer
from stream.connections import aiokafka_options
from stream.settings import Settings

#: Seconds after which a consumer asks anew who leads the partitions. aiokafka does not ask when the broker that it
#: takes for the leader refuses to say where a partition begins: it asks that one again and again, by default for 300 s.
METADATA_SECONDS_MAX = 15
#: Records that one batch holds at most, over all partitions.
BATCH_RECORDS_MAX = 1_000
#: Bytes fetched of one partition at a time; a larger single record comes alone.
FETCH_BYTES_MAX = 1024 * 1024
#: Seconds in which a member must answer a rebalance, or the group goes on without it. A worker needs up to 21: it
#: hears of it at its next heartbeat (3), waits for the batch in hand (8), and commits (10).
REBALANCE_SECONDS_MAX = 25.0
#: Seconds in which a broker must answer. Longer than a rebalance may last, since joining is one request: Faust's own
#: 60 s for a rebalance would cut each join off before its answer and begin it again.
REQUEST_SECONDS_MAX = 40.0


def faust_app(settings: Settings, agent: str, consumer: Callable[..., BatchConsumer] = BatchConsumer) -> faust.App:
    """Make the application of one agent, not started; *consumer* makes its consumer when it starts."""
    options = aiokafka_options(settings)
    # Faust makes a directory for tables, of which we have none, but not its parents.
    directory = settings.state_dir / "faust" / settings.consumer_group(agent)
    directory.parent.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.consumer_group(agent),
        broker=[URL(f"kafka://{server}") for server in options["bootstrap_servers"]],
        broker_credentials=_credentials(options),
        value_serializer="raw",
        key_serializer="raw",
        datadir=str(directory),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=True,
        broker_session_timeout=15.0,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=REQUEST_SECONDS_MAX,
        broker_rebalance_timeout=REBALANCE_SECONDS_MAX,
        broker_max_poll_interval=300.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=BATCH_RECORDS_MAX,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_SECONDS_MAX * 1_000,
        consumer_group_instance_id=f"{settings.instance_id}-{agent}" if settings.instance_id else None,
        producer_request_timeout=30.0,
        agent_supervisor=CrashingSupervisor,
    )
    # Faust makes its consumer by calling whatever its transport names.
    setattr(app.transport, "Consumer", consumer)  # noqa: B010 mypy takes a plain assignment for a class's
    return app


def add_agent(app: faust.App, name: str, topics: list[str], carry: Any) -> None:
    """Let *carry* take the events of these topics."""
    channel = app.topic(*topics, value_type=bytes, value_serializer="raw", key_serializer="raw")
    app.agent(channel, name=name, supervisor_strategy=CrashingSupervisor)(carry)


def _credentials(options: dict[str, Any]) -> Any:
    context: ssl.SSLContext | None = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context is not None else None
