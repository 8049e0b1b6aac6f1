"""The stack of docker-compose.yml, really started: a day is played, a worker is killed, others are upgraded.

Needs Docker and its compose plugin, and the images (``make test-containers``). What was sent is compared with what was
assessed at the end of each part.
"""

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stream.topics import ALERT, ASSESSMENT
from tests.support.compose import Stack, run, stack
from tests.support.console import ACCESSWATCH, accesswatch
from tests.support.topics import read_all
from tests.support.worker import eventually_async, without_ours

STAFF = 60
#: A second; the load lasts a minute or two, longer than what happens under it.
RATE = 50
KILLED_UNDER, UPGRADED_UNDER = 3_000, 7_000
#: Until the last access of a load is assessed.
SETTLED_SECONDS_MAX = 120.0
MAIL = """
channels:
  mail:
    {kind: smtp, host: mail, port: 1025, security: none, sender: aw@agency.example, recipients: [duty@agency.example]}
routes:
  - {name: all, channels: [mail], conflict_route: elsewhere}
  - {name: elsewhere, channels: [mail], only_when_named: true, independent: true, conflict_route: all}
"""
#: A user of an agency's machine may have none of these in a container that reads client records.
TOOLS = ("gcc", "cc", "make", "pip", "pip3", "uv", "curl", "wget", "git")

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack but Grafana, which no package registry has."""
    with stack(tmp_path_factory.mktemp("stack"), MAIL, "mail") as started:
        yield started


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fictional agency and the accesses of its day."""
    directory = tmp_path_factory.mktemp("day")
    made = accesswatch(
        "simulate", "days", str(directory), "--staff", str(STAFF), "--days", "1", environment=without_ours()
    )
    assert made.returncode == 0, made.stderr
    return directory


async def test_the_simulators_profile_plays_and_alerts_and_e_mails_come(running: Stack) -> None:
    """From nothing: `docker compose --profile demo`, then the store, the topic, the e-mails and Prometheus have it."""
    size = {"PLAY_STAFF": STAFF, "PLAY_ACCESSES": 1_500, "PLAY_RATE": 500}
    sized = replace(running, environment={**running.environment, **{name: str(size[name]) for name in size}})
    assert "1,500 accesses published" in await asyncio.to_thread(sized.compose, "run", "--rm", "-T", "simulator")
    await eventually_async(lambda: all_of(running, 1_500))
    listed = json.loads(running.compose("exec", "-T", "worker-1", "accesswatch", "alerts", "list", "--json"))
    published = {json.loads(record.value)["alert_id"] for record in await topic(running, ALERT)}
    assert published
    assert {alert["alert_id"] for alert in listed} <= published
    await eventually_async(lambda: asyncio.to_thread(said, running, "mail", "aw@agency.example"))
    query = "/api/v1/query?query=sum(accesswatch_accesses_total)"
    await eventually_async(lambda: asyncio.to_thread(answered, running.url("PROMETHEUS_PORT", query), positive))


async def test_a_killed_worker_loses_nothing(running: Stack, day: Path) -> None:
    """`docker kill` in the middle of the load, and up again."""
    async with under_load(running, day, "killed", KILLED_UNDER) as sent:
        await asyncio.sleep(5)
        await asyncio.to_thread(running.compose, "kill", "worker-2")
        await asyncio.sleep(2)
        await asyncio.to_thread(running.compose, "up", "--detach", "--wait", "--no-build", "--no-deps", "worker-2")
    assert await assessed_of(running, sent) == sent


async def test_an_upgrade_under_load_and_the_way_back_lose_nothing(running: Stack, day: Path) -> None:
    """A rebuilt image for one worker, then for the other, then the old one again; each ends by SIGTERM and exit 0."""
    current = running.environment.get("WORKER_IMAGE", "accesswatch:latest")
    rebuilt = f"{running.project}:rebuilt"
    await asyncio.to_thread(rebuild, current, rebuilt)
    try:
        async with under_load(running, day, "upgraded", UPGRADED_UNDER) as sent:
            for service, image in (("worker-2", rebuilt), ("worker-1", rebuilt), ("worker-2", current)):
                await asyncio.sleep(3)
                await asyncio.to_thread(running.compose, "stop", service)
                assert (await asyncio.to_thread(running.container, service))["State"]["ExitCode"] == 0
                up = ("up", "--detach", "--wait", "--no-build", "--no-deps", service)
                await asyncio.to_thread(running.compose, *up, image=image)
                assert (await asyncio.to_thread(running.container, service))["Config"]["Image"] == image
        assert await assessed_of(running, sent) == sent
    finally:
        await asyncio.to_thread(running.compose, "up", "--detach", "--wait", "--no-build", "--no-deps", "worker-1")
        await asyncio.to_thread(run, "docker", "image", "rm", "--force", rebuilt)


