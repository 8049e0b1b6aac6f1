"""Kafka that knows us by Kerberos (SASL GSSAPI): a KDC and a broker of our own, both client libraries, a worker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from enrichment.schemas import Access
from sandbox.kafka import start_kafka
from sandbox.server import free_port
from sandbox.services import Addresses
from tests.support.console import accesswatch
from tests.support.kerberos import Realm, a_realm, kafka_properties
from tests.support.records import LEAST, as_json
from tests.support.worker import a_worker, eventually, without_ours

pytestmark = [pytest.mark.ops, pytest.mark.services]


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Realm, str]]:
    """A realm, and a broker in it."""
    directory = tmp_path_factory.mktemp("kerberos")
    with a_realm(directory / "realm") as found:
        keytab = found.keytab("kafka/localhost")
        place = f"localhost:{free_port()}"
        server = start_kafka(
            directory / "kafka",
            guarded=True,
            listeners={"SASL_PLAINTEXT": place},
            properties=kafka_properties(keytab),
            java=Path(shutil.which("java") or ""),
            system_properties={"java.security.krb5.conf": str(found.configuration)},
        )
        try:
            yield found, place
        finally:
            server.program.kill()


@pytest.fixture
def environment(realm: tuple[Realm, str], services: Addresses, tmp_path: Path) -> dict[str, str]:
    """Settings of a service whose keys are in a file, as a service's are."""
    found, place = realm
    keytab = found.directory / "watch.keytab"
    if not keytab.exists():
        found.keytab("watch")
    return without_ours() | found.environment | {
        "KRB5_CLIENT_KTNAME": str(keytab), "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}",
        "ACCESSWATCH_KAFKA": place, "ACCESSWATCH_KAFKA_SECURITY": "SASL_PLAINTEXT",
        "ACCESSWATCH_KAFKA_SASL_MECHANISM": "GSSAPI", "ACCESSWATCH_REDIS": services.redis,
        "ACCESSWATCH_TOPIC_PREFIX": f"{tmp_path.name}.", "ACCESSWATCH_GROUP": "kerberos",
        "ACCESSWATCH_STATE_DIR": str(tmp_path / "state"), "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}",
    }  # fmt: skip


def test_everything_works_with_tickets(environment: dict[str, str], tmp_path: Path) -> None:
    """Topics, publishing, a worker with all its agents, and what reads back; tickets are got from the keys."""
    assert accesswatch("config", "check", environment=environment).returncode == 0
    made = accesswatch("topics", "create", "--partitions", "2", environment=environment)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "access.jsonl"
    file.write_bytes(b"\n".join(as_json(LEAST[Access] | {"event_id": f"E-{number}"}) for number in range(5)))
    with a_worker(environment, tmp_path) as worker:
        loaded = accesswatch("access", "load", str(file), environment=environment)
        assert loaded.returncode == 0, loaded.stderr
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 5, worker.log())
        assert worker.stop() == 0
    assert "Outcome: " in accesswatch("explain", "E-3", environment=environment).stdout


WRONG = [
    pytest.param({"KRB5_CLIENT_KTNAME": "/nowhere"}, "No Kerberos ticket", id="no keys"),
    pytest.param({"KRB5_CONFIG": "/nowhere"}, "No Kerberos ticket", id="no realm"),
    pytest.param(
        {"ACCESSWATCH_KAFKA_KERBEROS_SERVICE": "other"}, "Kerberos gives no ticket for other@localhost", id="service"
    ),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
@pytest.mark.parametrize("command", ["topics check", "worker"])
def test_what_is_wrong_is_a_sentence(
    environment: dict[str, str], command: str, wrong: dict[str, str], said: str
) -> None:
    """Exit 1, what is missing, and Kerberos' own reason."""
    ran = accesswatch(*command.split(), environment=environment | wrong)
    assert ran.returncode == 1
    assert said in ran.stderr.strip().splitlines()[-1], ran.stderr
    assert "Traceback" not in ran.stderr
