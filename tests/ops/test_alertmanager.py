"""The example of Alertmanager's routing: valid, and who is called for what."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ops.test_rules import PROMETHEUS, rules

EXAMPLE = PROMETHEUS / "alertmanager.yml"

needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool is missing: install the package `prometheus-alertmanager`"
)


@needs_amtool
def test_the_example_is_valid() -> None:
    """As amtool checks it."""
    done = subprocess.run(["amtool", "check-config", str(EXAMPLE)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_amtool
@pytest.mark.parametrize(("severity", "receiver"), [("page", "on-call"), ("ticket", "tickets"), ("other", "tickets")])
def test_who_is_called(severity: str, receiver: str) -> None:
    """A page calls somebody; everything else becomes a ticket."""
    command = ["amtool", "config", "routes", "test", f"--config.file={EXAMPLE}", f"severity={severity}", "alertname=X"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [receiver]


def test_what_is_inhibited_is_there() -> None:
    """An inhibition that names a rule which was renamed would inhibit nothing."""
    named = {
        name
        for rule in yaml.safe_load(EXAMPLE.read_text())["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        for name in matcher.partition('"')[2].strip('"').split("|")
    }
    assert named <= {rule["alert"] for rule in rules()}


def test_no_secret_stands_in_the_example() -> None:
    """Secrets stand in files."""
    given = [line.strip() for line in Path(EXAMPLE).read_text().splitlines() if "password" in line or "key" in line]
    assert given
    assert all(line.partition(":")[0].endswith("_file") for line in given)
