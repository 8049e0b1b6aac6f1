"""``accesswatch worker``: the service."""

import asyncio
from typing import Annotated

import typer

from console.connected import connected
from enrichment.errors import CommandError
from stream import logs
from stream.settings import load


def worker(
    agents: Annotated[
        str | None,
        typer.Option(
            help="Which agents this process runs: screen, reference, alert, deliver, history, adapt; comma-separated. "
            "All that are configured where it is not given."
        ),
    ] = None,
) -> None:
    """Run the service: read accesses, judge them, raise and deliver alerts, keep the history.

    Ends by SIGINT or SIGTERM: it finishes what is in hand, commits, and exits 0.
    """
    # Faust takes a second to import, which no other command should wait for.
    from stream.factory import build  # noqa: PLC0415
    from stream.specs import AGENTS  # noqa: PLC0415
    from stream.worker import Worker  # noqa: PLC0415

    settings = load()
    configured = {"history": settings.history_folder is not None, "adapt": settings.mappings is not None}
    if agents is None:
        chosen = [name for name in AGENTS if configured.get(name, True)]
    else:
        chosen = [name.strip() for name in agents.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in AGENTS]
    if unknown or not chosen:
        raise typer.BadParameter(f"the agents are {', '.join(AGENTS)}", param_hint="--agents")
    if "history" in chosen and not configured["history"]:
        raise CommandError("The agent history has nowhere to write: set ACCESSWATCH_HISTORY to a folder.")
    settings = connected(
        settings, needs=("kafka", "redis") if {"screen", "reference", "alert", "adapt"} & set(chosen) else ("kafka",)
    )
    settings.check_state_directory()
    logs.configure(settings.log_level, settings.log_format)
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"ACCESSWATCH_STATE_DIR cannot be written to ({error.strerror}).") from None

    async def run() -> None:
        await Worker(settings).run(build, chosen)

    asyncio.run(run())
