"""Kafka that knows us by OAuth 2 tokens: a real broker with Kafka's own validator, and an issuer on loopback."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.kafka import start_kafka
from sandbox.server import free_port
from sandbox.services import Addresses
from stream.topics import ACCESS
from tests.support.console import accesswatch
from tests.support.issuer import CLIENT, SCOPE, SECRET, Issuer, an_issuer, kafka_properties
from tests.support.records import LEAST, as_json
from tests.support.secured import Authority
from tests.support.worker import RunningWorker, a_worker, all_assessed, eventually, without_ours

pytestmark = pytest.mark.services

ACCESS_MODEL = next(model for model in LEAST if model.__name__ == "Access")


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker, and who gives out the tokens that it believes."""

    kafka: str
    issuer: Issuer
    issuer_url: str
    authority: Authority


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker for all tests of this module; it fetches the issuer's keys over HTTP, we talk to it over HTTPS."""
    directory = tmp_path_factory.mktemp("oauth")
    authority = Authority(directory / "ca")
    chain, key = authority.issue("broker")
    keystore = directory / "broker.pem"
    keystore.write_bytes(key.read_bytes() + chain.read_bytes())
    with an_issuer() as (keys, keys_url), an_issuer(authority) as (issuer, url):
        issuer.key = keys.key
        place = f"127.0.0.1:{free_port()}"
        server = start_kafka(
            directory / "kafka",
            guarded=True,
            listeners={"SASL_SSL": place},
            properties=kafka_properties(f"{keys_url}/keys", keystore),
            system_properties={"org.apache.kafka.sasl.oauthbearer.allowed.urls": f"{keys_url}/keys"},
        )
        try:
            yield Secured(place, issuer, url, authority)
        finally:
            server.program.kill()


@pytest.fixture
def issuer(secured: Secured) -> Iterator[Issuer]:
    """The issuer as it was at first, afterwards too."""
    found = secured.issuer
    found.given.clear()
    yield found
    found.lifetime_seconds, found.audience, found.instead, found.delay_seconds = 300, "kafka", None, 0.0


@pytest.fixture
def environment(
    secured: Secured, services: Addresses, tmp_path: Path, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Settings of a test's own on that broker, the secret in a file."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n", "utf-8")
    name = f"t{abs(hash(request.node.name))}."
    return without_ours() | {
        "ACCESSWATCH_KAFKA": secured.kafka, "ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL",
        "ACCESSWATCH_KAFKA_CA_FILE": str(secured.authority.ca_file),
        "ACCESSWATCH_KAFKA_SASL_MECHANISM": "OAUTHBEARER", "ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID": CLIENT,
        "ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": f"{secured.issuer_url}/token?tenant=hidden",
        "ACCESSWATCH_KAFKA_OAUTH_CLIENT_SECRET_FILE": str(secret), "ACCESSWATCH_KAFKA_OAUTH_SCOPE": SCOPE,
        "ACCESSWATCH_KAFKA_OAUTH_CA_FILE": str(secured.authority.ca_file),
        "ACCESSWATCH_REDIS": services.redis, "ACCESSWATCH_TOPIC_PREFIX": name, "ACCESSWATCH_GROUP": name.strip("."),
        "ACCESSWATCH_STATE_DIR": str(tmp_path / "state"), "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}",
    }  # fmt: skip


def accesses(directory: Path, count: int, first: int = 0) -> str:
    """A file of accesses."""
    file = directory / f"access-{first}.jsonl"
    lines = [as_json(LEAST[ACCESS_MODEL] | {"event_id": f"E-{first + number}"}) for number in range(count)]
    file.write_bytes(b"\n".join(lines))
    return str(file)


def done(environment: dict[str, str], *arguments: str) -> str:
    """What a command prints that must work."""
    ran = accesswatch(*arguments, environment=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.usefixtures("issuer")
def test_everything_works_with_tokens(environment: dict[str, str], tmp_path: Path, secured: Secured) -> None:
    """Both client libraries: topics, publishing, a worker with all its agents, and what reads back."""
    assert "Settings: no mistakes." in done(environment, "config", "check")
    done(environment, "topics", "create", "--partitions", "2")
    with a_worker(environment, tmp_path) as worker:
        assert "5 accesses published" in done(environment, "access", "load", accesses(tmp_path, 5))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 5)
        assert worker.stop() == 0
        assert SECRET not in worker.log()
        asked = secured.issuer.asked
    assert "Outcome: hit" in done(environment, "explain", "E-3")
    assert done(environment, "dlq", "list") == ""
    # One token for each process, however many connections it has.
    assert secured.issuer.asked - asked <= 3


@pytest.mark.long
def test_tokens_are_renewed_while_it_runs(environment: dict[str, str], issuer: Issuer, tmp_path: Path) -> None:
    """Each is good for eight seconds, after which the broker ends the connection; nothing is lost, nothing said."""
    done(environment, "topics", "create", "--partitions", "2")
    issuer.lifetime_seconds = 8
    issuer.given.clear()
    with a_worker(environment, tmp_path) as worker:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 25:
            done(environment, "access", "load", accesses(tmp_path, 5, count))
            count += 5
            all_assessed(worker, count)
            time.sleep(1)
        assert worker.metric("accesswatch_accesses_total") == count
        assert not events(worker, "kafka-token-not-renewed")
        assert worker.stop() == 0
    assert len(issuer.given) > 4


@pytest.mark.long
def test_a_token_that_is_still_good_is_shown_while_none_can_be_had(
    environment: dict[str, str], issuer: Issuer, tmp_path: Path
) -> None:
    """It is said once in the log, with the endpoint's own words; the work goes on, and the next token is taken."""
    done(environment, "topics", "create", "--partitions", "2")
    issuer.lifetime_seconds = 30
    with a_worker(environment, tmp_path) as worker:
        issuer.instead = (503, b"<html>busy</html>")
        eventually(lambda: bool(events(worker, "kafka-token-not-renewed")), worker.log())
        assert "answers 503" in events(worker, "kafka-token-not-renewed")[0]["why"]
        assert worker.process.poll() is None
        issuer.instead = None
        given = len(issuer.given)
        eventually(lambda: len(issuer.given) > given)
        done(environment, "access", "load", accesses(tmp_path, 5))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 5, worker.log())
        assert worker.stop() == 0


