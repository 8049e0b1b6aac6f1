"""Routes and channels: ``deploy/delivery.yaml``, typed, read once, refusing strangers.

As shipped it names no channel, so nothing is sent until the agency says to whom. Secrets
stand in files or in the environment and enter no message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, ValidationError

from alerts.delivery.channel_settings import KIND_SAID, Channel, Name, Section, WebAddress
from alerts.delivery.credentials import SecretMistake, with_files
from alerts.delivery.route_settings import Route, Silence
from alerts.yaml_places import PlacedYaml, YamlMistake
from enrichment.told import Told

#: What pydantic says in its own terms, in ours.
_SAID: Final = {
    "extra_forbidden": "is no setting of a delivery file",
    "missing": "is missing",
    "dict_type": "must hold names and values",
    "model_type": "must hold names and values",
    "list_type": "must be a list",
    "too_short": "needs at least one entry",
    **KIND_SAID,
    "string_pattern_mismatch": "a name has lower-case letters, digits and hyphens, at most 40 of them",
    "string_type": "must be text",
    "int_type": "must be a whole number",
}


_NOBODY: Final = "leads to no route that is `independent: true`, which alerts about Internal Integrity's people need"


class DeliveryError(Told):
    """The delivery file holds mistakes; ``sentences`` has one for each."""


class _File(Section):
    channels: dict[Name, Annotated[Channel, Field(discriminator="kind")]] = Field({})
    routes: list[Route] = Field([])
    silences: list[Silence] = Field([])
    console_url: WebAddress | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The whole file, and by channel the secret that it named: a password, or a webhook's signing key."""

    channels: Mapping[str, Channel]
    routes: tuple[Route, ...]
    console_url: str | None
    secrets: Mapping[str, SecretStr]
    silences: tuple[Silence, ...] = ()


def shipped_path() -> Path:
    """Find the shipped file: beside this package's when installed, in ``deploy/`` in a checkout."""
    installed = Path(__file__).parents[1] / "shipped" / "delivery.yaml"
    return installed if installed.is_file() else Path(__file__).parents[2] / "deploy" / "delivery.yaml"


def load(path: Path, environment: Mapping[str, str]) -> Delivery:
    """Read the delivery file and the secrets that it names; relative secret files stand beside it.

    Raises:
        DeliveryError: with one sentence for each mistake, its place and no secret in it.
    """
    try:
        placed = PlacedYaml.parse(path.read_text("utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError([f"{path}: the file cannot be read ({type(error).__name__})."]) from None
    except YamlMistake as mistake:
        raise DeliveryError([str(mistake)]) from None
    try:
        file = _File.model_validate(placed.value if placed.value is not None else {})
    except ValidationError as error:
        raise DeliveryError([_sentence(placed, item) for item in error.errors(include_input=False)]) from None
    sentences = [*_crossed(placed, file)]
    channels: dict[str, Channel] = {}
    secrets: dict[str, SecretStr] = {}
    for name, channel in file.channels.items():
        try:
            channels[name], secret = with_files(channel, path.parent, environment)
        except SecretMistake as mistake:
            sentences.append(placed.said(("channels", name, mistake.field), mistake.sentence))
        else:
            secrets |= {name: secret} if secret else {}
    if sentences:
        raise DeliveryError(sentences)
    return Delivery(channels, tuple(file.routes), file.console_url, secrets, tuple(file.silences))


def _crossed(placed: PlacedYaml, file: _File) -> Iterator[str]:
    """Say what fits its type and not the rest of the file."""
    for section in ("routes", "silences"):
        seen: set[str] = set()
        for number, named in enumerate(getattr(file, section)):
            if named.name in seen:
                yield placed.said((section, number, "name"), f"a {section[:-1]} {named.name} stands here already")
            seen.add(named.name)
    routes = {route.name: route for route in file.routes}
    for number, route in enumerate(file.routes):
        for place, name in enumerate(route.channels):
            if name not in file.channels:
                yield placed.said(("routes", number, "channels", place), f"there is no channel {name}")
        for field, message in (*_misnamed(route, routes), *_without_end(route, routes)):
            yield placed.said(("routes", number, field), message)
    yield from (
        placed.said(("routes", number, "conflict_route"), _NOBODY)
        for number, route in enumerate(file.routes)
        if not _leads_to_independent(route, routes)
    )


def _misnamed(route: Route, routes: Mapping[str, Route]) -> Iterator[tuple[str, str]]:
    for field in ("conflict_route", "escalate_to"):
        name = getattr(route, field)
        if name == route.name:
            yield field, "must name another route"
        elif name is not None and name not in routes:
            yield field, f"there is no route {name}"


def _without_end(route: Route, routes: Mapping[str, Route]) -> Iterator[tuple[str, str]]:
    """Escalation that comes back to where it began would remind for ever."""
    seen, at = {route.name}, route.escalate_to
    while at is not None and at in routes and at not in seen:
        seen.add(at)
        at = routes[at].escalate_to
    if at == route.name != route.escalate_to:
        yield "escalate_to", f"escalation from {route.name} comes back to it"


def _leads_to_independent(route: Route, routes: Mapping[str, Route]) -> bool:
    """Alerts about Internal Integrity's people must have somewhere to go, whichever route they begin at.

    A name that leads nowhere is said elsewhere.
    """
    seen: set[str] = set()
    while not route.independent and route.name not in seen:
        seen.add(route.name)
        if route.conflict_route not in routes or route.conflict_route == route.name:
            return True
        route = routes[route.conflict_route]
    return route.independent


def _sentence(placed: PlacedYaml, item: Mapping[str, Any]) -> str:
    # Pydantic puts the kind of a channel into the place; the file has no such level.
    place = tuple(part for at, part in enumerate(item["loc"]) if not (at == 2 and item["loc"][0] == "channels"))  # noqa: PLR2004
    message = _SAID.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
    return placed.said(place, message.replace("Input should be", "must be"))
