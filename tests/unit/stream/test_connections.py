"""How Kafka is reached, in the words of each client library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.connected import connected
from enrichment.errors import CommandError
from stream.connections import aiokafka_options, kafka_python_options
from stream.settings import Settings, SettingsError, load

BOTH = pytest.mark.parametrize("options", [aiokafka_options, kafka_python_options])
Options = Callable[[Settings], dict[str, Any]]
USER = {"ACCESSWATCH_KAFKA_USERNAME": "watch", "ACCESSWATCH_KAFKA_PASSWORD": "s3cret"}


@BOTH
def test_plain_text(options: Options) -> None:
    """Only the servers and the protocol."""
    found = options(load({"ACCESSWATCH_KAFKA": "a:9092, b:9092"}))
    assert found == {"bootstrap_servers": ["a:9092", "b:9092"], "security_protocol": "PLAINTEXT"}


@BOTH
def test_sasl_over_tls(options: Options) -> None:
    """User, password, mechanism, and a context that checks certificates and names."""
    found = options(load({"ACCESSWATCH_KAFKA": "a:9092", "ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL", **USER}))
    assert found["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("watch", "s3cret")
    assert found["ssl_context"].check_hostname


@BOTH
def test_no_password_without_sasl(options: Options) -> None:
    """A user that is set is not sent to a broker that is not asked to check it."""
    assert "sasl_plain_password" not in options(load({"ACCESSWATCH_KAFKA": "a:9092", **USER}))


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("rubbish", "no certificate")])
def test_a_bad_certificate_file_is_a_sentence(tmp_path: Path, content: str | None, reason: str) -> None:
    """Missing and unreadable are told apart."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    settings = load({"ACCESSWATCH_KAFKA_SECURITY": "SSL", "ACCESSWATCH_KAFKA_CA_FILE": str(file)})
    with pytest.raises(SettingsError, match=f"ACCESSWATCH_KAFKA_CA_FILE .*{reason}"):
        aiokafka_options(settings)


def test_nothing_set_and_nothing_running(tmp_path: Path) -> None:
    """The sentence says both ways out."""
    with pytest.raises(CommandError, match="set it, or start one with `accesswatch local up`"):
        connected(Settings(state_dir=tmp_path))


def test_what_is_set_is_left_alone(tmp_path: Path) -> None:
    """Only what the command needs has to be there."""
    settings = Settings(kafka="a:9092", state_dir=tmp_path)
    assert connected(settings, needs=("kafka",)) is settings
