"""``accesswatch canary``: accesses that every live rule must find, and whether it did."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from console.connected import connected
from enrichment.errors import CommandError
from stream.printing import say, say_json, say_rows
from stream.settings import Settings, load

if TYPE_CHECKING:
    from stream.canaries import CanaryRun

app = typer.Typer(help="Canaries: accesses that every live rule must find.", no_args_is_help=True)

_SECONDS_MAX = 600.0
_COLUMNS = ("rule", "result", "seconds", "why")


@app.command()
def run(
    seconds: Annotated[
        float, typer.Option(min=1.0, max=_SECONDS_MAX, help="How long to wait for the rules and their alerts.")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish accesses of the reserved ids that each live rule must find, and say whether it did.

    The ids are those of ACCESSWATCH_CANARY_STAFF and ACCESSWATCH_CANARY_CLIENTS, which nobody else may have: by the
    shipped limits six staff ids and forty-one client ids are enough for every rule. Their alerts are closed as
    `canary`: never listed, told or counted. Exit 1 where a rule has not found its access.
    """
    from stream.canaries import CanaryRun  # noqa: PLC0415 Kafka's client is slow to import

    async def found(canaries: CanaryRun) -> int:
        findings = await canaries.run()
        if as_json:
            say_json(orjson.dumps([asdict(one) for one in findings]))
        else:
            cells = [
                (one.rule, one.result.replace("_", " "), f"{one.seconds:.1f}" if one.seconds is not None else "",
                 one.because or "")
                for one in findings
            ]  # fmt: skip
            say_rows(_COLUMNS, cells, none="No rule is live.")
        return sum(one.result == "missed" for one in findings)

    missed = _with_services(found, seconds, quiet=as_json)
    if missed:
        rules = "rule has" if missed == 1 else "rules have"
        raise CommandError(f"{missed} {rules} not found the access made for them: see docs/runbooks/canaries.md.")


@app.command()
def remove() -> None:
    """Delete the reference records of the reserved ids that runs have published."""
    from stream.canaries import CanaryRun  # noqa: PLC0415

    async def removed(canaries: CanaryRun) -> int:
        return await canaries.remove()

    say(f"{_with_services(removed, 60.0, quiet=True)} reference records of canaries are deleted.")


def _with_services(work: "Callable[[CanaryRun], Awaitable[int]]", seconds: float, *, quiet: bool) -> int:
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    from alerts.detection.config import load as load_limits  # noqa: PLC0415
    from enrichment.lookup import NotReadable  # noqa: PLC0415
    from stream.canaries import CanariesRefused, CanaryRun  # noqa: PLC0415
    from stream.connections import reason  # noqa: PLC0415
    from stream.producer import PublishError  # noqa: PLC0415
    from stream.redis_connection import check_reachable, connect  # noqa: PLC0415

    settings: Settings = connected(load())

    async def carried() -> int:
        client = connect(settings)
        try:
            await check_reachable(client, settings)
            canaries = CanaryRun(settings, client, load_limits(settings.limits), seconds)
            if not quiet:
                canaries.progress = lambda what: say(f"{what} ...", err=True)
            found: int = await work(canaries)
        except CanariesRefused as refused:
            raise CommandError(refused.sentences) from None
        except NotReadable as error:
            raise CommandError(f"The canaries could not run: {str(error).rstrip('.')}.") from None
        except PublishError as error:
            raise CommandError(str(error)) from error
        except (KafkaError, OSError) as error:
            raise CommandError(await reason(settings, error)) from None
        else:
            return found
        finally:
            await client.aclose()

    return asyncio.run(carried())
