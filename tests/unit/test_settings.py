"""Settings are read once, typed, and refuse strangers; every mistake is a sentence without a secret in it."""

import re
from pathlib import Path

import pytest

from stream.settings import PREFIX, SettingsError, load

ROOT = Path(__file__).parents[2]

WRONG = [
    pytest.param({"ACCESSWATCH_KAFAK": "x:1"}, "ACCESSWATCH_KAFAK is no setting of accesswatch", id="a stranger"),
    pytest.param({"ACCESSWATCH_KAFKA": "kafka"}, "ACCESSWATCH_KAFKA must look like host:port.", id="no port"),
    pytest.param({"ACCESSWATCH_KAFKA": "a:9092,b"}, "ACCESSWATCH_KAFKA must look like host:port.", id="second one"),
    pytest.param({"ACCESSWATCH_KAFKA": "a:99999"}, "ACCESSWATCH_KAFKA must look like host:port.", id="port too high"),
    pytest.param({"ACCESSWATCH_REDIS": "localhost:6379"}, "ACCESSWATCH_REDIS must look like redis://", id="no URL"),
    pytest.param({"ACCESSWATCH_HTTP": "9108"}, "ACCESSWATCH_HTTP must look like host:port.", id="http without host"),
    pytest.param({"ACCESSWATCH_TOPIC_PREFIX": "a b"}, "ACCESSWATCH_TOPIC_PREFIX", id="no topic may be called so"),
    pytest.param({"ACCESSWATCH_LOG_LEVEL": "LOUD"}, "ACCESSWATCH_LOG_LEVEL", id="unknown level"),
    pytest.param({"ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL"}, "needs a username and a password.", id="SASL alone"),
]


@pytest.mark.parametrize(("environment", "sentence"), WRONG)
def test_every_mistake_is_a_sentence(environment: dict[str, str], sentence: str) -> None:
    """Each names the variable and ends with a full stop."""
    with pytest.raises(SettingsError) as caught:
        load(environment)
    assert sentence in caught.value.sentences[0]
    assert caught.value.sentences[0].endswith(".")


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody has to mend one to hear of the next."""
    with pytest.raises(SettingsError) as caught:
        load({"ACCESSWATCH_KAFKA": "kafka", "ACCESSWATCH_HTTP": "9108", "ACCESSWATCH_COLOUR": "red"})
    assert len(caught.value.sentences) == 3


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/airgap/images.env"])
def test_what_is_set_for_the_compose_file_is_no_setting_of_ours(file: str) -> None:
    """Whoever exports it for compose still can run every command in the same shell."""
    asked = re.findall(r"\$\{(\w+)|^(\w+)=", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    variables = {first or second for first, second in asked}
    assert len(variables) > 5
    load(dict.fromkeys(variables, "x"))
    assert not {name for name in variables if name.startswith(PREFIX)}


def test_nothing_set_is_enough() -> None:
    """Everything has a default, and what is not ours is not looked at."""
    settings = load({"PATH": "/bin", "ACCESSWATCH_KAFKA": ""})
    assert settings.kafka is None
    assert settings.http_address == ("127.0.0.1", 9108)
    assert settings.database_url.endswith("alerts.sqlite3")


def test_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    """The line end of the file is no part of it."""
    file = tmp_path / "password"
    file.write_text("s3cret\n", "utf-8")
    settings = load({"ACCESSWATCH_KAFKA_PASSWORD_FILE": str(file)})
    assert settings.kafka_password is not None
    assert settings.kafka_password.get_secret_value() == "s3cret"


def test_a_file_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    """It names the variable, and says what is wrong."""
    with pytest.raises(SettingsError, match=r"ACCESSWATCH_REDIS_FILE: the file cannot be read \(FileNotFoundError\)"):
        load({"ACCESSWATCH_REDIS_FILE": str(tmp_path / "nowhere")})


SECRETS = ["ACCESSWATCH_KAFKA_PASSWORD", "ACCESSWATCH_REDIS", "ACCESSWATCH_REDIS_PASSWORD", "ACCESSWATCH_DATABASE"]


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_is_never_printed(variable: str) -> None:
    """Neither when the settings are shown nor when something else is wrong with them."""
    value = "redis://user:hunter2@host:6379/0"
    assert "hunter2" not in repr(load({variable: value}))
    with pytest.raises(SettingsError) as caught:
        load({variable: value, "ACCESSWATCH_HTTP": "x"})
    assert "hunter2" not in str(caught.value)


def test_a_wrong_secret_is_not_repeated() -> None:
    """The sentence says what it must look like, not what it was."""
    with pytest.raises(SettingsError) as caught:
        load({"ACCESSWATCH_REDIS": "hunter2"})
    assert "hunter2" not in str(caught.value)


NOT_USED = [
    pytest.param({"ACCESSWATCH_KAFKA_CA_FILE": "ca.pem"}, "are not used by KAFKA_SECURITY=PLAINTEXT.", id="Kafka's CA"),
    pytest.param(
        {"ACCESSWATCH_REDIS": "redis://h:1/0", "ACCESSWATCH_REDIS_CA_FILE": "ca.pem"}, "by a rediss:// URL only.",
        id="Redis's CA",
    ),
    pytest.param(
        {"ACCESSWATCH_KAFKA_SECURITY": "SSL", "ACCESSWATCH_KAFKA_KEY_FILE": "k"}, "needs the certificate", id="a key"
    ),
    pytest.param({"ACCESSWATCH_REDIS": "rediss://h:1/0?ssl_cert_reqs=none"}, "may not carry ssl_", id="unchecked"),
    pytest.param(
        {"ACCESSWATCH_KAFKA_PASSWORD": "one", "ACCESSWATCH_KAFKA_PASSWORD_FILE": "/another"}, "are both set", id="twice"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("environment", "sentence"), NOT_USED)
def test_nobody_believes_to_be_safer_than_they_are(environment: dict[str, str], sentence: str) -> None:
    """What is set for security and would not be used is a mistake."""
    with pytest.raises(SettingsError) as caught:
        load(environment)
    assert sentence in str(caught.value)
