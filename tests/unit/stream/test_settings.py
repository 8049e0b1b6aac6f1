"""Settings are read once, typed, and refuse strangers; every mistake is a sentence without a secret in it."""

import re
import sys
from pathlib import Path

import pytest

from stream.settings import PREFIX, SettingsError, load

ROOT = Path(__file__).parents[3]
BEARER = {
    "ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL", "ACCESSWATCH_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
    "ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "https://issuer/token", "ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID": "us",
    "ACCESSWATCH_KAFKA_OAUTH_CLIENT_SECRET": "s3cret",
}  # fmt: skip

WRONG = [
    pytest.param({"ACCESSWATCH_KAFAK": "x:1"}, "ACCESSWATCH_KAFAK is no setting of accesswatch", id="a stranger"),
    pytest.param({"ACCESSWATCH_KAFKA": "kafka"}, "ACCESSWATCH_KAFKA must look like host:port.", id="no port"),
    pytest.param({"ACCESSWATCH_KAFKA": "a:9092,b"}, "ACCESSWATCH_KAFKA must look like host:port.", id="second one"),
    pytest.param({"ACCESSWATCH_KAFKA": "a:99999"}, "ACCESSWATCH_KAFKA must look like host:port.", id="port too high"),
    pytest.param({"ACCESSWATCH_REDIS": "localhost:6379"}, "ACCESSWATCH_REDIS must look like redis://", id="no URL"),
    pytest.param({"ACCESSWATCH_HTTP": "9108"}, "ACCESSWATCH_HTTP must look like host:port.", id="http without host"),
    pytest.param({"ACCESSWATCH_TOPIC_PREFIX": "a b"}, "ACCESSWATCH_TOPIC_PREFIX", id="no topic may be called so"),
    pytest.param({"ACCESSWATCH_LOG_LEVEL": "LOUD"}, "ACCESSWATCH_LOG_LEVEL", id="unknown level"),
    pytest.param({"ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL"},
        "with SCRAM-SHA-512 needs ACCESSWATCH_KAFKA_USERNAME and ACCESSWATCH_KAFKA_PASSWORD.", id="SASL alone",
    ),
    pytest.param(
        {**BEARER, "ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID": ""}, "needs ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID.", id="no client"
    ),
    pytest.param(
        {"ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL", "ACCESSWATCH_KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
        "needs ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL and ACCESSWATCH_KAFKA_OAUTH_CLIENT_ID and "
        "ACCESSWATCH_KAFKA_OAUTH_CLIENT_SECRET.",
        id="no endpoint at all",
    ),
    pytest.param(
        {**BEARER, "ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "http://issuer/token"}, "must begin with https:", id="clear"
    ),
    pytest.param(
        {**BEARER, "ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "https://me:pw@issuer/t"}, "without a user", id="a user"
    ),
    pytest.param(
        {**BEARER, "ACCESSWATCH_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"},
        "are used by ACCESSWATCH_KAFKA_SASL_MECHANISM=OAUTHBEARER over SASL only.",
        id="an endpoint for nothing",
    ),
    pytest.param(
        {**BEARER, "ACCESSWATCH_KAFKA_SECURITY": "SSL"}, "over SASL only.", id="an endpoint without SASL"
    ),
    pytest.param(
        {"ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL", "ACCESSWATCH_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"},
        "needs ACCESSWATCH_KAFKA_AWS_REGION.",
        id="no region",
    ),
    pytest.param(
        {
            "ACCESSWATCH_KAFKA_SECURITY": "SASL_PLAINTEXT", "ACCESSWATCH_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
            "ACCESSWATCH_KAFKA_AWS_REGION": "ap-southeast-6",
        },
        "needs ACCESSWATCH_KAFKA_SECURITY=SASL_SSL.",
        id="MSK in clear",
    ),
    pytest.param({"ACCESSWATCH_KAFKA_AWS_REGION": "Auckland"}, "ACCESSWATCH_KAFKA_AWS_REGION", id="no such region"),
]  # fmt: skip


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


FILES = [
    pytest.param(b"s3cret\n", id="a line end"),
    pytest.param(b"s3cret\r\n", id="a line end of Windows"),
    pytest.param(b"s3cret\n\n", id="two line ends"),
    pytest.param(b"\xef\xbb\xbfs3cret\r\n", id="a byte order mark"),
    pytest.param(b"  s3cret ", id="blanks around it"),
]
BAD_FILES = [
    pytest.param(b"", "the file is empty", id="empty"),
    pytest.param(b"\n", "the file is empty", id="a line end alone"),
    pytest.param(b"\xef\xbb\xbf\r\n", "the file is empty", id="a byte order mark alone"),
    pytest.param("s3cret".encode("utf-16"), "the file holds no text in UTF-8", id="UTF-16"),
    pytest.param("s3cret".encode("utf-16-le"), "in another form than UTF-8", id="UTF-16 without a mark"),
    pytest.param(b"s3cret\nof two lines\n", "holds a line end", id="two lines"),
    pytest.param(b"s" * 70_000, "the file is larger than 64 KiB", id="too large"),
]


@pytest.mark.parametrize("content", FILES)
def test_what_surrounds_a_secret_in_a_file_is_no_part_of_it(tmp_path: Path, content: bytes) -> None:
    """However the editor or the secret store wrote it."""
    file = tmp_path / "password"
    file.write_bytes(content)
    settings = load({"ACCESSWATCH_REDIS_PASSWORD_FILE": str(file)})
    assert settings.redis_password is not None
    assert settings.redis_password.get_secret_value() == "s3cret"


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES)
def test_a_file_that_holds_no_secret_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """What is wrong with it, and nothing of what it holds."""
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"ACCESSWATCH_REDIS_PASSWORD_FILE.* {sentence}") as caught:
        load({"ACCESSWATCH_REDIS_PASSWORD_FILE": str(file)})
    assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """It names the variable, and the system's own reason."""
    for path, reason in ((tmp_path / "nowhere", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=rf"^ACCESSWATCH_REDIS_FILE: the file cannot be read \({reason}\)\.$"):
            load({"ACCESSWATCH_REDIS_FILE": str(path)})


STRAY = [
    pytest.param({"ACCESSWATCH_KAFKA": "'k:9092'"}, "stands in quotation marks", id="single quotes"),
    pytest.param({"ACCESSWATCH_REDIS": '"redis://u:s3cret@h/0"'}, "stands in quotation marks", id="double quotes"),
    pytest.param({"ACCESSWATCH_DATABASE": "'postgresql://h/d'"}, "stands in quotation marks", id="a quoted secret"),
    pytest.param({"ACCESSWATCH_KAFKA": "k:9092\n"}, "holds a line end", id="a line end"),
    pytest.param({"ACCESSWATCH_KAFKA_PASSWORD": "s3cret\n"}, "holds a line end", id="a line end behind a password"),
    pytest.param({"ACCESSWATCH_REDIS": "redis://h/0\r"}, "holds a line end", id="a carriage return"),
    pytest.param({"ACCESSWATCH_REDIS_PASSWORD": "\ufeffs3cret"}, "such as a byte order mark", id="a byte order mark"),
    pytest.param({"ACCESSWATCH_KAFKA": " "}, "begins or ends with a blank", id="a blank alone"),
    pytest.param({"ACCESSWATCH_HTTP": " 127.0.0.1:9108"}, "begins or ends with a blank", id="a blank before it"),
    pytest.param({"ACCESSWATCH_STATE_DIR": "~/state"}, "only a shell understands", id="a home for a shell"),
    pytest.param({"ACCESSWATCH_GROUP": "a\tb"}, "cannot be printed", id="a tab"),
    pytest.param({"ACCESSWATCH_HTTP": "127.0.0.1:0"}, "The port is a number", id="port 0"),
    pytest.param({"ACCESSWATCH_HTTP": "http://127.0.0.1:1"}, "without a scheme", id="a scheme"),
]


@pytest.mark.parametrize(("environment", "sentence"), STRAY)
def test_what_the_way_of_a_value_left_in_it_is_a_sentence(environment: dict[str, str], sentence: str) -> None:
    """One, naming the variable, with nothing of a secret."""
    with pytest.raises(SettingsError, match=sentence) as caught:
        load(environment)
    assert len(caught.value.sentences) == 1
    assert next(iter(environment)) in caught.value.sentences[0]
    assert "s3cret" not in str(caught.value)


def test_a_password_may_hold_what_a_person_can_type() -> None:
    """Quotes and blanks may belong to it."""
    for typed in ("'s3cret'", " s3cret ", "pässwörd", "#@/%?:"):
        settings = load({"ACCESSWATCH_KAFKA_PASSWORD": typed})
        assert settings.kafka_password is not None
        assert settings.kafka_password.get_secret_value() == typed


@pytest.mark.parametrize(("mechanism", "package"), [("AWS_MSK_IAM", "aws_msk_iam_sasl_signer"), ("GSSAPI", "gssapi")])
def test_an_extra_that_is_missing_is_a_sentence(monkeypatch: pytest.MonkeyPatch, mechanism: str, package: str) -> None:
    """It names the extra. Python is told that it has no such package."""
    monkeypatch.setitem(sys.modules, package, None)
    given = {"ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL", "ACCESSWATCH_KAFKA_SASL_MECHANISM": mechanism}
    with pytest.raises(SettingsError, match=rf"install accesswatch with its extra, accesswatch\[({'msk|gssapi'})\]"):
        load(given)


SECRETS = [
    "ACCESSWATCH_KAFKA_PASSWORD",
    "ACCESSWATCH_REDIS",
    "ACCESSWATCH_REDIS_PASSWORD",
    "ACCESSWATCH_DATABASE",
]


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_is_never_printed(variable: str) -> None:
    """Neither when the settings are shown nor when something else is wrong with them."""
    scheme = "postgresql" if variable == "ACCESSWATCH_DATABASE" else "redis"
    value = f"{scheme}://user:hunter2@host:6379/0"
    assert "hunter2" not in repr(load({variable: value}))
    with pytest.raises(SettingsError) as caught:
        load({variable: value, "ACCESSWATCH_HTTP": "x"})
    assert "hunter2" not in str(caught.value)


def test_a_client_secret_is_never_printed() -> None:
    """As the others."""
    assert "s3cret" not in repr(load(BEARER))
    with pytest.raises(SettingsError) as caught:
        load(BEARER | {"ACCESSWATCH_KAFKA_OAUTH_TOKEN_URL": "s3cret://x"})
    assert "s3cret" not in str(caught.value)


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
        {"ACCESSWATCH_REDIS": "redis://h:1/0", "ACCESSWATCH_REDIS_SENTINEL_PASSWORD": "x"}, "by a redis+sentinel://",
        id="the sentinels' password",
    ),
    pytest.param(
        {"ACCESSWATCH_REDIS": "redis+sentinel://h:1/m", "ACCESSWATCH_REDIS_SENTINEL_USERNAME": "x"},
        "needs ACCESSWATCH_REDIS_SENTINEL_PASSWORD", id="a user without a password",
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
