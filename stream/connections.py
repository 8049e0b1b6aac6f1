"""How Kafka is reached, in the words of each client library, and why it cannot be: they say only that nobody answered.

Kafka knows us by a password, a token (SASL OAUTHBEARER, also signed for Amazon MSK) or a Kerberos ticket (GSSAPI). A
token is kept and shown to every broker until a fifth of its time is left; then the next connection asks for another,
in a thread and never in the event loop. While none can be had, the one that is still good is shown and the log says
so; after that connecting fails with the endpoint's own reason. A missing ticket is found before Kafka's clients look
for it: they end with a traceback.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlsplit

import aiokafka.abc
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest
from kafka.errors import BrokerResponseError as AdministrationResponseError
from kafka.net.sasl.oauth import AbstractTokenProvider

from agents.connection_errors import why
from enrichment.errors import CommandError
from enrichment.log import events
from enrichment.plain_text import plain
from stream.certificates import kafka_context
from stream.settings import PREFIX, ClientAuth, Settings

T = TypeVar("T")


#: Seconds in which the endpoint must answer.
ANSWER_SECONDS_MAX: Final = 4.0
#: Of a token's time: with so little left, another is asked for.
RENEW_SHARE: Final = 0.2
#: Seconds for which a token counts as good where the endpoint does not say.
LIFETIME_SECONDS_DEFAULT: Final = 60.0
#: Seconds after a failure in which the endpoint is not asked again: every connection to every broker would ask.
PAUSE_SECONDS: Final = 2.0
#: Characters of the endpoint's own reason that are said.
REASON_CHARACTERS_MAX: Final = 200

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it was got and ends, in seconds since 1970."""

    value: str
    got_at: float
    ends_at: float


class NoToken(ConnectionError):  # noqa: N818 it names a state, which passes
    """No token can be had; the sentence says why. To Kafka's clients it is a connection that failed: they try again."""


