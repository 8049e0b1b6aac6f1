"""Settings: read once from the environment, typed, and refusing strangers.

Every variable begins with ``ACCESSWATCH_``. Any of them may stand in a file, named by the same variable with ``_FILE``
behind it; secrets are never printed.

Addresses (``host:port``, lists of them, the URLs of Redis and of the alert store) are read here before any library
reads them. What is wrong is a ``ValueError`` to stand behind the name of a setting. A URL may hold a password, and
libraries repeat it: our sentences name the character that is wrong and how to write it, and no part of the URL.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, Self, get_args
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from enrichment.errors import UserError
from enrichment.schemas import ID_LENGTH_MAX

PORTS: Final = range(1, 65_536)

_REDIS_FORM: Final = (
    "must look like redis://host:port/0, rediss://user:password@host:port/0 "
    "or redis+sentinel://host:port,host:port/master/0"
)
_DATABASE_FORM: Final = (
    "must look like sqlite:////var/lib/accesswatch/alerts.sqlite3 or postgresql://user:password@host:port/name"
)
_REDIS_PORT: Final = 6379
_PLAIN_SCHEMES: Final = ("redis", "rediss")
_SENTINEL_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
#: What a URL's user name or password may not hold as it is, and how each is written there.
_ESCAPES: Final = {"#": "%23", "@": "%40", "/": "%2F", "?": "%3F", ":": "%3A", "[": "%5B", "]": "%5D", " ": "%20"}
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]|[A-Za-z0-9._-]+")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
#: The drivers of the alert store, by the kind of database.
_DRIVERS: Final = {"sqlite": ("", "pysqlite"), "postgresql": ("", "psycopg"), "postgres": ("", "psycopg")}
#: The parts of a database URL as SQLAlchemy tells them apart.
_DATABASE: Final = re.compile(
    r"(?P<scheme>\w+)(?:\+(?P<driver>\w+))?://(?:[^:/]*(?::[^@]*)?@)?"
    r"(?P<host>\[[^/?]+\]|[^/:?]+)?(?::(?P<port>[^/?]*))?(?:/(?P<name>[^?]*))?(?:\?(?P<options>.*))?"
)


def host_port(text: str) -> tuple[str, int]:
    """Return the host and the port of ``host:port``; brackets around an IPv6 address are taken off."""
    if "://" in text:
        raise ValueError("must look like host:port, without a scheme such as http:// or PLAINTEXT:// before it")
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host):
        raise ValueError("must look like host:port")
    if not _NUMBER.fullmatch(port) or int(port) not in PORTS:
        raise ValueError(f"must look like host:port. The port is a number from {PORTS[0]} to {PORTS[-1]}")
    return host.strip("[]"), int(port)


def servers(text: str) -> list[tuple[str, int]]:
    """Return the servers of ``host:port,host:port``; a blank beside a comma is nothing."""
    if ";" in text:
        raise ValueError("must look like host:port,host:port: servers are separated by commas, not by semicolons")
    found = [server.strip(" ") for server in text.split(",")]
    if "" in found:
        raise ValueError("must look like host:port,host:port: one of its commas has no server beside it")
    if any(re.search(r"\s", server) for server in found):
        raise ValueError("must look like host:port,host:port: servers are separated by commas, not by blanks")
    return [host_port(server) for server in found]


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where Redis is, or who knows where it is, and who we are to it."""

    servers: tuple[tuple[str, int], ...]
    #: The name that the sentinels have for their primary; None where *servers* is Redis itself.
    master: str | None
    database: int
    username: str | None
    password: str | None
    secure: bool


