"""Settings: read once from the environment, typed, and refusing strangers.

Every variable begins with ``ACCESSWATCH_``. A password may stand in a file, named by the
same variable with ``_FILE`` behind it; secrets are never printed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from enrichment.told import Told

PREFIX = "ACCESSWATCH_"
_PORT_MAX = 65535


class SettingsError(Told):
    """The environment holds mistakes; ``sentences`` has one for each."""


class Settings(BaseModel):
    """Everything the platform injects. What people tune stands in the limits and delivery files instead."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kafka: str | None = Field(None, description="bootstrap servers, host:port[,host:port]")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism"
    )
    kafka_username: str | None = Field(None, description="SASL user")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca_file: Path | None = Field(None, description="CA certificates that Kafka's is checked against")
    kafka_cert_file: Path | None = Field(None, description="our certificate, for mTLS")
    kafka_key_file: Path | None = Field(None, description="its key, where that is in a file of its own")
    kafka_key_password: SecretStr | None = Field(None, description="what that key is encrypted with")
    redis: SecretStr | None = Field(None, description="redis, rediss or redis+sentinel URL, with user and password")
    redis_password: SecretStr | None = Field(None, description="Redis password, where it is not in the URL")
    redis_ca_file: Path | None = Field(None, description="CA certificates that Redis's is checked against")
    redis_cert_file: Path | None = Field(None, description="our certificate for Redis, where it asks for one")
    redis_key_file: Path | None = Field(None, description="the key of our certificate for Redis")
    database: SecretStr | None = Field(None, description="SQLAlchemy URL of the alert store")
    state_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_state_dir("accesswatch")),
        description="where local files are kept",
    )
    group: str = Field("accesswatch", description="consumer group prefix", pattern=r"^[A-Za-z0-9._-]{1,200}$")
    limits: Path | None = Field(None, description="YAML file of what differs from the shipped limits")
    delivery: Path | None = Field(None, description="YAML file of delivery routes")
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
    actor: str | None = Field(None, description="staff id of the person at the keyboard")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much is logged")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="how it is written down; auto is text on a terminal and JSON elsewhere"
    )

    @field_validator("kafka", mode="after")
    @classmethod
    def _bootstrap(cls, value: str | None) -> str | None:
        for server in (value or "").split(",") if value else []:
            _host_port(server.strip())
        return value

    @field_validator("http", mode="after")
    @classmethod
    def _http(cls, value: str) -> str:
        _host_port(value)
        return value

    @field_validator("redis", mode="after")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = urlsplit(value.get_secret_value())
            sentinels = url.scheme in {"redis+sentinel", "rediss+sentinel"} and url.netloc and url.path.strip("/")
            if "ssl_" in url.query:
                raise ValueError("may not carry ssl_ options: ACCESSWATCH_REDIS_CA_FILE names the CA to believe")
            if not sentinels and (url.scheme not in {"redis", "rediss"} or not url.hostname):
                raise ValueError(
                    "must look like redis://host:port/0, rediss://user:password@host:port/0 "
                    "or redis+sentinel://host:port,host:port/master/0"
                )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        security, sasl = self.kafka_security, self.kafka_security.startswith("SASL")
        if sasl and (self.kafka_username is None or self.kafka_password is None):
            raise ValueError(f"ACCESSWATCH_KAFKA_SECURITY={security} needs a username and a password")
        # What is set and would not be used: somebody believes to be safer than they are.
        if not security.endswith("SSL") and (self.kafka_ca_file or self.kafka_cert_file):
            raise ValueError(f"ACCESSWATCH_KAFKA_CA_FILE and _CERT_FILE are not used by KAFKA_SECURITY={security}")
        url = "" if self.redis is None else self.redis.get_secret_value()
        if url and not url.startswith("rediss") and (self.redis_ca_file or self.redis_cert_file):
            raise ValueError("ACCESSWATCH_REDIS_CA_FILE and _CERT_FILE are used by a rediss:// URL only")
        for name in ("kafka", "redis"):
            if getattr(self, f"{name}_key_file") and not getattr(self, f"{name}_cert_file"):
                raise ValueError(f"{PREFIX}{name.upper()}_KEY_FILE needs the certificate in {name.upper()}_CERT_FILE")
        return self

    @property
    def database_url(self) -> str:
        """The alert store: what was set, or a SQLite file in the state directory."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.state_dir.absolute() / 'alerts.sqlite3'}"

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of metrics and health."""
        return _host_port(self.http)

    def topic(self, name: str) -> str:
        """The name of one of our topics in this installation."""
        return self.topic_prefix + name

    def consumer_group(self, agent: str) -> str:
        """The name of the consumer group of one agent in this installation."""
        return f"{self.group}-{self.topic_prefix}{agent}"


def _host_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 <= int(port) <= _PORT_MAX:
        raise ValueError("must look like host:port")
    return host.strip("[]"), int(port)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: with one sentence for each mistake, no value of a secret in it.
    """
    source = dict(os.environ if environment is None else environment)
    given = {key: value for key, value in source.items() if key.startswith(PREFIX)}
    sentences: list[str] = []
    values: dict[str, Any] = {}
    known = Settings.model_fields
    for variable, value in sorted(given.items()):
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            if value:
                values[name] = value
        elif name.removesuffix("_file") in known:
            if given.get(variable.removesuffix("_FILE")):
                sentences.append(f"{variable} and {variable.removesuffix('_FILE')} are both set: take one away.")
                continue
            try:
                values[name.removesuffix("_file")] = Path(value).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                sentences.append(f"{variable}: the file cannot be read ({type(error).__name__}).")
        else:
            sentences.append(f"{variable} is no setting of accesswatch; `accesswatch config check --help` lists them.")
    try:
        settings = Settings(**values)
    except ValidationError as error:
        sentences += [_sentence(item) for item in error.errors(include_input=False, include_url=False)]
    if sentences:
        raise SettingsError(sentences)
    return settings


def _sentence(item: Mapping[str, Any]) -> str:
    name = "_".join(str(part) for part in item["loc"]).upper()
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name} {message}." if name else f"{message}."
