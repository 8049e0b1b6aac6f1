"""A Kerberos realm on loopback, from Debian's krb5-kdc: a KDC, the keys of a broker, and those of our service."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.program import Guarded
from sandbox.server import free_port, listens
from tests.support.worker import eventually

REALM = "AGENCY.EXAMPLE"


@dataclass(frozen=True, slots=True)
class Realm:
    """Where its files are."""

    directory: Path

    @property
    def configuration(self) -> Path:
        """How clients find the KDC."""
        return self.directory / "krb5.conf"

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this realm is started with, beside its keys."""
        return {"KRB5_CONFIG": str(self.configuration), "KRB5CCNAME": f"FILE:{self.directory / 'tickets'}"}

    def keytab(self, principal: str) -> Path:
        """Make a principal, and a file with its keys."""
        file = self.directory / f"{principal.replace('/', '-')}.keytab"
        self._administer(f"addprinc -randkey {principal}")
        self._administer(f"ktadd -k {file} {principal}")
        return file

    def _administer(self, command: str) -> None:
        run(self, "kadmin.local", "-q", command)


def run(realm: Realm, tool: str, *arguments: str) -> None:
    """Run one of Kerberos' own tools."""
    path = shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path is not None, f"{tool} is not here (Debian: apt-get install krb5-kdc krb5-admin-server)"
    kdc = {"KRB5_KDC_PROFILE": str(realm.directory / "kdc.conf")}
    done = subprocess.run(
        [path, *arguments], env=os.environ | realm.environment | kdc, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def a_realm(directory: Path) -> Iterator[Realm]:
    """Run its KDC for as long as the block."""
    directory.mkdir(parents=True)
    realm, port = Realm(directory), free_port()
    realm.configuration.write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_canonicalize_hostname = false\n rdns = false\n"
        f" dns_lookup_kdc = false\n udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n",
        "utf-8",
    )
    (directory / "kdc.conf").write_text(
        f'[kdcdefaults]\n kdc_tcp_listen = 127.0.0.1:{port}\n kdc_listen = ""\n[realms]\n {REALM} = {{\n'
        f"  database_name = {directory / 'principals'}\n  key_stash_file = {directory / 'stash'}\n"
        f"  acl_file = {directory / 'acl'}\n  max_life = 1h\n }}\n[logging]\n kdc = FILE:{directory / 'kdc.log'}\n",
        "utf-8",
    )
    run(realm, "kdb5_util", "create", "-s", "-r", REALM, "-P", "of this test alone")
    kdc = shutil.which("krb5kdc", path=f"{os.environ['PATH']}:/usr/sbin")
    assert kdc is not None
    environment = os.environ | realm.environment | {"KRB5_KDC_PROFILE": str(directory / "kdc.conf")}
    program = Guarded((kdc, "-n"), log=directory / "out.log", environment=environment)
    program.start()
    try:
        eventually(lambda: listens(f"127.0.0.1:{port}"), "the KDC does not listen")
        yield realm
    finally:
        program.kill()


def kafka_properties(keytab: Path) -> dict[str, str]:
    """How a broker is told to believe tickets of the realm."""
    return {
        "sasl.enabled.mechanisms": "GSSAPI",
        "sasl.kerberos.service.name": "kafka",
        "listener.name.sasl_plaintext.gssapi.sasl.jaas.config": (
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true "
            f'keyTab="{keytab}" principal="kafka/localhost@{REALM}";'
        ),
    }
