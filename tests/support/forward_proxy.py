"""A real forward proxy (proxy.py) in a process of its own: open, with a login, or letting nobody through."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from proxy.http.exception import HttpRequestRejected
from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin

from sandbox.server import free_port, listens
from tests.support.processes import eventually

_ROOT = Path(__file__).parents[2]
USER, PASSWORD = "out-user", "out: pass@word"


class NoWay(HttpProxyBasePlugin):
    """Lets nobody through."""

    def before_upstream_connection(self, request: HttpParser) -> HttpParser | None:  # noqa: ARG002 the form of a plugin
        """Refuse."""
        raise HttpRequestRejected(status_code=403, reason=b"Not on the list")


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """Where it listens, and what it has done."""

    port: int
    scheme: str
    log_file: Path

    @property
    def address(self) -> str:
        """What a client needs, without a user."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def with_login(self) -> str:
        """What stands in an environment, user and password and all."""
        return f"{self.scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}"

    def asked(self, method: str = "CONNECT") -> int:
        """Count the requests that came to it; one is counted when its connection ends."""
        lines = self.log_file.read_text("utf-8").splitlines()
        return sum("access_log" in line and f" - {method} " in line for line in lines)


@contextmanager
def a_forward_proxy(
    directory: Path, *, login: bool = False, no_way: bool = False, certificate: tuple[Path, Path] | None = None
) -> Iterator[ForwardProxy]:
    """Run one for as long as the block.

    Args:
        directory: for its log.
        login: ask for ``USER`` and ``PASSWORD``.
        no_way: let nobody through.
        certificate: speak TLS to clients with this certificate and key.
    """
    port, log_file = free_port(), directory / f"proxy-{free_port()}.log"
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port), "--num-workers", "1"]
    command += ["--num-acceptors", "1", "--log-file", str(log_file), "--data-dir", str(directory / "proxy-data")]
    command += ["--basic-auth", f"{USER}:{PASSWORD}"] if login else []
    command += ["--plugins", "tests.support.forward_proxy.NoWay"] if no_way else []
    command += ["--cert-file", str(certificate[0]), "--key-file", str(certificate[1])] if certificate else []
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(f"127.0.0.1:{port}") or process.poll() is not None)
        assert process.poll() is None, log_file.read_text("utf-8")
        yield ForwardProxy(port, "https" if certificate else "http", log_file)
    finally:
        process.terminate()
        process.wait()
