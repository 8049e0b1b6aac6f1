"""Addresses are read strictly, and no sentence about one repeats a part of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stream.settings import SettingsError, check_database_url, host_port, load, redis_url, servers
from tests.support.console import ACCESSWATCH, accesswatch
from tests.support.worker import without_ours

REDIS = "redis://127.0.0.1:1/0"
SECRET = "hunter2"  # noqa: S105 what no output may hold

KAFKA = [
    pytest.param("PLAINTEXT://k:9092", "without a scheme", id="a scheme"),
    pytest.param("SASL_SSL://k1:9092,SASL_SSL://k2:9092", "without a scheme", id="schemes"),
    pytest.param("k1:9092;k2:9092", "separated by commas, not by semicolons", id="semicolons"),
    pytest.param("k1:9092 k2:9092", "separated by commas, not by blanks", id="blanks"),
    pytest.param("k1:9092,", "has no server beside it", id="a comma at the end"),
    pytest.param(",k1:9092", "has no server beside it", id="a comma at the start"),
    pytest.param("k1:9092,,k2:9092", "has no server beside it", id="an empty part"),
    pytest.param("k1:9092, ,k2:9092", "has no server beside it", id="a blank part"),
    pytest.param("k1: 9092", "not by blanks", id="a blank before the port"),
    pytest.param("k1", "must look like host:port", id="no port"),
    pytest.param("k1:", "must look like host:port", id="an empty port"),
    pytest.param("k1:ninety", "The port is a number from 1 to 65535", id="a port in words"),
    pytest.param("k1:0", "The port is a number from 1 to 65535", id="port 0"),
    pytest.param("k1:65536", "The port is a number from 1 to 65535", id="a port too high"),
    pytest.param("k1:-1", "The port is a number from 1 to 65535", id="a negative port"),
    pytest.param("k1:٩٠٩٢", "The port is a number from 1 to 65535", id="digits of another script"),
    pytest.param(":9092", "must look like host:port", id="no host"),
    pytest.param("k1:9092/topic", "The port is a number", id="a path"),
    pytest.param("user@k1:9092", "must look like host:port", id="a user"),
    pytest.param("::1:9092", "must look like host:port", id="IPv6 without brackets"),
    pytest.param('"k1:9092"', "must look like host:port", id="quoted"),
]


@pytest.mark.parametrize(("text", "sentence"), KAFKA)
def test_servers_that_are_none(text: str, sentence: str) -> None:
    """What is wrong with the form of it."""
    with pytest.raises(ValueError, match=sentence):
        servers(text)


def test_servers() -> None:
    """Names, addresses of both kinds, and a blank beside a comma."""
    assert servers("k1:9092, 10.0.0.1:1,[::1]:65535") == [("k1", 9092), ("10.0.0.1", 1), ("::1", 65535)]
    assert host_port("localhost:9108") == ("localhost", 9108)


REDIS_FORMS = [
    pytest.param("localhost:6379", "must look like redis://", id="no scheme"),
    pytest.param(f"http://{SECRET}:6379", "must look like redis://", id="another scheme"),
    pytest.param(f"redis:/{SECRET}:6379", "must look like redis://", id="one slash"),
    pytest.param("redis://", "must look like redis://", id="no host"),
    pytest.param("redis://:6379/0", "must look like redis://", id="a port alone"),
    pytest.param("redis://h:99999/0", "The port is a number from 1 to 65535", id="a port too high"),
    pytest.param("redis://h:0/0", "The port is a number from 1 to 65535", id="port 0"),
    pytest.param(f"redis://user:{SECRET}", "The port is a number from 1 to 65535", id="a password without a host"),
    pytest.param("redis://h/abc", "database by a number", id="a database in words"),
    pytest.param("redis://h/-1", "database by a number", id="a negative database"),
    pytest.param("redis://h/1/2", "database by a number", id="two databases"),
    pytest.param("redis://h1:6379,h2:6379/0", "must look like redis://", id="two servers"),
    pytest.param(f"redis://h/0?password={SECRET}", "nothing behind one; in a password write %3F", id="options"),
    pytest.param("redis://h/0#x", "nothing behind one; in a password write %3F", id="a fragment"),
    pytest.param("rediss://h/0?ssl_cert_reqs=none", "may not carry ssl_ options", id="unchecked"),
    pytest.param("redis+sentinel://h:1", "must look like redis://", id="sentinels without a name"),
    pytest.param("redis+sentinel://h/facts", "Each sentinel has a port", id="a sentinel without a port"),
    pytest.param("redis+sentinel://h:1;h:2/facts", "Each sentinel has a port", id="sentinels with a semicolon"),
    pytest.param("redis+sentinel://h:1,/facts", "Each sentinel has a port", id="sentinels with an empty part"),
    pytest.param("redis+sentinel://h:1/facts/x", "database by a number", id="a database in words, by sentinels"),
]
UNESCAPED = {"#": "%23", "@": "%40", "/": "%2F", "%": "%25", "?": "%3F", ":": "%3A", "[": "%5B", "]": "%5D", " ": "%20"}


@pytest.mark.parametrize(("text", "sentence"), REDIS_FORMS)
def test_urls_of_redis_that_are_none(text: str, sentence: str) -> None:
    """What is wrong with the form of it, and nothing of what it holds."""
    with pytest.raises(ValueError, match=sentence) as caught:
        redis_url(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("form", ["redis://:{}@h:6379/0", "rediss://user:{}@h/0", "redis+sentinel://:{}@h:1/facts/0"])
@pytest.mark.parametrize("character", UNESCAPED)
def test_what_a_password_may_not_hold(form: str, character: str) -> None:
    """The character and how it is written are named, the password is not; written so it is understood."""
    password = f"{SECRET}{character}{SECRET}"
    with pytest.raises(ValueError, match="mean something else in a URL") as caught:
        redis_url(form.format(password))
    assert f"{character!r} as {UNESCAPED[character]}" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert redis_url(form.format(password.replace(character, UNESCAPED[character]))).password == password


def test_all_characters_are_named_at_once() -> None:
    """Nobody has to mend one to hear of the next."""
    with pytest.raises(ValueError, match=r"'#' as %23, '@' as %40, '%' as %25, or put the password") as caught:
        redis_url("redis://u:a#b@c%d@h/0")
    assert "a#b" not in str(caught.value)


def test_urls_of_redis() -> None:
    """Who, where and which database; a port and a database have their defaults."""
    url = redis_url("rediss://us%40er:p%25ss@h.example:6380/3")
    assert (url.username, url.password, url.servers) == ("us@er", "p%ss", (("h.example", 6380),))
    assert (url.secure, url.database, url.master) == (True, 3, None)
    bare = redis_url("redis://[::1]/")
    assert (bare.servers, bare.database, bare.username, bare.password) == ((("::1", 6379),), 0, None, None)


DATABASES = [
    pytest.param("garbage", "must look like sqlite:", id="garbage"),
    pytest.param(f"mysql://u:{SECRET}@h/d", "another database than SQLite or PostgreSQL", id="mysql"),
    pytest.param(f"mssql+pyodbc://u:{SECRET}@h/d", "another database than SQLite or PostgreSQL", id="mssql"),
    pytest.param(f"http://u:{SECRET}@h/d", "another database", id="http"),
    pytest.param(f"postgresql+asyncpg://u:{SECRET}@h/d", "another driver than psycopg", id="asyncpg"),
    pytest.param(f"postgresql+psycopg2://u:{SECRET}@h/d", "another driver than psycopg", id="psycopg2"),
    pytest.param("sqlite+aiosqlite:////a", "another driver than pysqlite", id="aiosqlite"),
    pytest.param(f"postgresql://u:{SECRET}@h:54x2/d", "The port is a number from 1 to 65535", id="a port in words"),
    pytest.param("postgresql://h:70000/d", "The port is a number from 1 to 65535", id="a port too high"),
    pytest.param("postgresql://h1:5432,h2:5432/d", "The port is a number from 1 to 65535", id="two servers"),
    pytest.param(f"postgresql://u:{SECRET}@x{SECRET}@h/d", "write it as %40", id="an @ in the password"),
    pytest.param("postgresql:h/d", "must look like sqlite:", id="no slashes"),
    pytest.param("sqlite://", "by its path", id="SQLite without a path"),
    pytest.param("sqlite:///:memory:", "by its path", id="SQLite in memory"),
    pytest.param("sqlite://alerts.sqlite3", "by its path", id="SQLite with two slashes"),
]


@pytest.mark.parametrize(("text", "sentence"), DATABASES)
def test_urls_of_databases_that_are_none(text: str, sentence: str) -> None:
    """What is wrong with the form of it, and nothing of what it holds."""
    with pytest.raises(ValueError, match=sentence) as caught:
        check_database_url(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////var/lib/a.sqlite3", "sqlite:///a.sqlite3", "postgresql://h/d", "postgres://u@h:5432/d",
        "postgresql+psycopg://u:p#a/s:s?w@h:5432/d?sslmode=verify-full&sslrootcert=/a@b",
        "postgresql://u@server:p@h/d", "postgresql:///d?host=/run/postgresql", "postgresql://[::1]:5432/d",
    ],
)  # fmt: skip
def test_urls_of_databases(text: str) -> None:
    """As SQLAlchemy reads them: its passwords may hold more than a URL's."""
    check_database_url(text)


