"""Logging in to a mail server with a token of OAuth 2.0: a real SMTP server and a real token endpoint, over TLS."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import yaml
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult

from alerts.detection.registry import RULES
from alerts.notify.attempts import Again, Attempt, Sent
from alerts.notify.channels.smtp.oauth2 import TOKEN_SECONDS_MAX, UNSAID_SECONDS, _used_for
from alerts.notify.channels.smtp.sender import SmtpSender
from alerts.notify.config import load, open_senders
from alerts.notify.message import Wording, write
from sandbox.server import free_port
from tests.support.alert_builders import NOW, an_alert
from tests.support.every_channel import Trust
from tests.support.forward_proxy import a_forward_proxy
from tests.support.mail_and_hooks import Mailbox

CLIENT, SECRET, SCOPE = "client-1", "hunter2 & more: +", "https://mail.example/.default"
USER = "access=watch,1@agency.example"


@dataclass
class Issuer:
    """A token endpoint: issues numbered tokens to one client, or answers as told."""

    expires_in: object = 3600
    answer: web.Response | None = None
    wait_seconds: float = 0
    issued: int = 0
    #: Tokens that mail servers take.
    good: set[str] = field(default_factory=set)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Issue a token."""
        form = parse_qs((await request.read()).decode())
        self.forms.append(form)
        await asyncio.sleep(self.wait_seconds)
        if self.answer is not None:
            return web.Response(status=self.answer.status, headers=self.answer.headers, body=self.answer.body)
        kind, _, login = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(login).decode().partition(":")
            shown = (unquote(name), unquote(secret))
        else:
            shown = (form.get("client_id", [""])[0], form.get("client_secret", [""])[0])
        if shown != (CLIENT, SECRET) or form["grant_type"] != ["client_credentials"]:
            return web.json_response({"error": "invalid_client"}, status=401)
        self.issued += 1
        token = f"token-{self.issued}"
        self.good.add(token)
        said = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
        return web.json_response({name: value for name, value in said.items() if value is not None})