def redis_url(text: str) -> RedisUrl:
    """Read ``redis://``, ``rediss://``, ``redis+sentinel://`` or ``rediss+sentinel://``."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _PLAIN_SCHEMES + _SENTINEL_SCHEMES:
        raise ValueError(_REDIS_FORM)
    login, at, place = rest.rpartition("@")
    username, _, password = login.partition(":")
    if at:
        _escaped(username, "user name")
        _escaped(password, "password")
    _no_options(place)
    hosts, _, path = place.partition("/")
    if scheme in _SENTINEL_SCHEMES:
        master, _, database = path.partition("/")
        found = _sentinels(hosts)
        if not master:
            raise ValueError(_REDIS_FORM)
    else:
        master, database = "", path
        found = (_redis_server(hosts),)
    if database and not _NUMBER.fullmatch(database):
        raise ValueError("must name its database by a number, as in redis://host:6379/0")
    return RedisUrl(
        servers=found,
        master=unquote(master) or None,
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        secure=scheme.startswith("rediss"),
    )


def _escaped(part: str, what: str) -> None:
    """Raise ValueError where a user name or a password holds a character that means something else in a URL."""
    wrong = [f"{character!r} as {escape}" for character, escape in _ESCAPES.items() if character in part]
    if _LONE_PERCENT.search(part):
        wrong.append("'%' as %25")
    if wrong:
        raise ValueError(
            f"holds a {what} with characters that mean something else in a URL: write {', '.join(wrong)}, "
            "or put the password as it is into ACCESSWATCH_REDIS_PASSWORD_FILE"
        )


def _no_options(place: str) -> None:
    _, question, options = place.partition("?")
    if "ssl_" in options:
        raise ValueError("may not carry ssl_ options: ACCESSWATCH_REDIS_CA_FILE names the CA to believe")
    if question or "#" in place:
        raise ValueError("may hold no '?' or '#' and nothing behind one; in a password write %3F and %23")


def _redis_server(text: str) -> tuple[str, int]:
    host, port = text, str(_REDIS_PORT)
    if not _HOST.fullmatch(text):
        host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(_REDIS_FORM)
    if not _NUMBER.fullmatch(port) or int(port) not in PORTS:
        raise ValueError(f"{_REDIS_FORM}. The port is a number from {PORTS[0]} to {PORTS[-1]}")
    return host.strip("[]"), int(port)


def _sentinels(text: str) -> tuple[tuple[str, int], ...]:
    try:
        return tuple(servers(text))
    except ValueError:
        raise ValueError(f"{_REDIS_FORM}. Each sentinel has a port from {PORTS[0]} to {PORTS[-1]}") from None


def check_database_url(text: str) -> None:
    """Raise ValueError where this is no URL of a database that the alert store runs on."""
    parts = _DATABASE.fullmatch(text)
    if parts is None:
        raise ValueError(_DATABASE_FORM)
    scheme, driver = parts["scheme"], parts["driver"] or ""
    if scheme not in _DRIVERS:
        raise ValueError(f"names another database than SQLite or PostgreSQL: it {_DATABASE_FORM}")
    if driver not in _DRIVERS[scheme]:
        raise ValueError(f"names another driver than {_DRIVERS[scheme][1]}, which is used for {scheme}: leave it out")
    if "@" in (parts["host"] or ""):
        raise ValueError("holds a password with an '@': write it as %40")
    if parts["port"] is not None and (not _NUMBER.fullmatch(parts["port"]) or int(parts["port"]) not in PORTS):
        raise ValueError(f"{_DATABASE_FORM}. The port is a number from {PORTS[0]} to {PORTS[-1]}")
    if scheme == "sqlite" and (parts["host"] or parts["options"] or parts["name"] in {None, "", ":memory:"}):
        raise ValueError("must name the file of SQLite by its path, as in sqlite:////var/lib/accesswatch/a.sqlite3")


def sqlite_path(text: str) -> str | None:
    """Return the path of a SQLite URL that was found good, or None where it is another database's."""
    parts = _DATABASE.fullmatch(text)
    return parts["name"] if parts is not None and parts["scheme"] == "sqlite" else None


PREFIX = "ACCESSWATCH_"
#: Bytes of a file that holds a setting; a larger one is another file.
SETTING_FILE_BYTES_MAX: Final = 65_536
#: What stands for the state directory where the user has no home: it is never made.
_NO_HOME: Final = Path("~", ".local", "state", "accesswatch")
#: Settings whose value may be anything that a person can type, so that quotes and blanks may belong to it.
_PASSWORDS: Final = frozenset(
    {"kafka_password", "kafka_key_password", "redis_password", "redis_sentinel_password", "kafka_oauth_client_secret"}
)
_BYTE_ORDER_MARK: Final = "\ufeff"
ClientAuth = Literal["client_secret_basic", "client_secret_post"]
#: SASL mechanism -> what it cannot be without; the others need a user name and a password.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "OAUTHBEARER": ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret"),
    "AWS_MSK_IAM": ("kafka_aws_region",),
    "GSSAPI": (),
}
#: SASL mechanism -> the settings that no other uses.
_OF_MECHANISM: Final[Mapping[str, tuple[str, ...]]] = {
    "OAUTHBEARER": (*_NEEDED["OAUTHBEARER"], "kafka_oauth_scope", "kafka_oauth_ca_file"),
    "AWS_MSK_IAM": _NEEDED["AWS_MSK_IAM"],
}
#: SASL mechanism -> the package that it needs, and the extra that brings it.
_EXTRAS: Final[Mapping[str, tuple[str, str]]] = {
    "AWS_MSK_IAM": ("aws_msk_iam_sasl_signer", "msk"),
    "GSSAPI": ("gssapi", "gssapi"),
}


