"""Channels behind an egress proxy: a real one on loopback, with a user and password and without; what it says."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alerts.detection.registry import RULES
from alerts.notify.attempts import Again, Attempt, Refused, Sent
from alerts.notify.channels.webhook.sender import WebhookSender
from alerts.notify.config import load, open_senders
from alerts.notify.message import Message, Wording, write
from sandbox.server import free_port
from tests.support.alert_builders import NOW, an_alert
from tests.support.console import accesswatch
from tests.support.every_channel import KEY, POSTED, EveryChannel, Trust, every_channel
from tests.support.forward_proxy import PASSWORD, USER, a_forward_proxy
from tests.support.mail_and_hooks import Hook, http_server, until


def a_message(name: str) -> Message:
    """A message through a channel."""
    return write(an_alert(), 1, Wording(name, "reference", None, RULES))


async def posted(channels: EveryChannel) -> dict[str, Attempt]:
    """Send a message through every channel that is posted to."""
    return {name: await channels.send(name, a_message(name), NOW) for name in POSTED}


# The way out


async def test_every_posted_channel_goes_through_the_proxy_that_it_names(tmp_path: Path) -> None:
    """By CONNECT, so the proxy sees the host and nothing of the message; user and password come from the file."""
    (tmp_path / "proxy-password").write_text(PASSWORD)
    with a_forward_proxy(tmp_path, login=True) as proxy:
        login = {"proxy": proxy.address, "proxy_username": USER, "proxy_password_file": "proxy-password"}
        async with every_channel(tmp_path, posted=login) as channels:
            assert await posted(channels) == dict.fromkeys(POSTED, Sent())
            assert all(len(channels.arrived(name)) == 1 for name in POSTED)
            await until(lambda: proxy.asked() == len(POSTED))
            assert PASSWORD not in repr(channels.delivery)


async def test_every_posted_channel_goes_through_the_proxy_of_the_environment(tmp_path: Path) -> None:
    """User and password in its address, as everything else on the host has it."""
    with a_forward_proxy(tmp_path, login=True) as proxy:
        async with every_channel(tmp_path, environment={"HTTPS_PROXY": proxy.with_login}) as channels:
            assert await posted(channels) == dict.fromkeys(POSTED, Sent())
            await until(lambda: proxy.asked() == len(POSTED))
            assert PASSWORD not in repr(channels.delivery)


LEFT_OUT: list[Any] = [
    pytest.param({}, {"NO_PROXY": "agency.example,127.0.0.1"}, id="by its address"),
    pytest.param({}, {"NO_PROXY": "127.0.0.0/8"}, id="by its network"),
    pytest.param({}, {"no_proxy": "*", "NO_PROXY": ""}, id="all"),
    pytest.param({"proxy": "none"}, {}, id="by the channel"),
    pytest.param({}, {"https_proxy": ""}, id="an empty variable in lower case counts"),
]


@pytest.mark.parametrize(("settings", "environment"), LEFT_OUT)
async def test_what_is_left_out_is_reached_without_it(
    tmp_path: Path, settings: dict[str, str], environment: dict[str, str]
) -> None:
    """Each row: what the channels say, and the environment beside HTTPS_PROXY. Nothing listens where that leads."""
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}", **environment}
    async with every_channel(tmp_path, posted=settings, environment=environment) as channels:
        assert await posted(channels) == dict.fromkeys(POSTED, Sent())


async def test_a_proxy_may_speak_tls_itself(tmp_path: Path) -> None:
    """TLS to the receiver inside TLS to the proxy, both by the channel's CA."""
    (tmp_path / "proxy").mkdir()
    trust = Trust(tmp_path / "proxy")
    chain, key = trust.server_files()
    with a_forward_proxy(tmp_path, certificate=(chain, key)) as proxy:
        async with every_channel(tmp_path, posted={"proxy": proxy.address}) as channels:
            # The channels believe one CA for both; here it is the proxy's and the receivers' together.
            both = (tmp_path / "ca.pem").read_text() + trust.ca_file.read_text()
            (tmp_path / "ca.pem").write_text(both)
            senders = open_senders(load(tmp_path / "delivery.yaml", {"SMTP_PASSWORD": "x"}), channels.publish)
            assert await senders["slack"].send(a_message("slack"), NOW) == Sent()
            await until(lambda: proxy.asked() == 1)


async def test_plain_http_goes_through_it_too(tmp_path: Path) -> None:
    """The proxy hands the request on, and its user and password do not reach the receiver."""
    hook = Hook([web.Response(status=200)])
    with a_forward_proxy(tmp_path, login=True) as proxy:
        async with http_server(hook) as url:
            sender = a_webhook(tmp_path, url, {"HTTP_PROXY": proxy.with_login})
            assert await sender.send(a_message("hook"), NOW) == Sent()
            await until(lambda: proxy.asked("POST") == 1)
    ((headers, _),) = hook.requests
    assert "proxy-authorization" not in headers