@dataclass
class TokenMailbox(Mailbox):
    """A mailbox whose server takes tokens of an issuer, shown in the form of the mechanism."""

    issuer: Issuer = field(default_factory=Issuer)
    shown: list[tuple[str, str]] = field(default_factory=list)

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802 aiosmtpd's name
        """Take ``user=...``, or say why not as Google and Microsoft do: a challenge first, then 535."""
        return await self._take(server, arguments, f"user={USER}\1auth=Bearer ", '{"status":"400"}', b"")

    async def auth_OAUTHBEARER(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802 aiosmtpd's name
        """Take the form of RFC 7628, or say why not as it wants."""
        user = USER.replace("=", "=3D").replace(",", "=2C")
        return await self._take(server, arguments, f"n,a={user},\1auth=Bearer ", '{"status":"invalid_token"}', b"\1")

    async def _take(self, server: SMTP, arguments: list[str], start: str, reason: str, end: bytes) -> AuthResult:
        mechanism, shown = arguments[0], base64.b64decode(arguments[1]).decode()
        assert shown.startswith(start)
        assert shown.endswith("\1\1")
        token = shown[len(start) : -2]
        self.shown.append((mechanism, token))
        if token in self.issuer.good:
            return AuthResult(success=True)
        assert await server.challenge_auth(reason) == end
        await server.push(f"535 5.7.3 Authentication unsuccessful for {USER}")
        return AuthResult(success=False, handled=True)


@dataclass
class Mail:
    """A mail server and an issuer, and what sends to the one with tokens of the other."""

    mailbox: TokenMailbox
    issuer: Issuer
    path: Path
    channel: dict[str, Any]

    def sender(self, environment: dict[str, str] | None = None, **oauth2: Any) -> SmtpSender:
        """Open the channel, with other settings of its ``oauth2``."""
        channel = {**self.channel, "oauth2": {**self.channel["oauth2"], **oauth2}}
        self.path.write_text(yaml.safe_dump({"channels": {"mail": channel}}))
        delivery = load(self.path, environment or {})
        assert SECRET not in repr(delivery)
        sender = open_senders(delivery, None)["mail"]  # type: ignore[arg-type]
        assert isinstance(sender, SmtpSender)
        return sender


async def sent(sender: SmtpSender) -> Attempt:
    """Send one message."""
    return await sender.send(write(an_alert(), 1, Wording("mail", "reference", None, RULES)), NOW)


@asynccontextmanager
async def mail(directory: Path, *, without: tuple[str, ...] = ()) -> AsyncIterator[Mail]:
    """Serve both, over TLS by a CA of the test's own; the mail server offers no mechanism of *without*."""
    trust, issuer = Trust(directory), Issuer()
    mailbox = TokenMailbox(issuer=issuer)
    (directory / "client-secret").write_text(SECRET)

    def converse() -> SMTP:
        hidden = ["LOGIN", "PLAIN", *without]
        return SMTP(mailbox, tls_context=tls, require_starttls=True, auth_required=True, auth_exclude_mechanism=hidden)

    tls: ssl.SSLContext = trust.server()
    server = await asyncio.get_running_loop().create_server(converse, "127.0.0.1", 0)
    app = web.Application()
    app.router.add_post("/token", issuer.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust.server()).start()
    try:
        channel = {
            "kind": "smtp", "host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "ca_file": "ca.pem",
            "sender": "accesswatch@agency.example", "recipients": ["duty@agency.example"], "timeout_seconds": 3,
            "username": USER, "oauth2": {
                "token_url": f"https://127.0.0.1:{runner.addresses[0][1]}/token", "ca_file": "ca.pem",
                "client_id": CLIENT, "client_secret_file": "client-secret", "scope": SCOPE,
            },
        }  # fmt: skip
        yield Mail(mailbox, issuer, directory / "delivery.yaml", channel)
    finally:
        server.close()
        await runner.cleanup()


# Logging in

MECHANISMS = [
    pytest.param((), "XOAUTH2", id="both are offered"),
    pytest.param(("OAUTHBEARER",), "XOAUTH2", id="xoauth2"),
    pytest.param(("XOAUTH2",), "OAUTHBEARER", id="oauthbearer"),
]


@pytest.mark.parametrize("how", ["post", "basic"])
@pytest.mark.parametrize(("without", "mechanism"), MECHANISMS)
async def test_mail_leaves_with_a_token(tmp_path: Path, without: tuple[str, ...], mechanism: str, how: str) -> None:
    """Each row: what the server does not offer, what we then take. One token serves several messages."""
    async with mail(tmp_path, without=without) as real:
        sender = real.sender(client_authentication=how)
        assert [await sent(sender) for _ in range(3)] == [Sent()] * 3
        assert real.mailbox.shown == [(mechanism, "token-1")] * 3
        assert len(real.mailbox.letters) == 3
        (form,) = real.issuer.forms
        assert form["scope"] == [SCOPE]
        assert ("client_secret" in form) == (how == "post")


async def test_several_at_once_ask_for_one_token(tmp_path: Path) -> None:
    """The others wait for the same."""
    async with mail(tmp_path) as real:
        real.issuer.wait_seconds = 0.2
        sender = real.sender()
        assert await asyncio.gather(*(sent(sender) for _ in range(4))) == [Sent()] * 4
        assert real.issuer.issued == 1


async def test_a_token_is_not_used_to_its_end(tmp_path: Path) -> None:
    """One that ends at once is asked for each time; one that lives for long, once."""
    async with mail(tmp_path) as real:
        real.issuer.expires_in = 0
        sender = real.sender()
        assert [await sent(sender) for _ in range(2)] == [Sent()] * 2
        assert [token for _, token in real.mailbox.shown] == ["token-1", "token-2"]


USED_FOR = [
    (3600, 3540), ("3600", 3540), (120, 60), (90, 45), (0, 0), (-5, 0), (None, UNSAID_SECONDS - 60),
    ("soon", UNSAID_SECONDS - 60), (10**12, TOKEN_SECONDS_MAX),
]  # fmt: skip


@pytest.mark.parametrize(("expires_in", "seconds"), USED_FOR)
def test_how_long_a_token_is_used(expires_in: object, seconds: float) -> None:
    """Each row: what the endpoint says, and for how many seconds the token is used."""
    assert _used_for(expires_in) == seconds


@pytest.mark.parametrize("without", [(), ("XOAUTH2",)], ids=["xoauth2", "oauthbearer"])
async def test_a_token_that_is_refused_is_replaced(tmp_path: Path, without: tuple[str, ...]) -> None:
    """It was taken back before its end: the server's reason is kept, and the next attempt has another token."""
    async with mail(tmp_path, without=without) as real:
        sender = real.sender()
        assert await sent(sender) == Sent()
        real.issuer.good.clear()
        refused = await sent(sender)
        reason = '{"status":"invalid_token"}' if without else '{"status":"400"}'
        assert refused == Again(f"SMTP 535: 5.7.3 Authentication unsuccessful for [...] {reason}")
        assert await sent(sender) == Sent()
        assert [token for _, token in real.mailbox.shown] == ["token-1", "token-1", "token-2"]


# What goes wrong

ENDPOINTS: list[Any] = [
    pytest.param(
        {"answer": web.json_response({"error": f"AADSTS7000215: not {SECRET}"}, status=401)},
        'no token: the endpoint answers HTTP 401: {"error": "AADSTS7000215: not [...]"}', id="the secret is refused",
    ),
    pytest.param(
        {"answer": web.Response(status=503)}, "no token: the endpoint answers HTTP 503: Service Unavailable",
        id="it is ill",
    ),
    pytest.param(
        {"answer": web.Response(status=302, headers={"Location": "/login"})},
        "no token: the endpoint answers HTTP 302: it sends us elsewhere, which is not followed", id="it redirects",
    ),
    pytest.param(
        {"answer": web.Response(text="<html>")}, "no token: the endpoint's answer holds no bearer token", id="a page"
    ),
    pytest.param(
        {"answer": web.json_response({"access_token": "x" * 20_000})},
        "no token: the endpoint's answer holds no bearer token", id="a token without end",
    ),
    pytest.param(
        {"answer": web.json_response({"access_token": "a\r\nb"})},
        "no token: the endpoint's answer holds no bearer token", id="a token with lines in it",
    ),
    pytest.param(
        {"answer": web.json_response({"access_token": "x", "token_type": "mac"})},
        "no token: the endpoint's answer holds no bearer token", id="a token of another kind",
    ),
    pytest.param({"wait_seconds": 3}, "no token: 127.0.0.1: it did not answer in time", id="it is silent"),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "said"), ENDPOINTS)