class Tokens:
    """Keeps the newest token, for all connections of this process."""

    def __init__(self, fetch: Callable[[], Token], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failed: NoToken | None = None
        self._failed_at = 0.0

    def current(self) -> str:
        """Return a token that is good.

        Raises:
            NoToken: none can be had.
        """
        with self._lock:
            token, now = self._token, self._clock()
            if token is not None and token.ends_at - now > RENEW_SHARE * (token.ends_at - token.got_at):
                return token.value
            if self._failed is None or now - self._failed_at >= PAUSE_SECONDS:
                self._renew()
            if self._failed is None and self._token is not None:
                return self._token.value
            if token is not None and token.ends_at > now:
                return token.value
            raise self._failed or NoToken("There is no token.")

    def _renew(self) -> None:
        try:
            self._token, self._failed = self._fetch(), None
        except NoToken as error:
            self._failed, self._failed_at = error, self._clock()
            if self._token is not None:
                # Whoever has never had one is told by the connection that fails.
                _log.warning("kafka-token-not-renewed", why=str(error))


class AiokafkaTokens(aiokafka.abc.AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """As aiokafka asks for one."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def token(self) -> str:
        """Return a token that is good."""
        return await asyncio.to_thread(self._tokens.current)


class KafkaPythonTokens(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """As kafka-python asks for one."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens

    def token(self) -> str:
        """Return a token that is good."""
        return self._tokens.current()


def tokens_of(settings: Settings) -> Tokens:
    """Return where the tokens of these settings are kept: one place for each, whoever connects."""
    if settings.kafka_sasl_mechanism == "AWS_MSK_IAM":
        return _of_msk(settings.kafka_aws_region or "")
    secret = settings.kafka_oauth_client_secret
    return _of_endpoint(
        settings.kafka_oauth_token_url or "",
        settings.kafka_oauth_client_id or "",
        secret.get_secret_value() if secret is not None else "",
        settings.kafka_oauth_client_auth,
        settings.kafka_oauth_scope,
        str(settings.kafka_oauth_ca_file) if settings.kafka_oauth_ca_file else None,
    )


@cache
def _of_endpoint(  # noqa: PLR0917 as the next
    url: str, client_id: str, secret: str, client_auth: ClientAuth, scope: str | None, ca_file: str | None
) -> Tokens:
    return Tokens(lambda: ask(url, client_id, secret, client_auth, scope, ca_file))


@cache
def _of_msk(region: str) -> Tokens:
    return Tokens(lambda: sign_for_msk(region))


def ask(  # noqa: PLR0917 what a request is made of
    url: str, client_id: str, secret: str, client_auth: ClientAuth, scope: str | None, ca_file: str | None
) -> Token:
    """Ask the endpoint for a token, as a client with a secret (RFC 6749, section 4.4).

    Raises:
        NoToken: with the endpoint's own reason, and never the secret.
    """
    from authlib.integrations.base_client import OAuthError  # noqa: PLC0415 slow to import
    from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415
    from requests.exceptions import RequestException, SSLError, Timeout  # noqa: PLC0415

    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc}{parts.path}"
    # In a header both are encoded as in a form (RFC 6749, section 2.3.1), which the library leaves to us.
    names = map(quote_plus, (client_id, secret)) if client_auth == "client_secret_basic" else (client_id, secret)
    try:
        with OAuth2Session(*names, client_auth, scope=scope) as session:
            answer: dict[str, Any] = session.fetch_token(
                url, grant_type="client_credentials", timeout=ANSWER_SECONDS_MAX, verify=ca_file or True,
                allow_redirects=False,
            )  # fmt: skip
    except OAuthError as error:
        reason = _sentence_without(
            f"{error.error}: {error.description}" if error.description else str(error.error), secret
        )
        raise NoToken(
            f"The token endpoint {where} refuses us ({reason}): check {PREFIX}KAFKA_OAUTH_CLIENT_ID, "
            f"{PREFIX}KAFKA_OAUTH_CLIENT_SECRET and {PREFIX}KAFKA_OAUTH_SCOPE."
        ) from None
    except SSLError:
        raise NoToken(
            f"The token endpoint {where} shows a certificate that is not believed: "
            f"name the CA that vouches for it in {PREFIX}KAFKA_OAUTH_CA_FILE."
        ) from None
    except RequestException as error:
        status = error.response.status_code if error.response is not None else None
        slow = isinstance(error, Timeout)
        said = "not in time" if slow else why(error)
        what = f"answers {status}" if status is not None else f"does not answer ({said})"
        raise NoToken(f"The token endpoint {where} {what}: see that it runs, and that the address is right.") from None
    except ValueError:
        raise NoToken(f"The token endpoint {where} answers with no JSON: see that the address is right.") from None
    value, lifetime, now = answer.get("access_token"), answer.get("expires_in"), time.time()
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise NoToken(f"The token endpoint {where} gives no access_token: see that the address is right.")
    return Token(value, now, now + (_seconds(lifetime) or LIFETIME_SECONDS_DEFAULT))


def sign_for_msk(region: str) -> Token:
    """Sign a token for Amazon MSK, with the AWS credentials that are found here as any of its clients finds them.

    Raises:
        NoToken: there are none, or they cannot be read.
    """
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 of an extra
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        value, ends_at_ms = MSKAuthTokenProvider.generate_auth_token(region)
    except (BotoCoreError, ClientError, ValueError, AttributeError, OSError) as error:
        raise NoToken(
            f"No token for Amazon MSK in {region} can be signed ({why(error)}): AWS credentials must be "
            "found here, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of this machine."
        ) from None
    return Token(str(value), time.time(), int(ends_at_ms) / 1000)


def _seconds(lifetime: Any) -> float | None:
    """Return how long a token is good; some endpoints write the number as text."""
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None


def _sentence_without(reason: str, secret: str) -> str:
    """Return what the endpoint said, in a short plain line and without the secret, should it repeat it."""
    if secret:
        reason = reason.replace(secret, "***")
    return plain(" ".join(reason.split()))[:REASON_CHARACTERS_MAX]


def require_ticket(settings: Settings) -> None:
    """Get a ticket for the first broker that is named, as a client will.

    Raises:
        CommandError: there is none; with Kerberos' own reason.
    """
    import gssapi  # noqa: PLC0415 of an extra
    from gssapi.exceptions import GSSError  # noqa: PLC0415

    host = (settings.kafka or "").split(",")[0].strip().rpartition(":")[0].strip("[]")
    service = f"{settings.kafka_kerberos_service}@{host}"
    try:
        gssapi.Credentials(usage="initiate")
    except (GSSError, OSError) as error:
        raise CommandError(
            f"No Kerberos ticket can be had ({_reason(error)}): name a file with our keys in KRB5_CLIENT_KTNAME, or "
            "run kinit; KRB5_CONFIG names the realm."
        ) from None
    try:
        name = gssapi.Name(service, gssapi.NameType.hostbased_service).canonicalize(gssapi.MechType.kerberos)
        gssapi.SecurityContext(name=name, usage="initiate").step()
    except (GSSError, OSError) as error:
        raise CommandError(
            f"Kerberos gives no ticket for {service} ({_reason(error)}): check {PREFIX}KAFKA_KERBEROS_SERVICE, and "
            f"that {PREFIX}KAFKA names brokers as the realm does."
        ) from None


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:REASON_CHARACTERS_MAX]


def aiokafka_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients; raises SettingsError when a certificate cannot be read."""
    options = _options(settings)
    if options.get("sasl_mechanism") == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = AiokafkaTokens(tokens_of(settings))
    return options


def kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of kafka-python's clients; raises SettingsError when a certificate cannot be read."""
    options = _options(settings)
    if options.get("sasl_mechanism") == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = KafkaPythonTokens(tokens_of(settings))
    return options