class SettingsError(UserError):
    """The environment holds mistakes; ``sentences`` has one for each."""


def _state_dir() -> Path:
    """Return where this user keeps state; ``Settings.state_directory`` raises where nobody can tell."""
    try:
        found = Path(platformdirs.user_state_dir("accesswatch"))
    except RuntimeError:
        return _NO_HOME
    return found if found.is_absolute() else _NO_HOME


#: What ACCESSWATCH_HISTORY says where no history is kept.
HISTORY_OFF = "off"
#: Ids that may be reserved for canaries, of each kind.
CANARY_IDS_MAX = 100


def ids_of(text: str | None) -> tuple[str, ...]:
    """Return the ids of a list with commas between; none where there is no list.

    Raises:
        ValueError: one of them is none, or stands twice.
    """
    ids = [one.strip() for one in text.split(",")] if text else []
    if len(ids) > CANARY_IDS_MAX:
        raise ValueError(f"holds more than {CANARY_IDS_MAX} ids")
    if not all(1 <= len(one) <= ID_LENGTH_MAX for one in ids):
        raise ValueError("must hold ids with commas between, such as CANARY-1,CANARY-2")
    if len(set(ids)) < len(ids):
        raise ValueError("names an id twice")
    return tuple(ids)


class Settings(BaseModel):
    """Everything the platform injects. What people tune stands in the limits and delivery files instead."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kafka: str | None = Field(None, description="bootstrap servers, host:port[,host:port]")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"] = (
        Field("SCRAM-SHA-512", description="SASL mechanism; AWS_MSK_IAM and GSSAPI need an extra")
    )
    kafka_username: str | None = Field(None, description="SASL user")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_oauth_token_url: str | None = Field(None, description="where OAUTHBEARER gets its tokens, https://...")
    kafka_oauth_client_id: str | None = Field(None, description="who we are there")
    kafka_oauth_client_secret: SecretStr | None = Field(None, description="what shows it")
    kafka_oauth_client_auth: ClientAuth = Field(
        "client_secret_basic", description="how it is shown: in a header, or in the body of the request"
    )
    kafka_oauth_scope: str | None = Field(None, description="scope of the tokens, where the endpoint wants one")
    kafka_oauth_ca_file: Path | None = Field(None, description="CA certificates that the endpoint's is checked against")
    kafka_aws_region: str | None = Field(
        None, description="region of Amazon MSK, for AWS_MSK_IAM", pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"
    )
    kafka_kerberos_service: str = Field("kafka", description="what the brokers are called in Kerberos, for GSSAPI")
    kafka_ca_file: Path | None = Field(None, description="CA certificates that Kafka's is checked against")
    kafka_cert_file: Path | None = Field(None, description="our certificate, for mTLS")
    kafka_key_file: Path | None = Field(None, description="its key, where that is in a file of its own")
    kafka_key_password: SecretStr | None = Field(None, description="what that key is encrypted with")
    redis: SecretStr | None = Field(None, description="redis, rediss or redis+sentinel URL, with user and password")
    redis_password: SecretStr | None = Field(None, description="Redis password, where it is not in the URL")
    redis_sentinel_username: str | None = Field(None, description="user at the sentinels, where they have users")
    redis_sentinel_password: SecretStr | None = Field(None, description="password of the sentinels, where they ask")
    redis_ca_file: Path | None = Field(None, description="CA certificates that Redis's is checked against")
    redis_cert_file: Path | None = Field(None, description="our certificate for Redis, where it asks for one")
    redis_key_file: Path | None = Field(None, description="the key of our certificate for Redis")
    database: SecretStr | None = Field(None, description="SQLAlchemy URL of the alert store")
    state_dir: Path = Field(default_factory=_state_dir, description="where local files are kept")
    group: str = Field("accesswatch", description="consumer group prefix", pattern=r"^[A-Za-z0-9._-]{1,200}$")
    limits: Path | None = Field(None, description="YAML file of what differs from the shipped limits")
    delivery: Path | None = Field(None, description="YAML file of delivery routes")
    mappings: Path | None = Field(
        None, description="folder of mapping files: the agent adapt reads raw.<mapping>.v1 by each; off unless set"
    )
    poll_database: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the database that `adapt poll` reads another system's log from"
    )
    schema_registry: SecretStr | None = Field(
        None, description="URL of a schema registry, where sources write Avro; with user and password where it asks"
    )
    schema_registry_ca_file: Path | None = Field(
        None, description="CA certificates that the schema registry's is checked against"
    )
    token_key: SecretStr | None = Field(None, description="the secret that mappings make contact details opaque with")
    http: str = Field("127.0.0.1:9108", description="host:port of metrics and health")
    topic_prefix: str = Field("", description="put before every topic's name", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    instance_id: str | None = Field(None, description="name of this worker, kept over restarts (static membership)")
    stuck_seconds: float = Field(
        120.0, description="seconds without a commit, with records waiting, after which a worker ends itself", ge=5
    )
    park_in_a_row_max: int = Field(
        5_000, description="records of a partition parked in a row after which a worker stops instead", ge=1
    )
    park_ratio_max: float = Field(
        0.5, description="share of a partition's last 10,000 records parked after which a worker stops", gt=0, le=1
    )
    org_units_max: int = Field(
        100, description="units up to which accesses are counted by unit; with more, or 0, none is", ge=0, le=1_000
    )
    history: str | None = Field(
        None,
        description="the folder of the history; `off` for none. Unset: `history` in ACCESSWATCH_STATE_DIR where the "
        "database is SQLite, none where it is PostgreSQL",
    )
    roles: Path | None = Field(None, description="YAML file of who has which role; without it the host decides")
    cases: Path | None = Field(None, description="YAML file with types and outcomes of cases; unset: the shipped one")
    actor: str | None = Field(None, description="staff id of the person at the keyboard")
    canary_staff: str | None = Field(None, description="staff ids reserved for canaries, with commas between")
    canary_clients: str | None = Field(None, description="client ids reserved for canaries, with commas between")
    canary_hours: float = Field(
        24.0,
        description="hours between runs of the canaries by workers with the agent alert; 0: by command only",
        ge=0,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much is logged")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="how it is written down; auto is text on a terminal and JSON elsewhere"
    )

    @field_validator("history", mode="after")
    @classmethod
    def _history(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            raise ValueError("must name a folder, or be `off`: other places are not supported yet")
        return value

    @field_validator("canary_staff", "canary_clients", mode="after")
    @classmethod
    def _ids(cls, value: str | None) -> str | None:
        ids_of(value)
        return value

    @field_validator("kafka", mode="after")
    @classmethod
    def _kafka(cls, value: str | None) -> str | None:
        if value is not None:
            servers(value)
        return value

    @field_validator("http", mode="after")
    @classmethod
    def _http(cls, value: str) -> str:
        host_port(value)
        return value

    @field_validator("kafka_oauth_token_url", mode="after")
    @classmethod
    def _token_url(cls, value: str | None) -> str | None:
        if value is not None:
            url = urlsplit(value)
            here = url.hostname in {"localhost", "127.0.0.1", "::1"}
            if url.scheme not in {"https", "http"} or not url.hostname or not value.isprintable() or url.username:
                raise ValueError("must look like https://host/path, without a user or a password in it")
            if url.scheme == "http" and not here:
                raise ValueError(
                    "must begin with https://, since our secret goes there; http:// is for this machine alone"
                )
        return value

    @field_validator("schema_registry", mode="after")
    @classmethod
    def _schema_registry(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = urlsplit(value.get_secret_value())
            if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
                raise ValueError("must look like https://user:password@host:port, without '?' or '#'")
        return value

    @field_validator("redis", mode="after")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            redis_url(value.get_secret_value())
        return value

    @field_validator("database", mode="after")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_database_url(value.get_secret_value())
        return value

    @field_validator("state_dir", mode="after")
    @classmethod
    def _state(cls, value: Path) -> Path:
        for directory in (value, *value.parents):
            if os.path.lexists(directory) and not _is_directory(directory):
                raise ValueError("must name a directory, and there is a file in its place")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        security = self.kafka_security
        self._knows_us()
        # What is set and would not be used: somebody believes to be safer than they are.
        if not security.endswith("SSL") and (self.kafka_ca_file or self.kafka_cert_file):
            raise ValueError(f"ACCESSWATCH_KAFKA_CA_FILE and _CERT_FILE are not used by KAFKA_SECURITY={security}")
        url = None if self.redis is None else redis_url(self.redis.get_secret_value())
        if url is not None and not url.secure and (self.redis_ca_file or self.redis_cert_file):
            raise ValueError("ACCESSWATCH_REDIS_CA_FILE and _CERT_FILE are used by a rediss:// URL only")
        if url is not None and url.master is None and (self.redis_sentinel_username or self.redis_sentinel_password):
            raise ValueError(
                "ACCESSWATCH_REDIS_SENTINEL_USERNAME and _PASSWORD are used by a redis+sentinel:// URL only"
            )
        if self.redis_sentinel_username and not self.redis_sentinel_password:
            raise ValueError("ACCESSWATCH_REDIS_SENTINEL_USERNAME needs ACCESSWATCH_REDIS_SENTINEL_PASSWORD")
        for name in ("kafka", "redis"):
            if getattr(self, f"{name}_key_file") and not getattr(self, f"{name}_cert_file"):
                raise ValueError(f"{PREFIX}{name.upper()}_KEY_FILE needs the certificate in {name.upper()}_CERT_FILE")
        return self

    def _knows_us(self) -> None:
        """Raise ValueError where what the SASL mechanism needs is missing, or what is set would not be used."""
        sasl, mechanism = self.kafka_security.startswith("SASL"), self.kafka_sasl_mechanism
        for used_by, name in _OF_MECHANISM.items():
            given = [f"{PREFIX}{one.upper()}" for one in name if getattr(self, one) is not None]
            if given and not (sasl and mechanism == used_by):
                raise ValueError(
                    f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} used by "
                    f"{PREFIX}KAFKA_SASL_MECHANISM={used_by} over SASL only"
                )
        if not sasl:
            return
        if mechanism in _EXTRAS and find_spec(_EXTRAS[mechanism][0]) is None:
            raise ValueError(
                f"{PREFIX}KAFKA_SASL_MECHANISM={mechanism} needs a package that is not installed: "
                f"install accesswatch with its extra, accesswatch[{_EXTRAS[mechanism][1]}]"
            )
        needed = _NEEDED.get(mechanism, ("kafka_username", "kafka_password"))
        missing = [f"{PREFIX}{name.upper()}" for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"{PREFIX}KAFKA_SECURITY={self.kafka_security} with {mechanism} needs {' and '.join(missing)}"
            )
        if mechanism == "AWS_MSK_IAM" and self.kafka_security != "SASL_SSL":
            raise ValueError(f"{PREFIX}KAFKA_SASL_MECHANISM=AWS_MSK_IAM needs {PREFIX}KAFKA_SECURITY=SASL_SSL")

    @property
    def database_url(self) -> str:
        """The alert store: what was set, or a SQLite file in the state directory.

        Raises:
            SettingsError: neither is known.
        """
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.state_directory().absolute() / 'alerts.sqlite3'}"

    def state_directory(self) -> Path:
        """Return where local files are kept.

        Raises:
            SettingsError: it was not set, and this user has no home that it could stand in.
        """
        if self.state_dir == _NO_HOME:
            raise SettingsError(
                f"The user that runs this has no home directory: set {PREFIX}STATE_DIR to a directory it may write to."
            )
        return self.state_dir

    def check_state_directory(self) -> None:
        """Raise SettingsError where local files cannot be kept."""
        directory = self.state_directory()
        if (reason := _why_not_writable(directory)) is not None:
            raise SettingsError(f"{PREFIX}STATE_DIR: {directory} cannot be made or written to ({reason}).")

    def check_database_file(self) -> None:
        """Raise SettingsError where a SQLite file is set as the alert store that cannot be there."""
        path = None if self.database is None else sqlite_path(self.database.get_secret_value())
        if path is None:
            return
        if _is_directory(Path(path)):
            raise SettingsError(f"{PREFIX}DATABASE must name a file, and {path} is a directory.")
        if (reason := _why_not_writable(Path(path).parent)) is not None:
            raise SettingsError(f"{PREFIX}DATABASE: {path} cannot be made or written to ({reason}).")

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of metrics and health."""
        return host_port(self.http)

    @property
    def canary_staff_ids(self) -> tuple[str, ...]:
        """The staff ids that are reserved for canaries."""
        return ids_of(self.canary_staff)

    @property
    def canary_client_ids(self) -> tuple[str, ...]:
        """The client ids that are reserved for canaries."""
        return ids_of(self.canary_clients)

    @property
    def history_folder(self) -> Path | None:
        """Where the history is kept; None where there is none.

        Raises:
            SettingsError: it is to stand in the state directory, and that is not known.
        """
        if self.history is not None:
            return None if self.history.lower() == HISTORY_OFF else Path(self.history)
        return self.state_directory().absolute() / "history" if self.database_url.startswith("sqlite") else None

    @property
    def canaries_are_scheduled(self) -> bool:
        """Whether workers run the canaries by themselves."""
        return bool(self.canary_staff_ids) and self.canary_hours > 0

    def topic(self, name: str) -> str:
        """The name of one of our topics in this installation."""
        return self.topic_prefix + name

    def consumer_group(self, agent: str) -> str:
        """The name of the consumer group of one agent in this installation."""
        return f"{self.group}-{self.topic_prefix}{agent}"


