"""Kafka and Redis that believe nobody: what a worker shows them, what they let it do, and what is never said aloud."""

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from kafka import KafkaProducer
from pydantic import SecretStr
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from enrichment.errors import CommandError
from sandbox.server import free_port
from stream.acls import AclEntry, check_acls, needed
from stream.redis_connection import connect
from stream.settings import Settings, load
from stream.specs import AGENTS
from stream.topics import ACCESS, ALERT, dead_letter_topic
from tests.support.console import accesswatch
from tests.support.mail_and_hooks import Hook, Mailbox, http_server, smtp_server, until
from tests.support.secured import Authority, SecuredKafka, SecuredRedis, secured_redis
from tests.support.topics import read_all
from tests.support.worker import a_worker, eventually_async, without_ours

ACL = Path(__file__).parents[2] / "deploy" / "redis-acl.conf"
#: Times that a busy Redis is asked.
ASKED_MAX = 20
NOON = "2026-11-20T12:00:00+13:00"

pytestmark = [pytest.mark.ops, pytest.mark.services]


def shipped_rights(password: str) -> list[str]:
    """The ACL file that is shipped, with this password, as its own words say to make it."""
    lines = [line for line in ACL.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [line.replace("0" * 64, hashlib.sha256(password.encode()).hexdigest()) for line in lines]


@dataclass(frozen=True)
class Installation:
    """One installation on secured servers: its environment, and its secrets."""

    environment: Mapping[str, str]
    kafka: SecuredKafka
    user: str
    secrets: tuple[str, ...]

    @property
    def settings(self) -> Settings:
        """As a command reads them."""
        return load(self.environment)

    def grant(self, roles: Sequence[str]) -> None:
        """Let the user do what these agents or commands need, and nothing else."""
        self.grant_exactly(needed(self.settings, roles))

    def grant_exactly(self, rights: Sequence[AclEntry]) -> None:
        """Let the user do these things, and nothing else."""
        self.kafka.grant_exactly(f"User:{self.user}", rights)

    def as_operator(self, *arguments: str) -> str:
        """Run a command with the rights that are listed for it and no other; give what it said."""
        self.grant([" ".join(arguments[:2])])
        done = accesswatch(*arguments, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def redis_password() -> str:
    """A password that stands nowhere else."""
    return f"planted-redis-{secrets.token_hex(8)}"


@pytest.fixture
def guarded_redis(tmp_path: Path, authority: Authority, redis_password: str) -> Iterator[SecuredRedis]:
    """Redis over TLS with the shipped rights."""
    with secured_redis(tmp_path / "redis", authority, shipped_rights(redis_password)) as server:
        yield server


@pytest.fixture
def installation(
    guarded_kafka: SecuredKafka, guarded_redis: SecuredRedis, redis_password: str, tmp_path: Path
) -> Installation:
    """A worker's environment with SCRAM to Kafka, TLS to both, and every password in a file; it may do nothing yet."""
    secrets_directory = tmp_path / "secrets"
    secrets_directory.mkdir()
    authority = guarded_redis.authority
    token = secrets.token_hex(4)
    kafka_password = f"planted-kafka-{secrets.token_hex(8)}"
    (secrets_directory / "kafka").write_text(kafka_password + "\n", "utf-8")
    (secrets_directory / "redis").write_text(redis_password + "\n", "utf-8")
    guarded_kafka.add_user(f"worker-{token}", kafka_password)
    environment = without_ours() | {
        "ACCESSWATCH_KAFKA": guarded_kafka.sasl,
        "ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL",
        "ACCESSWATCH_KAFKA_USERNAME": f"worker-{token}",
        "ACCESSWATCH_KAFKA_PASSWORD_FILE": str(secrets_directory / "kafka"),
        "ACCESSWATCH_KAFKA_CA_FILE": str(authority.ca_file),
        "ACCESSWATCH_REDIS": f"rediss://accesswatch@127.0.0.1:{guarded_redis.port}/0",
        "ACCESSWATCH_REDIS_PASSWORD_FILE": str(secrets_directory / "redis"),
        "ACCESSWATCH_REDIS_CA_FILE": str(authority.ca_file),
        "ACCESSWATCH_TOPIC_PREFIX": f"t{token}.",
        "ACCESSWATCH_STATE_DIR": str(tmp_path / "state"),
        "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}",
    }
    return Installation(environment, guarded_kafka, f"worker-{token}", (kafka_password, redis_password))


PERSON = {
    "staff": "S-planted-7f3c", "client": "C-planted-9a1e", "label": "Aroha Plantwell", "site": "site-planted-55",
    "workstation": "desk-planted-21", "event": "E-planted-3d", "unreadable": "E-planted-broken",
    "source": "Planted Post",
}  # fmt: skip


async def test_a_worker_does_all_its_work_with_the_listed_rights_and_says_no_secret_and_no_name(
    installation: Installation, tmp_path: Path
) -> None:
    """From reference data to a message: over TLS, with the rights of its agents and no other, and nothing told.

    What was planted is looked for in all that the worker, the commands, the metrics, the dead letters' headers and the
    messages say. The alert itself and the assessment carry ids: that is what they are for.
    """
    mailbox, hook = Mailbox(), Hook([web.Response(status=204)])
    hook_secret = f"planted-hook-{secrets.token_hex(8)}".encode()
    encoded = "whsec_" + base64.b64encode(hook_secret.ljust(32, b"0")).decode()
    secret_file = tmp_path / "secrets" / "hook"
    secret_file.write_text(encoded, "utf-8")
    planted = [*PERSON.values(), *installation.secrets, encoded, hook_secret.decode()]
    async with smtp_server(mailbox) as port, http_server(hook) as address:
        delivery = tmp_path / "delivery.yaml"
        delivery.write_text(yaml.safe_dump(channels(port, address, secret_file)), "utf-8")
        said = await asyncio.to_thread(set_up, installation, tmp_path)
        environment = {**installation.environment, "ACCESSWATCH_DELIVERY": str(delivery)}
        environment["ACCESSWATCH_LOG_LEVEL"] = "DEBUG"
        checked = await asyncio.to_thread(accesswatch, "config", "check", environment=environment)
        assert checked.returncode == 0, checked.stderr
        installation.grant(AGENTS)
        with a_worker(environment, tmp_path) as worker:
            alert = await eventually_async(lambda: one(installation, ALERT))
            parked = await eventually_async(lambda: one(installation, dead_letter_topic(ACCESS)))
            await until(lambda: bool(mailbox.letters and hook.requests), 40)
            pages = [worker.page(path) for path in ("/metrics", "/readyz", "/livez")]
            assert worker.stop() == 0
            log = worker.log()
    assert json.loads(alert.value)["client_id"] == PERSON["client"]
    assert parked.value == UNREADABLE
    assert [status for status, _ in pages] == [200, 200, 200]
    told = {
        "commands": said,
        "config check": checked.stdout + checked.stderr,
        "log": log,
        "pages": "".join(text for _, text in pages),
        "e-mails": "".join(str(letter) for letter in mailbox.letters),
        "requests": "".join(f"{headers} {body.decode()}" for headers, body in hook.requests),
        "headers of a dead letter": str([(name, value.decode()) for name, value in parked.headers]),
    }
    assert all(told.values())
    assert [(where, what) for where, text in told.items() for what in planted if what in text] == []
    assert not re.search("NoPermission|Authorization", log)


def set_up(installation: Installation, directory: Path) -> str:
    """Create the topics, load who is known, and play two accesses, one of them unreadable; give what was said."""
    reference = directory / "reference"
    reference.mkdir()
    staff = {"staff_id": PERSON["staff"], "kind": "employee", "status": "active", "org_unit": "U-1"}
    records = {
        "staff": {**staff, "client_ids": [PERSON["client"]], "site": PERSON["site"]},
        "client": {"client_id": PERSON["client"], "status": "active"},
        "watchlist": {
            "entry_id": "W-1", "client_ids": [PERSON["client"]], "label": PERSON["label"], "published_at": NOON,
            "source": PERSON["source"],
        },
    }  # fmt: skip
    for kind, record in records.items():
        (reference / f"{kind}.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
    access = {
        "event_id": PERSON["event"], "occurred_at": NOON, "staff_id": PERSON["staff"], "action": "view",
        "client_id": PERSON["client"], "site": PERSON["site"], "workstation": PERSON["workstation"],
    }  # fmt: skip
    (directory / "access.jsonl").write_text(json.dumps(access) + "\n", "utf-8")
    said = [installation.as_operator("topics", "create"), installation.as_operator("topics", "check")]
    said.append(installation.as_operator("reference", "load", str(reference)))
    said.append(installation.as_operator("access", "load", str(directory / "access.jsonl")))
    publish_unreadable(installation)
    return "".join(said)


UNREADABLE = json.dumps(
    {"event_id": PERSON["unreadable"], "staff_id": PERSON["staff"], "action": PERSON["label"]}
).encode()


def publish_unreadable(installation: Installation) -> None:
    """Put an access that is invalid, and full of what must not be said, where accesses come from."""
    with installation.kafka.administrator():
        producer = KafkaProducer(bootstrap_servers=installation.kafka.plain)
        producer.send(installation.settings.topic(ACCESS), UNREADABLE).get(timeout=30)
        producer.close()


def channels(port: int, address: str, secret: Path) -> dict[str, Any]:
    """Name a mailbox and an endpoint of this test, as somebody does who wants no ids in messages."""
    mail = {"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "sender": "aw@agency.example"}
    return {
        "channels": {
            "mail": {**mail, "recipients": ["duty@agency.example"]},
            "hook": {"kind": "webhook", "url": address, "secret_file": str(secret)},
        },
        "routes": [
            {"name": "all", "channels": ["mail", "hook"], "conflict_route": "elsewhere"},
            {
                "name": "elsewhere",
                "channels": ["hook"],
                "only_when_named": True,
                "independent": True,
                "conflict_route": "all",
            },
        ],
    }


async def one(installation: Installation, topic: str) -> Any:
    """Return the first record of a topic, or None while there is none."""
    records = await read_all(installation.kafka.plain, installation.settings.topic(topic))
    return records[0] if records else None


@pytest.mark.parametrize("agent", AGENTS)
def test_without_any_one_of_its_rights_an_agent_says_which(installation: Installation, agent: str) -> None:
    """It ends with exit 1 and a sentence that names the operation and the topic or group.

    Each right is left out of what a worker asks at its start; a whole worker is started without the first and the last.
    """
    installation.as_operator("topics", "create")
    rights = needed(installation.settings, [agent])
    for left_out in rights:
        installation.grant_exactly([right for right in rights if right is not left_out])
        expected = f"Kafka does not let this user {left_out}: grant it what"
        with pytest.raises(CommandError) as refused:
            check_acls(installation.settings, [agent])
        assert str(refused.value).startswith(expected)
        if left_out in {rights[0], rights[-1]}:
            ended = accesswatch("worker", "--agents", agent, environment=installation.environment)
            assert (ended.returncode, expected in ended.stderr) == (1, True), ended.stderr
            assert "Traceback" not in ended.stderr
    installation.grant_exactly(rights)
    check_acls(installation.settings, [agent])


def test_a_client_certificate_is_who_we_are(installation: Installation, authority: Authority, tmp_path: Path) -> None:
    """Over mTLS, with a key that is encrypted: the same rights for the name in the certificate."""
    name = f"mtls-{secrets.token_hex(4)}"
    certificate, key = authority.issue(name, password="planted-key-password")  # noqa: S106 a test's own
    installation.as_operator("topics", "create")
    given_away = {"ACCESSWATCH_KAFKA_USERNAME", "ACCESSWATCH_KAFKA_PASSWORD_FILE"}
    environment = {name: value for name, value in installation.environment.items() if name not in given_away} | {
        "ACCESSWATCH_KAFKA": installation.kafka.mtls,
        "ACCESSWATCH_KAFKA_SECURITY": "SSL",
        "ACCESSWATCH_KAFKA_CERT_FILE": str(certificate),
        "ACCESSWATCH_KAFKA_KEY_FILE": str(key),
        "ACCESSWATCH_KAFKA_KEY_PASSWORD": "planted-key-password",
    }
    refused = accesswatch("worker", environment=environment)
    assert (refused.returncode, "Kafka does not let this user" in refused.stderr) == (1, True)
    installation.kafka.grant_exactly(f"User:{name}", needed(installation.settings, AGENTS))
    with a_worker(environment, tmp_path) as worker:
        assert worker.stop() == 0
    wrong = accesswatch("worker", environment={**environment, "ACCESSWATCH_KAFKA_KEY_PASSWORD": "another"})
    assert wrong.returncode == 1
    assert "or its password is wrong" in wrong.stderr


WRONG = [
    pytest.param(
        {"ACCESSWATCH_KAFKA_CA_FILE": "another"}, "is not believed", id="a server that another CA vouches for"
    ),
    pytest.param({"ACCESSWATCH_KAFKA_PASSWORD_FILE": "wrong"}, "user name or password", id="a wrong password"),
    pytest.param({"ACCESSWATCH_KAFKA_USERNAME": "nobody"}, "user name or password", id="a user whom nobody knows"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_who_is_not_believed_is_told_why(
    installation: Installation, change: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    """One sentence, exit 1, and no secret in it."""
    files = {"another": Authority(tmp_path / "another-ca").ca_file, "wrong": tmp_path / "wrong"}
    files["wrong"].write_text("planted-wrong-password", "utf-8")
    changed = {name: str(files.get(value, value)) for name, value in change.items()}
    for command in (["worker"], ["topics", "check"]):
        ended = accesswatch(*command, environment={**installation.environment, **changed})
        assert ended.returncode == 1
        assert sentence in ended.stderr
        assert not any(secret in ended.stderr for secret in ("planted-wrong-password", *installation.secrets))
        assert "Traceback" not in ended.stderr


async def test_a_redis_that_asks_for_a_certificate_gets_ours(
    installation: Installation, authority: Authority, tmp_path: Path
) -> None:
    """Both sides of TLS; without our certificate, or with another CA, Redis cannot be read, and that is said."""
    certificate, key = authority.issue("redis-client")
    secret = "planted-redis-mtls"  # noqa: S105 a test's own
    with secured_redis(tmp_path / "mtls", authority, shipped_rights(secret), client_certificates=True) as server:
        ours = {
            "redis": SecretStr(server.url("accesswatch", secret)), "redis_ca_file": authority.ca_file,
            "redis_password": None,
        }  # fmt: skip
        believed = {**ours, "redis_cert_file": certificate, "redis_key_file": key}
        elsewhere = {**believed, "redis_ca_file": Authority(tmp_path / "third-ca").ca_file}
        assert await answered(installation.settings.model_copy(update=believed))
        assert not await answered(installation.settings.model_copy(update=ours))
        assert not await answered(installation.settings.model_copy(update=elsewhere))


async def answered(settings: Settings) -> bool:
    """Whether Redis lets us in; a machine that is too busy to say so within a second is asked again."""
    client = connect(settings)
    try:
        for _ in range(ASKED_MAX):
            try:
                return bool(await client.ping())
            except RedisTimeoutError:
                continue
            except RedisError:
                return False
        raise AssertionError("Redis did not answer")
    finally:
        await client.aclose()


def test_a_database_that_is_away_keeps_its_password(tmp_path: Path) -> None:
    """The sentence names no secret, and no traceback does."""
    url = "postgresql://accesswatch:planted-database@127.0.0.1:1/alerts"
    environment = without_ours() | {"ACCESSWATCH_DATABASE": url, "ACCESSWATCH_STATE_DIR": str(tmp_path)}
    ended = accesswatch("alerts", "list", environment=environment)
    assert ended.returncode == 1
    assert ended.stderr.strip()
    assert "planted-database" not in ended.stderr + ended.stdout