def events(worker: RunningWorker, name: str) -> list[dict[str, str]]:
    """The events of this name in a worker's log."""
    lines = (json.loads(line) for line in worker.log().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == name]


LONG = pytest.mark.long
REPEATS = json.dumps({"error": "invalid_request", "error_description": SECRET}).encode()
#: Each takes as long as Kafka's client goes on trying: the most different ones are tried in ``make test``.
WRONG = [
    pytest.param({"ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID": "a"}, "refuses us (invalid_client: no client a", id="client"),
    pytest.param({"ACCESSWATCH_KAFKA_OAUTH_SCOPE": "more"}, "refuses us (invalid_scope)", id="scope"),
    pytest.param({"ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "URL/elsewhere"}, "answers 404", id="path", marks=LONG),
    pytest.param({"ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "https://127.0.0.1:1/token"}, "does not answer", id="port",
                 marks=LONG),
    pytest.param({"ACCESSWATCH_KAFKA_OAUTH_CA_FILE": ""}, "shows a certificate that is not believed", id="certificate",
                 marks=LONG),
    pytest.param((500, b"{}"), "answers 500", id="an error of its own", marks=LONG),
    pytest.param((200, b"<html>Sign in</html>"), "answers with no JSON", id="a page", marks=LONG),
    pytest.param((200, b"{}"), "gives no access_token", id="nothing", marks=LONG),
    pytest.param((302, b""), "answers with no JSON", id="a redirection", marks=LONG),
    pytest.param((400, REPEATS), "refuses us (invalid_request: ***)", id="the secret"),
    pytest.param("audience", "refuses our token", id="a token for somebody else", marks=LONG),
    pytest.param("signature", "refuses our token", id="a token of somebody else", marks=LONG),
]  # fmt: skip

BY_A_WORKER = {"refuses us (invalid_client: no client a", "refuses our token"}


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_is_wrong_is_a_sentence(
    environment: dict[str, str], secured: Secured, issuer: Issuer, wrong: object, said: str
) -> None:
    """With the endpoint's own reason and what to do; never the secret, nor what stands behind the path."""
    if isinstance(wrong, dict):
        environment |= {name: value.replace("URL", secured.issuer_url) for name, value in wrong.items()}
    elif isinstance(wrong, tuple):
        issuer.instead = wrong
    elif wrong == "audience":
        issuer.audience = "others"
    key = issuer.key
    if wrong == "signature":
        issuer.key = Issuer().key
    try:
        # A worker says the same; it is tried with the two that differ most.
        for command in (("topics", "check"), ("worker",)) if said in BY_A_WORKER else (("topics", "check"),):
            ran = accesswatch(*command, environment=environment)
            assert ran.returncode == 1, ran.stderr
            last = ran.stderr.strip().splitlines()[-1]
            assert said in last, ran.stderr
            assert "ACCESSWATCH_KAFKA_OAUTH" in last or "see that" in last
            for hidden in (SECRET, "tenant", "\x1b", "Traceback"):
                assert hidden not in ran.stdout + ran.stderr
    finally:
        issuer.key = key


def test_a_slow_endpoint_stops_nobody_for_long(environment: dict[str, str], issuer: Issuer) -> None:
    """It is given its seconds, and then it does not answer."""
    issuer.delay_seconds = 30
    ran = accesswatch("topics", "check", environment=environment)
    assert (ran.returncode, "does not answer (not in time)" in ran.stderr) == (1, True), ran.stderr
    assert ACCESS not in ran.stderr


@pytest.mark.usefixtures("issuer")
def test_the_secret_may_be_shown_in_the_body(environment: dict[str, str]) -> None:
    """For endpoints that take it there alone."""
    shown = {"ACCESSWATCH_KAFKA_OAUTH_CLIENT_AUTH": "client_secret_post"}
    done(environment | shown, "topics", "create", "--partitions", "1")