_PATHS: Final = frozenset(
    name for name, field in Settings.model_fields.items() if Path in {field.annotation, *get_args(field.annotation)}
)


def _why_not_writable(directory: Path) -> str | None:
    """Return why nothing can be made in a directory, or below the nearest one that is there; None where it can."""
    absolute = directory.absolute()
    nearest = next(one for one in (absolute, *absolute.parents) if os.path.lexists(one))
    try:
        # Made and taken away again: rights alone say nothing of a disk that is read-only or full.
        with TemporaryDirectory(dir=nearest, prefix=".accesswatch-"):
            return None
    except OSError as error:
        return error.strerror


def _is_directory(path: Path) -> bool:
    """Return whether this is a directory; what may not be looked at is none, where pathlib would raise."""
    return os.path.isdir(path)  # noqa: PTH112 see above


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: with one sentence for each mistake, no value of a secret in it.
    """
    source = dict(os.environ if environment is None else environment)
    given = {key: value for key, value in source.items() if key.startswith(PREFIX)}
    sentences: list[str] = []
    values: dict[str, Any] = {}
    for variable, value in sorted(given.items()):
        name = variable.removeprefix(PREFIX).lower()
        if name not in Settings.model_fields and name.removesuffix("_file") in Settings.model_fields:
            name = name.removesuffix("_file")
            if given.get(variable.removesuffix("_FILE")):
                sentences.append(f"{variable} and {variable.removesuffix('_FILE')} are both set: take one away.")
                continue
            try:
                text = _held(Path(value))
            except ValueError as error:
                sentences.append(f"{variable}: {error}.")
                continue
        elif name in Settings.model_fields:
            text = value
        else:
            sentences.append(f"{variable} is no setting of accesswatch; `accesswatch config check --help` lists them.")
            continue
        mistakes = list(_stray(name, text))
        sentences += [f"{variable} {mistake}." for mistake in mistakes]
        if text and not mistakes:
            values[name] = text
    try:
        settings = Settings(**values)
    except ValidationError as error:
        sentences += [_sentence(item) for item in error.errors(include_input=False, include_url=False)]
    if sentences:
        raise SettingsError(sentences)
    return settings


def _held(path: Path) -> str:
    """Return the setting that a file holds, without a byte order mark and without what surrounds it.

    Raises:
        ValueError: with what is wrong with the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SETTING_FILE_BYTES_MAX + 1)
        text = content.decode("utf-8-sig").strip()
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("the file holds no text in UTF-8") from None
    if len(content) > SETTING_FILE_BYTES_MAX:
        raise ValueError(f"the file is larger than {SETTING_FILE_BYTES_MAX // 1024} KiB, which no setting is")
    if not text:
        raise ValueError("the file is empty")
    return text


def _stray(name: str, text: str) -> Iterator[str]:
    """Yield what the way that a value came by has left in it: line ends, quotes of a shell, blanks."""
    if "\n" in text or "\r" in text:
        yield "holds a line end, as a file leaves it: it is one line without one"
    elif _BYTE_ORDER_MARK in text or "\0" in text:
        yield "holds what belongs to a file in another form than UTF-8, such as a byte order mark: write it anew"
    elif name in _PASSWORDS:
        return
    elif text != text.strip():
        yield "begins or ends with a blank: take it away"
    elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        yield "stands in quotation marks, which belong to the shell: take them away"
    elif text.startswith("~") and name in _PATHS:
        yield "begins with '~', which only a shell understands: write the whole path"
    elif not text.isprintable():
        yield "holds a character that cannot be printed: take it away"


def _sentence(item: Mapping[str, Any]) -> str:
    name = "_".join(str(part) for part in item["loc"]).upper()
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name} {message}." if name else f"{message}."
