"""A changed delivery file is taken without a restart; a bad one changes nothing and is said."""

import logging
from pathlib import Path

import pytest

from agents.metrics import Metrics
from alerts.notify.config import DeliveryError
from stream.reload import DeliveryInForce
from stream.settings import Settings

FINDINGS = "channels: {findings: {kind: ocsf}}\n"
ROUTES = """routes:
  - {name: all, channels: [findings], conflict_route: others}
  - {name: others, channels: [findings], conflict_route: all, independent: true}
"""


def settings(path: Path) -> Settings:
    """Settings that name the file."""
    return Settings(delivery=path, state_dir=path.parent)


def test_a_changed_file_is_taken_and_a_bad_one_keeps_what_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Said once in the log and counted once; gone for a while, likewise; mended, it is taken."""
    path, metrics = tmp_path / "delivery.yaml", Metrics()
    path.write_text(FINDINGS)
    in_force = DeliveryInForce(settings(path), metrics)
    path.write_text(FINDINGS + ROUTES)
    in_force.look()
    taken = in_force.delivery()
    assert [route.name for route in taken.routes] == ["all", "others"]
    with caplog.at_level(logging.ERROR):
        path.write_text(FINDINGS + ROUTES.replace("conflict_route: others", "channels: []"))
        in_force.look()
        in_force.look()
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert (in_force.delivery() is taken, len(said), str(path) in said[0]) == (True, 1, True)
    path.unlink()
    in_force.look()
    assert in_force.delivery() is taken
    path.write_text(FINDINGS)
    in_force.look()
    assert in_force.delivery().routes == ()
    assert metrics.registry.get_sample_value("accesswatch_delivery_reload_failures_total") == 2


def test_nobody_starts_with_a_bad_file(tmp_path: Path) -> None:
    """It is not known who is to be told."""
    path = tmp_path / "delivery.yaml"
    path.write_text(ROUTES)
    with pytest.raises(DeliveryError, match="there is no channel findings"):
        DeliveryInForce(settings(path), Metrics())