def test_our_containers_can_do_no_more_than_they_must(running: Stack) -> None:
    """No root, no writable root, no capability, no build tool; no secret in what Docker or a log shows."""
    for service in ("worker-1", "worker-2"):
        shown = running.container(service)
        assert shown["Config"]["User"] == "10001:10001"
        assert shown["HostConfig"]["ReadonlyRootfs"]
        assert shown["HostConfig"]["CapDrop"] == ["ALL"]
        assert not refused(running, service, "touch", "/var/lib/accesswatch/there")
        assert refused(running, service, "touch", "/opt/there")
        assert refused(running, service, "python", "-m", "pip")
        for tool in TOOLS:
            assert refused(running, service, "sh", "-c", f"command -v {tool}"), tool
    everything = running.compose("logs") + json.dumps([running.container(name) for name in ("worker-1", "postgres")])
    assert not any(secret in everything for secret in running.secrets)


def refused(running: Stack, service: str, *command: str) -> bool:
    """Whether a command fails in a container."""
    whole = ["docker", "compose", "--project-name", running.project, "exec", "-T", service, *command]
    return subprocess.run(whole, env=running.environment, capture_output=True, check=False).returncode != 0


def rebuild(image: str, name: str) -> None:
    """Build our image anew, with something in it that the old one has not."""
    recipe = f"FROM {image}\nLABEL rebuilt=yes\n"
    subprocess.run(["docker", "build", "--tag", name, "-"], input=recipe, text=True, capture_output=True, check=True)


@asynccontextmanager
async def under_load(running: Stack, day: Path, token: str, count: int) -> AsyncIterator[set[str]]:
    """Play some of the day under event ids of its own while the block runs; afterwards Kafka has acknowledged all."""
    accesses = [json.loads(line) for line in (day / "access.jsonl").read_text("utf-8").splitlines()[:count]]
    for access in accesses:
        access["event_id"] = f"{token}-{access['event_id']}"
    file = day / f"{token}.jsonl"
    file.write_text("".join(json.dumps(access) + "\n" for access in accesses), "utf-8")
    environment = without_ours() | {"ACCESSWATCH_KAFKA": str(running.settings.kafka)}
    loading = await asyncio.create_subprocess_exec(
        ACCESSWATCH, "access", "load", str(file), "--rate", str(RATE),
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield {access["event_id"] for access in accesses}
        assert loading.returncode is None, "the load ended before what was to happen under it"
        _, errors = await loading.communicate()
        assert loading.returncode == 0, errors.decode()
    finally:
        if loading.returncode is None:
            loading.kill()
            await loading.wait()


async def assessed_of(running: Stack, sent: set[str]) -> set[str]:
    """Which of these events have an assessment, once all have or no more will come."""
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    while (found := await assessed(running) & sent) != sent and time.monotonic() < deadline:  # noqa: ASYNC110 elsewhere
        await asyncio.sleep(2)
    return found


async def assessed(running: Stack) -> set[str]:
    """Which events have an assessment."""
    return {json.loads(record.value)["event_id"] for record in await topic(running, ASSESSMENT)}


async def topic(running: Stack, name: str) -> list[Any]:
    """Every record of a topic."""
    assert running.settings.kafka is not None
    return await read_all(running.settings.kafka, running.settings.topic(name))


async def all_of(running: Stack, count: int) -> bool:
    """Whether so many accesses have an assessment."""
    return len(await assessed(running)) >= count


def said(running: Stack, service: str, text: str) -> bool | None:
    """Whether a container's log has a text."""
    return text in running.compose("logs", service) or None


def answered(url: str, holds: Callable[[object], bool]) -> bool | None:
    """Whether an address answers with JSON of which something holds."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 a port of ours
            return holds(json.load(answer)) or None
    except OSError:
        return None


def positive(answer: object) -> bool:
    """Whether a query of Prometheus gave one number above 0."""
    assert isinstance(answer, dict)
    result = answer["data"]["result"]
    return bool(result) and float(result[0]["value"][1]) > 0
