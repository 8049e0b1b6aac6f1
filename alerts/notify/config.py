"""``deploy/delivery.yaml``: channels, routes and silences, read with the secrets and proxies that they name.

Who is told of what is decided by ``routing.py``. Secrets are read when the file is loaded and kept where nothing
prints them.
"""

import operator
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial, reduce
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, ValidationError, create_model

from alerts.notify.channels.base import Channel, Publish, Sender
from alerts.notify.channels.registry import KINDS, open_sender
from alerts.notify.fields import Name, Section, WebAddress
from alerts.notify.routes import Delivery, Notices, Route, Silence
from alerts.notify.secret_files import SecretMistake, Surroundings
from enrichment.errors import UserError, why
from enrichment.placed_yaml import PlacedYaml, Said, YamlMistake

#: Sets of kinds whose file models are kept: tests add kinds.
KINDS_OF_FILES_MAX: Final = 8

_SAID: Final = {
    "extra_forbidden": "is no setting of a delivery file",
    "missing": "is missing",
    "dict_type": "must hold names and values",
    "model_type": "must hold names and values",
    "list_type": "must be a list",
    "too_short": "needs at least one entry",
    "string_pattern_mismatch": "a name has lower-case letters, digits and hyphens, at most 40 of them",
    "string_type": "must be text",
    "int_type": "must be a whole number",
}


_NOBODY: Final = "leads to no route that is `independent: true`, which alerts about Internal Integrity's people need"


#: The kind of channel that takes notices, and nothing else.
_TO_STAFF: Final = "staff_email"
_NOT_ALERTS: Final = f"a channel of kind {_TO_STAFF} takes notices to staff members, no alerts"


class DeliveryError(UserError):
    """The delivery file holds mistakes; ``sentences`` has one for each."""


class DeliveryFile(Section):
    """The file as it is written; ``_file_model`` says what its channels may be."""

    channels: dict[Name, Any] = Field({})
    routes: list[Route] = Field([])
    silences: list[Silence] = Field([])
    console_url: WebAddress | None = None
    notices: Notices | None = None


@lru_cache(maxsize=KINDS_OF_FILES_MAX)
def _file_model(kinds: tuple[type[Channel], ...]) -> type[DeliveryFile]:
    """Return the model of a file whose channels are of these kinds."""
    every: Any = Annotated[reduce(operator.or_, kinds), Field(discriminator="kind")]
    return create_model("File", __base__=DeliveryFile, channels=(dict[Name, every], Field({})))


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
        placed = PlacedYaml.parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError([f"{path}: the file cannot be read: {why(error)}."]) from None
    except YamlMistake as mistake:
        raise DeliveryError([mistake.in_file(path)]) from None
    said = partial(placed.said, path)
    try:
        model = _file_model(tuple(kind.settings for kind in KINDS.values()))
        file = model.model_validate(placed.value if placed.value is not None else {})
    except ValidationError as error:
        raise DeliveryError([_sentence(said, item) for item in error.errors(include_input=False)]) from None
    sentences = [*_crossed(said, file)]
    channels: dict[str, Channel] = {}
    secrets: dict[str, SecretStr] = {}
    proxies: dict[str, SecretStr] = {}
    for name, channel in file.channels.items():
        try:
            opened = channel.opened(Surroundings(path.parent, environment))
        except SecretMistake as mistake:
            sentences.append(said(("channels", name, *mistake.field.split(".")), mistake.sentence))
        else:
            channels[name] = opened.channel
            secrets |= {name: opened.secret} if opened.secret else {}
            proxies |= {name: opened.proxy} if opened.proxy else {}
    if sentences:
        raise DeliveryError(sentences)
    return Delivery(
        channels, tuple(file.routes), file.console_url, secrets, tuple(file.silences), proxies, file.notices
    )


def _crossed(said: Said, file: DeliveryFile) -> Iterator[str]:
    """Return what fits its type and not the rest of the file."""
    for section in ("routes", "silences"):
        seen: set[str] = set()
        for number, named in enumerate(getattr(file, section)):
            if named.name in seen:
                yield said((section, number, "name"), f"a {section[:-1]} {named.name} stands here already")
            seen.add(named.name)
    routes = {route.name: route for route in file.routes}
    if file.notices is not None and _kind_of(file, file.notices.channel) != _TO_STAFF:
        yield said(("notices", "channel"), f"must name a channel of kind {_TO_STAFF}")
    for number, route in enumerate(file.routes):
        for place, name in enumerate(route.channels):
            if name not in file.channels:
                yield said(("routes", number, "channels", place), f"there is no channel {name}")
            elif _kind_of(file, name) == _TO_STAFF:
                yield said(("routes", number, "channels", place), _NOT_ALERTS)
        for key, message in (*_misnamed(route, routes), *_without_end(route, routes)):
            yield said(("routes", number, key), message)
    yield from (
        said(("routes", number, "conflict_route"), _NOBODY)
        for number, route in enumerate(file.routes)
        if not _leads_to_independent(route, routes)
    )


def _kind_of(file: DeliveryFile, name: str) -> str | None:
    return file.channels[name].kind if name in file.channels else None


def _misnamed(route: Route, routes: Mapping[str, Route]) -> Iterator[tuple[str, str]]:
    for key in ("conflict_route", "escalate_to"):
        name = getattr(route, key)
        if name == route.name:
            yield key, "must name another route"
        elif name is not None and name not in routes:
            yield key, f"there is no route {name}"


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


def _said_of_kind(mistake: str) -> str | None:
    *others, last = KINDS
    kinds = f"{', '.join(others)} or {last}"
    return {
        "union_tag_invalid": f"its kind must be {kinds}",
        "union_tag_not_found": f"needs a kind: {kinds}",
    }.get(mistake)


def _sentence(said: Said, item: Mapping[str, Any]) -> str:
    # Pydantic puts the kind of a channel into the place; the file has no such level.
    place = tuple(part for at, part in enumerate(item["loc"]) if not (at == 2 and item["loc"][0] == "channels"))  # noqa: PLR2004
    message = _said_of_kind(item["type"]) or _SAID.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
    return said(place, message.replace("Input should be", "must be"))


def open_senders(delivery: Delivery, publish: Publish) -> dict[str, Sender]:
    """Make the channels that the delivery file names; nothing is connected yet. *publish* is for findings."""
    return {name: open_sender(delivery.opened(name), publish) for name in delivery.channels}
