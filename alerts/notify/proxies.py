"""The way out: the proxy that a channel names, that of the environment, or none.

As curl and others have it: ``HTTPS_PROXY`` and ``HTTP_PROXY`` for addresses of that kind, ``NO_PROXY`` for what is
reached without (names, suffixes, addresses, networks, ``*``), each in lower case too, which then counts. What
``proxy_for`` returns holds the proxy's user and password and is a secret.
"""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Final, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from alerts.notify.fields import Section

#: What a channel says to be left alone by the proxy of the environment.
NO_PROXY: Final = "none"


def _proxy_address(value: str) -> str:
    if value == NO_PROXY:
        return value
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and value.isprintable()
    except ValueError:
        known = False
    if "@" in value:
        raise ValueError("holds no user and no password: proxy_username and proxy_password_file do")
    if not known or parts.path.strip("/") or parts.query or parts.fragment or " " in value:
        raise ValueError("must look like http://proxy.agency.example:3128, or be `none`")
    return value


ProxyAddress = Annotated[str, AfterValidator(_proxy_address)]


class Proxied(Section):
    """What is posted to over the web, through a proxy where one is named here or in the environment."""

    #: ``http://host:port``, or ``none`` in spite of the environment's.
    proxy: ProxyAddress | None = None
    proxy_username: str | None = None
    proxy_password_file: str | None = None
    proxy_password_env: str | None = None

    @model_validator(mode="after")
    def _proxy_complete(self) -> Self:
        given = [source for source in (self.proxy_password_file, self.proxy_password_env) if source is not None]
        if (self.proxy_username is None) != (not given) or len(given) > 1:
            raise ValueError("a proxy_username goes with one of proxy_password_file and proxy_password_env")
        if given and self.proxy in {None, NO_PROXY}:
            raise ValueError("proxy_username and its password need the proxy's address in proxy")
        return self


_USUAL_PORT: Final = {"http": 80, "https": 443}


class ProxyMistake(Exception):  # noqa: N818 a mistake of the environment's, said as a sentence
    """A proxy that cannot be used; the sentence names the variable and not its value, which may hold a password."""


def proxy_for(
    url: str, settings: Proxied, password: SecretStr | None, environment: Mapping[str, str]
) -> SecretStr | None:
    """Return the proxy on the way to an address, or None.

    Args:
        url: the address; what it holds is not passed on.
        settings: of the channel.
        password: goes with the channel's ``proxy_username``.
        environment: what else may name a proxy.

    Raises:
        ProxyMistake: the environment names one that cannot be used.
    """
    if settings.proxy == NO_PROXY:
        return None
    if settings.proxy is None:
        return _of_environment(url, environment)
    if settings.proxy_username is None or password is None:
        return SecretStr(settings.proxy)
    scheme, _, place = settings.proxy.partition("://")
    login = f"{quote(settings.proxy_username, safe='')}:{quote(password.get_secret_value(), safe='')}"
    return SecretStr(f"{scheme}://{login}@{place}")


def shown(proxy: SecretStr) -> str:
    """Return where a proxy is, without its user and password."""
    parts = urlsplit(proxy.get_secret_value())
    return f"{parts.hostname}:{parts.port or _USUAL_PORT[parts.scheme]}"


def _of_environment(url: str, environment: Mapping[str, str]) -> SecretStr | None:
    parts = urlsplit(url)
    variable, value = _set(environment, f"{parts.scheme}_proxy")
    if not value or _left_out(parts.hostname or "", parts.port or _USUAL_PORT.get(parts.scheme, 0), environment):
        return None
    proxy = value if "://" in value else f"http://{value}"
    try:
        found = urlsplit(proxy)
        usable = found.scheme in {"http", "https"} and bool(found.hostname) and found.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ProxyMistake(f"{variable} must look like http://host:port: no other kind of proxy is supported")
    return SecretStr(proxy)


def _set(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return a variable's name and value; one in lower case counts, an empty one too."""
    written = name if name in environment else name.upper()
    return written, environment.get(written, "").strip()


def _left_out(host: str, port: int, environment: Mapping[str, str]) -> bool:
    _, names = _set(environment, "no_proxy")
    return any(_fits(host.lower(), port, one.strip().lower()) for one in names.split(",") if one.strip())


def _fits(host: str, port: int, pattern: str) -> bool:
    if pattern == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdecimal():
        if int(number) != port:
            return False
        pattern = name.strip("[]")
    pattern = pattern.removeprefix("*").lstrip(".")
    return host == pattern or host.endswith(f".{pattern}")