def a_webhook(directory: Path, url: str, environment: dict[str, str]) -> WebhookSender:
    """A webhook's sender, from a delivery file."""
    Trust(directory)
    (directory / "secret").write_text(f"whsec_{KEY.hex()}")
    (directory / "hook.yaml").write_text(
        f"channels: {{hook: {{kind: webhook, url: '{url}', secret_file: secret, timeout_seconds: 2}}}}\n"
    )
    sender = open_senders(load(directory / "hook.yaml", environment), None)["hook"]  # type: ignore[arg-type]
    assert isinstance(sender, WebhookSender)
    return sender


# What goes wrong on the way

ASKED_FOR = "127.0.0.1: the proxy asks for a user name and a password, or refuses ours (HTTP 407)"
FAULTS: list[Any] = [
    pytest.param({"login": True}, "http://127.0.0.1:{port}", ASKED_FOR, id="407, no user"),
    pytest.param({"login": True}, "http://out-user:hunter2@127.0.0.1:{port}", ASKED_FOR, id="407, a wrong password"),
    pytest.param(
        {"no_way": True}, "http://127.0.0.1:{port}",
        "127.0.0.1: the proxy does not let us through to it (HTTP 403: Not on the list)", id="403",
    ),
    pytest.param(
        None, "http://out-user:hunter2@127.0.0.1:{port}",
        "the proxy 127.0.0.1:{port} cannot be reached: connection refused", id="it is away",
    ),
    pytest.param(
        None, "http://out-user:hunter2@nowhere.invalid:{port}",
        "nowhere.invalid:{port} cannot be reached: its name cannot be resolved", id="it has no such name",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "address", "said"), FAULTS)
async def test_what_the_proxy_says_is_one_sentence_and_tried_again(
    tmp_path: Path, kind: dict[str, Any] | None, address: str, said: str
) -> None:
    """Each row: the proxy (None: there is none), how it is named, and why nothing got through. No password in it."""
    with ExitStack() as stack:
        port = free_port() if kind is None else stack.enter_context(a_forward_proxy(tmp_path, **kind)).port
        environment = {"HTTPS_PROXY": address.format(port=port)}
        async with every_channel(tmp_path, environment=environment) as channels:
            for name, attempt in (await posted(channels)).items():
                assert isinstance(attempt, Again)
                assert attempt.why.startswith(said.format(port=port))
                assert "hunter2" not in attempt.why
                assert channels.arrived(name) == []


async def test_a_receiver_that_is_away_behind_the_proxy(tmp_path: Path) -> None:
    """The proxy is there and says so."""
    with a_forward_proxy(tmp_path) as proxy:
        sender = a_webhook(tmp_path, f"https://127.0.0.1:{free_port()}/hook", {"HTTPS_PROXY": proxy.address})
        attempt = await sender.send(a_message("hook"), NOW)
    assert attempt == Again("127.0.0.1: the proxy cannot connect us (HTTP 502: Bad Gateway)")


async def test_a_proxy_that_says_nothing(tmp_path: Path) -> None:
    """It takes the connection and is silent; the channel's own time ends that."""
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sender = a_webhook(tmp_path, "https://127.0.0.1:9/hook", {"HTTPS_PROXY": address})
        assert await sender.send(a_message("hook"), NOW) == Again("127.0.0.1: it did not answer in time")
        await ended.wait()


@pytest.mark.parametrize(("kind", "status"), [({"no_way": True}, 403), ({"login": True}, 407)])
async def test_a_proxy_that_refuses_plain_http_parks_nothing(tmp_path: Path, kind: dict[str, Any], status: int) -> None:
    """Whether it or the receiver said so is not known there, so it is tried again; without a proxy it is refused."""
    hook = Hook([web.Response(status=403, text="no")])
    async with http_server(hook) as url:
        with a_forward_proxy(tmp_path, **kind) as proxy:
            attempt = await a_webhook(tmp_path, url, {"HTTP_PROXY": proxy.address}).send(a_message("hook"), NOW)
        assert isinstance(attempt, Again)
        assert attempt.why.startswith(f"the proxy or the receiver answers HTTP {status}: ")
        assert hook.requests == []
        assert await a_webhook(tmp_path, url, {}).send(a_message("hook"), NOW) == Refused("HTTP 403: no")


# The settings


def test_config_check_says_which_way_out_and_no_password(tmp_path: Path) -> None:
    """The proxy's place, for each channel that goes through one; a proxy of another kind is a mistake."""
    (tmp_path / "secret").write_text(f"whsec_{KEY.hex()}")
    path = tmp_path / "delivery.yaml"
    path.write_text("channels: {hook: {kind: webhook, url: 'https://soc.example/x', secret_file: secret}}\n")
    environment = {"ACCESSWATCH_DELIVERY": str(path), "ACCESSWATCH_STATE_DIR": str(tmp_path)}
    through = accesswatch(
        "config", "check", environment=environment | {"HTTPS_PROXY": "http://u:hunter2@proxy.example:3128"}
    )
    assert "Delivery: hook is reached through the proxy proxy.example:3128." in through.stdout
    socks = accesswatch("config", "check", environment=environment | {"https_proxy": "socks5://u:hunter2@proxy:1080"})
    assert socks.returncode == 1
    assert socks.stderr == (
        f"{path}, line 1: channels.hook.proxy: https_proxy must look like http://host:port: "
        "no other kind of proxy is supported.\n"
    )
    assert "hunter2" not in through.stdout + through.stderr + socks.stdout
