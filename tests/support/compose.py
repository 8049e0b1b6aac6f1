"""The stack of docker-compose.yml, started for a test under a name and on ports of its own."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.server import free_port
from stream.settings import Settings

HOUSE = Path(__file__).parents[2]
#: Seconds for one command of Docker's; the first start of everything takes half a minute.
COMMAND_SECONDS_MAX = 300.0
_PORTS = ("KAFKA_PORT", "WORKER_1_PORT", "WORKER_2_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    project: str
    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    settings: Settings

    def compose(self, *arguments: str, image: str | None = None) -> str:
        """Run ``docker compose``, with another image of ours where one is named; give what it printed."""
        environment = {**self.environment, **({"WORKER_IMAGE": image} if image else {})}
        return run("docker", "compose", "--project-name", self.project, *arguments, environment=environment)

    def container(self, service: str) -> Any:
        """What Docker says of the container of a service, running or not."""
        (identity,) = self.compose("ps", "--all", "--quiet", service).split()
        return json.loads(run("docker", "inspect", identity))[0]

    def url(self, port: str, path: str) -> str:
        """An address on a published port."""
        return f"http://127.0.0.1:{self.environment[port]}{path}"


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; give what it printed, and fail with what it said."""
    done = subprocess.run(
        command, cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-3000:]}"
    return done.stdout


@contextmanager
def stack(directory: Path, delivery: str, *profiles: str) -> Iterator[Stack]:
    """Start everything, wait until it is healthy, and take it down at the end with its volumes.

    The images are those of the environment (``KAFKA_IMAGE`` and so on), as docker-compose.yml has them.
    """
    kept = directory / "secrets"
    run(str(HOUSE / "deploy/container/secrets.sh"), str(kept))
    (directory / "delivery.yaml").write_text(delivery, "utf-8")
    (directory / "delivery.yaml").chmod(0o644)
    ports = {name: str(free_port()) for name in _PORTS}
    environment = {
        **os.environ,
        **ports,
        "SECRETS": str(kept),
        "DELIVERY_FILE": str(directory / "delivery.yaml"),
        "COMPOSE_PROFILES": ",".join(profiles),
    }
    passwords = tuple((kept / name).read_text("utf-8").strip() for name in ("postgres-password", "redis-password"))
    settings = Settings(kafka=f"127.0.0.1:{ports['KAFKA_PORT']}", state_dir=directory / "state")
    running = Stack(f"accesswatch-{secrets.token_hex(4)}", environment, passwords, settings)
    try:
        running.compose("up", "--detach", "--wait", "--no-build")
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "30")