def _options(settings: Settings) -> dict[str, Any]:
    """What both libraries call by the same words today."""
    servers = [server.strip() for server in (settings.kafka or "").split(",") if server.strip()]
    options: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": settings.kafka_security}
    if settings.kafka_security in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = kafka_context(settings)
    if not settings.kafka_security.startswith("SASL"):
        return options
    options["sasl_mechanism"] = settings.kafka_sasl_mechanism
    match settings.kafka_sasl_mechanism:
        case "OAUTHBEARER":
            pass
        case "AWS_MSK_IAM":
            # Amazon's brokers take their signed tokens as any other bearer's.
            options["sasl_mechanism"] = "OAUTHBEARER"
        case "GSSAPI":
            require_ticket(settings)
            options["sasl_kerberos_service_name"] = settings.kafka_kerberos_service
        case _:
            password = settings.kafka_password
            options["sasl_plain_username"] = settings.kafka_username
            options["sasl_plain_password"] = None if password is None else password.get_secret_value()
    return options


_PASSWORD = f"our user name or password: check {PREFIX}KAFKA_USERNAME and {PREFIX}KAFKA_PASSWORD"
#: SASL mechanism -> what Kafka refuses, and what to do.
_REFUSED = {
    "OAUTHBEARER": (
        f"our token: see that it believes the issuer at {PREFIX}KAFKA_OAUTH_TOKEN_URL, and that the token is meant for "
        f"it ({PREFIX}KAFKA_OAUTH_SCOPE)"
    ),
    "AWS_MSK_IAM": f"our token: see that the AWS credentials found here may connect, and {PREFIX}KAFKA_AWS_REGION",
    "GSSAPI": f"our Kerberos ticket: see `klist`, and {PREFIX}KAFKA_KERBEROS_SERVICE",
}
_BEARER = ("OAUTHBEARER", "AWS_MSK_IAM")
#: Seconds for the one attempt that shows the reason.
ATTEMPT_SECONDS_MAX = 5.0


async def _is_taken(connection: AIOKafkaConnection) -> bool:
    """Return whether the broker answers on a connection; to one that it refuses it says that it knows no broker."""
    try:
        return bool((await connection.send(MetadataRequest([]))).brokers)
    except KafkaError:
        return False


def why_not(settings: Settings, error: BaseException) -> str:
    """As ``reason``, for a caller without an event loop."""
    return asyncio.run(reason(settings, error))


async def reason(settings: Settings, error: BaseException) -> str:
    """Try once, with one server, and say in a sentence what is in the way.

    Args:
        settings: as they were tried.
        error: how it ended, for when one more attempt shows no reason.
    """
    options = aiokafka_options(settings)
    where = options.pop("bootstrap_servers")[0]
    host, _, port = where.rpartition(":")
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
            connection = await create_conn(host.strip("[]"), int(port), **options)
            try:
                # A broker that refuses a token lets aiokafka believe that it took it.
                if settings.kafka_sasl_mechanism in _BEARER and not await _is_taken(connection):
                    raise SaslAuthenticationFailed
            finally:
                connection.close()
    except ssl.SSLCertVerificationError:
        return (
            f"Kafka at {where} shows a certificate that is not believed: "
            f"name the CA that vouches for it, and for its name, in {PREFIX}KAFKA_CA_FILE."
        )
    except ssl.SSLError:
        return (
            f"Kafka at {where} and we do not come together over TLS: see that it speaks TLS there, "
            f"and that it believes {PREFIX}KAFKA_CERT_FILE where it asks for a certificate."
        )
    except (NoToken, SaslAuthenticationFailed, UnsupportedSaslMechanismError) as refused:
        return _unknown(settings, where, refused)
    except (KafkaError, OSError, TimeoutError):
        pass
    return _as_it_ended(settings, error)


def _unknown(settings: Settings, where: str, refused: Exception) -> str:
    """Return why Kafka does not take us for who we are."""
    if isinstance(refused, NoToken):
        return str(refused)
    if isinstance(refused, UnsupportedSaslMechanismError):
        return f"Kafka at {where} does not know {settings.kafka_sasl_mechanism}: check {PREFIX}KAFKA_SASL_MECHANISM."
    return f"Kafka at {where} refuses {_REFUSED.get(settings.kafka_sasl_mechanism, _PASSWORD)}."


def _as_it_ended(settings: Settings, error: BaseException) -> str:
    if isinstance(error, (BrokerResponseError, AdministrationResponseError)):
        return f"Kafka at {settings.kafka} refuses what it was asked: {why(error)}."
    return (
        f"Kafka does not answer at {settings.kafka} ({why(error)}): "
        f"see that it runs, and that {PREFIX}KAFKA and {PREFIX}KAFKA_SECURITY are right."
    )
