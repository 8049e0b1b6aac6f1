"""``accesswatch config check``: every mistake in settings, limits and delivery routes, as a sentence."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import typer

from alerts.detection.config import LimitsError, LoadedLimits
from alerts.detection.config import load as load_limits
from alerts.notify.config import DeliveryError
from alerts.notify.proxies import shown
from alerts.notify.routes import Delivery
from stream.certificates import check_certificates
from stream.delivery_file import load_delivery
from stream.printing import say
from stream.settings import PREFIX, Settings, SettingsError, load
from stream.sources import Source, sources

app = typer.Typer(help="The configuration.", no_args_is_help=True)

_SETTINGS = "\n\n".join(
    f"{PREFIX}{name.upper()}: {field.description}." for name, field in Settings.model_fields.items()
)


T = TypeVar("T")


@app.callback()
def _group() -> None:
    pass


@app.command(
    help=f"Read settings, limits and delivery routes, and say every mistake.\n\nThe settings are:\n\n{_SETTINGS}"
)
def check(
    quiet: Annotated[bool, typer.Option("--quiet", help="Print mistakes only.")] = False,
) -> None:
    """Read everything that can be configured; exit 1 where anything is wrong."""
    mistakes: list[str] = []
    settings = _checked(mistakes, load, lambda _: ["Settings: no mistakes."], quiet=quiet)
    if settings is not None:
        for look in (settings.check_state_directory, settings.check_database_file):
            _checked(mistakes, look, lambda _: [], quiet=quiet)
        _checked(mistakes, lambda: check_certificates(settings), lambda _: [], quiet=quiet)
        _checked(mistakes, lambda: load_limits(settings.limits), partial(_limits_lines, settings), quiet=quiet)
        _checked(mistakes, lambda: load_delivery(settings), _delivery_lines, quiet=quiet)
        _checked(mistakes, lambda: sources(settings), _source_lines, quiet=quiet)
    for sentence in mistakes:
        say(sentence, err=True)
    if mistakes:
        raise typer.Exit(1)


def _checked(mistakes: list[str], read: Callable[[], T], good: Callable[[T], list[str]], *, quiet: bool) -> T | None:
    """Read one thing; print what is good of it, or keep its mistakes for the end."""
    try:
        found = read()
    except (SettingsError, LimitsError, DeliveryError) as error:
        mistakes += error.sentences
        return None
    if not quiet and (lines := good(found)):
        say(*lines)
    return found


def _limits_lines(settings: Settings, limits: LoadedLimits) -> list[str]:
    where = f"the shipped ones with {settings.limits}" if settings.limits else "the shipped ones"
    return [f"Limits: no mistakes ({where}, hash {limits.hash})."]


def _source_lines(found: list[Source]) -> list[str]:
    return [f"Mappings: no mistakes ({', '.join(one.raw for one in found)})."] if found else []


def _delivery_lines(delivery: Delivery) -> list[str]:
    lines = [f"Delivery: no mistakes ({len(delivery.channels)} channels, {len(delivery.routes)} routes)."]
    for name, proxy in delivery.proxies.items():
        what = f"the token endpoint of {name}" if delivery.channels[name].kind == "smtp" else name
        lines.append(f"Delivery: {what} is reached through the proxy {shown(proxy)}.")
    if not delivery.routes:
        lines.append("Delivery: no route is named, so nobody is told of an alert; see ACCESSWATCH_DELIVERY.")
    return lines