async def test_no_token_is_one_sentence_and_tried_again(tmp_path: Path, behaviour: dict[str, Any], said: str) -> None:
    """Each row: what the endpoint does, and why nothing was sent. Once it is mended the message leaves."""
    async with mail(tmp_path) as real:
        for name, value in behaviour.items():
            setattr(real.issuer, name, value)
        sender = real.sender()
        attempt = await sent(sender)
        where = f"127.0.0.1:{real.channel['port']}"
        assert attempt == Again(f"{where}: {said}")
        assert real.mailbox.letters == []
        real.issuer.answer, real.issuer.wait_seconds = None, 0
        assert await sent(sender) == Sent()


async def test_an_endpoint_that_is_away_or_not_believed(tmp_path: Path) -> None:
    """Nothing listens; another CA vouches for it."""
    async with mail(tmp_path) as real:
        port = free_port()
        away = await sent(real.sender(token_url=f"https://127.0.0.1:{port}/token"))
        assert isinstance(away, Again)
        assert f"no token: 127.0.0.1:{port} cannot be reached: connection refused" in away.why
        (tmp_path / "others").mkdir()
        others = Trust(tmp_path / "others")
        stranger = await sent(real.sender(ca_file=str(others.ca_file)))
        assert isinstance(stranger, Again)
        assert "its certificate is not believed" in stranger.why
        assert real.issuer.forms == []


async def test_a_server_that_takes_no_token(tmp_path: Path) -> None:
    """It offers neither mechanism."""
    async with mail(tmp_path, without=("XOAUTH2", "OAUTHBEARER")) as real:
        attempt = await sent(real.sender())
        assert isinstance(attempt, Again)
        assert attempt.why.endswith("the server takes no token (neither XOAUTH2 nor OAUTHBEARER)")
        assert real.mailbox.letters == []


async def test_the_endpoint_is_asked_through_the_proxy_and_the_mail_server_is_not(tmp_path: Path) -> None:
    """The proxy of the environment is for the web."""
    with a_forward_proxy(tmp_path) as proxy:
        async with mail(tmp_path) as real:
            assert await sent(real.sender({"HTTPS_PROXY": proxy.address})) == Sent()
            unreachable = {"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"}
            assert isinstance(await sent(real.sender(unreachable)), Again)
