"""A real Prometheus that scrapes real workers, for as long as a test."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.faults.ports import quiet_port

READY_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 20.0

Series = dict[str, Any]


@dataclass(slots=True)
class Prometheus:
    """One process; its data outlive it."""

    directory: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.directory / "prometheus.log").open("ab") as sink:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.data}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=sink,
                stderr=sink,
            )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self._ready():
            assert time.monotonic() < deadline, (self.directory / "prometheus.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """End it, politely, so that it writes down what it has."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    @property
    def data(self) -> Path:
        """Where its data lie."""
        return self.directory / "data"

    def query(self, query: str, at: float | None = None) -> list[Series]:
        """Ask for a moment: each series with its ``value``."""
        return self._ask("query", {"query": query, "time": time.time() if at is None else at})

    def query_range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """Ask for a span: each series with its ``values``."""
        return self._ask("query_range", {"query": query, "start": start, "end": end, "step": step})

    def firing(self) -> set[str]:
        """Name the alerts that fire now."""
        return {one["metric"]["alertname"] for one in self.query('ALERTS{alertstate="firing"}')}

    def _ask(self, kind: str, parameters: dict[str, Any]) -> list[Series]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{kind}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as answer:
            found: list[Series] = json.load(answer)["data"]["result"]
        return found

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2):
                return True
        except OSError:
            return False


@contextmanager
def a_prometheus(directory: Path, rule_files: Sequence[Path]) -> Iterator[Prometheus]:
    """Run one that scrapes every second whatever ``watch_workers`` names, and evaluates these rules."""
    directory.mkdir(parents=True)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(file) for file in rule_files],
        "scrape_configs": [
            {
                "job_name": "accesswatch",
                "scrape_timeout": "1s",
                "file_sd_configs": [{"files": [str(directory / "workers.json")], "refresh_interval": "1s"}],
            }
        ],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    watch_workers(directory, [])
    prometheus = Prometheus(directory, quiet_port())
    try:
        prometheus.start()
        yield prometheus
    finally:
        prometheus.stop()


def watch_workers(directory: Path, addresses: Sequence[str]) -> None:
    """Write which workers there are; written beside and moved, since it is read at any time."""
    fresh = directory / "workers.json.new"
    fresh.write_text(json.dumps([{"targets": list(addresses)}]))
    fresh.rename(directory / "workers.json")