BAD = [
    {"ACCESSWATCH_DATABASE": "garbage"},
    {"ACCESSWATCH_DATABASE": f"mysql://u:{SECRET}@h/d"},
    {"ACCESSWATCH_DATABASE": f"postgresql://u:{SECRET}@h:54x2/d"},
    {"ACCESSWATCH_KAFKA": "PLAINTEXT://k:9092"},
    {"ACCESSWATCH_KAFKA": "k1:9092;k2:9092"},
    {"ACCESSWATCH_KAFKA": "k1:9092,"},
    {"ACCESSWATCH_REDIS": "redis://h:99999/0"},
    {"ACCESSWATCH_REDIS": "redis://h/abc"},
    {"ACCESSWATCH_REDIS": f"redis://:{SECRET}#{SECRET}@h/0"},
    {"ACCESSWATCH_HTTP": "127.0.0.1:99999"},
    {"ACCESSWATCH_STATE_DIR": __file__},
]
COMMANDS = [("config", "check"), ("worker",), ("alerts", "list"), ("topics", "check"), ("reference", "show", "staff:s")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_them(command: tuple[str, ...], tmp_path: Path) -> None:
    """With one sentence and exit 1, before it does anything; no traceback, and nothing of a password."""
    base = without_ours() | {"ACCESSWATCH_STATE_DIR": str(tmp_path)}
    for wrong in BAD if command == ("config", "check") else BAD[::4]:
        ended = accesswatch(*command, environment=base | wrong)
        (variable,) = wrong
        assert ended.returncode == 1, (wrong, ended.stderr)
        assert [line.split()[0].strip(":") for line in ended.stderr.splitlines()] == [variable], ended.stderr
        assert SECRET not in ended.stderr + ended.stdout


# -- directories -------------------------------------------------------------------------------------------------


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    """It, or one above it."""
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(SettingsError, match="ACCESSWATCH_STATE_DIR must name a directory"):
            load({"ACCESSWATCH_STATE_DIR": str(path)})


def test_directories_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Of the state, and of a SQLite file; root may write anywhere but below /proc."""
    with pytest.raises(
        SettingsError, match=r"ACCESSWATCH_STATE_DIR: /proc/none cannot be made or written to \(No such"
    ):
        load({"ACCESSWATCH_STATE_DIR": "/proc/none"}).check_state_directory()
    with pytest.raises(SettingsError, match=r"ACCESSWATCH_DATABASE: /proc/none/a cannot be made or written to"):
        load({"ACCESSWATCH_DATABASE": "sqlite:////proc/none/a"}).check_database_file()
    with pytest.raises(SettingsError, match="ACCESSWATCH_DATABASE must name a file"):
        load({"ACCESSWATCH_DATABASE": f"sqlite:///{tmp_path}"}).check_database_file()
    good = load({"ACCESSWATCH_STATE_DIR": str(tmp_path / "new"), "ACCESSWATCH_DATABASE": f"sqlite:///{tmp_path}/a"})
    good.check_state_directory()
    good.check_database_file()
    assert list(tmp_path.iterdir()) == [], "the look has left something behind"


def nobody() -> list[str]:
    """What runs a command of ours as a user whom the machine does not know, without a home."""
    unknown = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    if shutil.which("unshare") and subprocess.run([*unknown, "true"], check=False, capture_output=True).returncode == 0:
        return [*unknown, ACCESSWATCH]
    # Where users may not be made up: the same answer as the machine gives of one.
    code = "import pwd; pwd.getpwuid = {}.__getitem__; from console.main import main; main()"
    return [sys.executable, "-c", code]


NEEDS_A_PLACE = [("config", "check"), ("alerts", "list"), ("local", "up"), ("local", "down"), ("worker",)]


def test_nobody_without_a_home_sees_a_traceback(tmp_path: Path) -> None:
    """Neither HOME nor an entry in passwd: what needs a directory says which setting names it, the rest works."""
    path = {"PATH": without_ours()["PATH"]}
    for command in NEEDS_A_PLACE:
        ended = _as_nobody(
            *command, environment=path | {"ACCESSWATCH_KAFKA": "127.0.0.1:1", "ACCESSWATCH_REDIS": REDIS}
        )
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].endswith("set ACCESSWATCH_STATE_DIR to a directory it may write to.")
        assert "Traceback" not in ended.stderr
    assert _as_nobody("rules", "list", environment=path).returncode == 0
    placed = path | {"ACCESSWATCH_STATE_DIR": str(tmp_path / "state")}
    assert _as_nobody("config", "check", environment=placed).returncode == 0
    demo = _as_nobody("demo", "--no-ui", environment=placed)
    assert (demo.returncode, demo.stderr.count("set HOME to a directory it may write to")) == (1, 1)
    assert "Traceback" not in demo.stderr


def _as_nobody(*command: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*nobody(), *command], env=environment, capture_output=True, text=True, check=False, cwd="/")
