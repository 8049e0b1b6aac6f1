"""Why Kafka, Redis, a web server or a mail server could not be used: the errors of their clients, for ``why``."""

import ssl
from typing import Any, Final

import aiohttp
import aiosmtplib
from aiokafka.errors import KafkaError
from kafka.errors import KafkaError as AdministrationError
from redis.exceptions import RedisError

from enrichment.errors import cause_of, place_of, register, their_words, why
from enrichment.reference.redis_errors import why as why_redis

__all__ = ["why"]

#: Kafka's own name of an error, and what it means here; the others are named as they are.
_KAFKA: Final = {
    "TOPIC_AUTHORIZATION_FAILED": "our user lacks a right on the topic: `accesswatch topics rights` lists them",
    "GROUP_AUTHORIZATION_FAILED": "our user lacks a right on the group: `accesswatch topics rights` lists them",
    "CLUSTER_AUTHORIZATION_FAILED": "our user lacks a right on the cluster: `accesswatch topics rights` lists them",
    "INVALID_TIMESTAMP": "the records' timestamps are too far from its clock: set the clock of this machine, or of it",
    "NOT_ENOUGH_REPLICAS": "too few copies of the topic are in step (min.insync.replicas): see to its brokers",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few copies of the topic are in step: see to its brokers",
    "UNKNOWN_TOPIC_OR_PARTITION": "the topic does not exist: `accesswatch topics create` makes it",
    "MESSAGE_SIZE_TOO_LARGE": "a batch is larger than the topic takes: raise its max.message.bytes",
    "RECORD_LIST_TOO_LARGE": "a batch is larger than the topic's segments",
    "KAFKA_STORAGE_ERROR": "its disk has failed: see to its brokers",
    "REQUEST_TIMED_OUT": "it did not answer in time",
    "UNSUPPORTED_COMPRESSION_TYPE": "it does not know the compression",
    "SASL_AUTHENTICATION_FAILED": "it refuses our user name or password",
    "UNSUPPORTED_SASL_MECHANISM": "it does not know the SASL mechanism: check ACCESSWATCH_KAFKA_SASL_MECHANISM",
    "FENCED_INSTANCE_ID": "another worker has our name in the group: ACCESSWATCH_INSTANCE_ID must be each one's own",
}
#: Errors of its clients' own, by what their names begin with.
_KAFKA_CLIENT: Final = {
    "KafkaConnection": "the connection broke off, or cannot be made",
    "NodeNotReady": "a broker is not ready",
    "NoBrokersAvailable": "none of its brokers answers",
    "KafkaUnavailable": "none of its brokers answers",
    "KafkaTimeout": "it did not answer in time",
    "StaleMetadata": "it is choosing a leader",
    "MetadataEmptyBrokerList": "it names no brokers",
    "CommitFailed": "the partitions have moved to another worker",
    "UnsupportedCodec": "a batch is compressed in a way that is not installed",
    "AuthenticationFailed": "it refuses our user name or password",
    "AuthenticationMethodNotSupported": "it does not know the SASL mechanism",
    "ProducerClosed": "our producer is closed",
    "ProducerFenced": "another producer has our name",
}

#: The beginning of a sentence of aiosmtplib's own, and what it means here.
_SMTP: Final = {
    "SMTP STARTTLS extension not supported": (
        "it offers no STARTTLS, which `security: starttls` needs; use `tls` where it is encrypted from the start"
    ),
    "The SMTP AUTH extension is not supported": "it offers no login (AUTH), and the channel has a username",
    "No suitable authentication method": "it offers no way to log in that we know",
    "SMTPUTF8 is not supported": "it takes no addresses outside ASCII (SMTPUTF8)",
}
_NO_ANSWER: Final = "it ended the connection without an answer"


def _of_kafka(error: Any) -> str:
    code = getattr(error, "message", None)
    if isinstance(getattr(error, "errno", None), int) and isinstance(code, str):
        known = _KAFKA.get(code)
        return f"it says {code}: {known}" if known else f"it says {code}"
    cause = cause_of(error, ssl.SSLError) or cause_of(error, OSError)
    if cause is not None:
        return why(cause)
    name = place_of(error).partition(" ")[0]
    known = next((meaning for start, meaning in _KAFKA_CLIENT.items() if name.startswith(start)), None)
    return known or f"an error of its client ({place_of(error)})"


register(KafkaError, _of_kafka)
# kafka-python's are named alike.
register(AdministrationError, _of_kafka)


register(RedisError)(why_redis)


# The web


@register
def _(error: aiohttp.ClientError) -> str:
    # Some are errors of the system too; what they followed from is one for sure.
    cause = None if error.__cause__ is None else cause_of(error.__cause__, OSError)
    return _NO_ANSWER if cause is None or isinstance(cause, aiohttp.ClientError) else why(cause)


@register
def _(error: aiohttp.ClientOSError) -> str:
    return _NO_ANSWER if error.errno is None else why(OSError(error.errno, error.strerror))


@register(aiohttp.ServerTimeoutError)
def _(_error: aiohttp.ClientError) -> str:
    return "it did not answer in time"


@register
def _(_error: aiohttp.ServerDisconnectedError) -> str:
    return _NO_ANSWER


@register
def _(error: aiohttp.ClientConnectorError) -> str:
    return f"{error.host}:{error.port} cannot be reached: {why(error.os_error)}"


@register
def _(error: aiohttp.ClientConnectorCertificateError) -> str:
    return f"{error.host}:{error.port}: {why(error.certificate_error)}"


@register
def _(error: aiohttp.ClientProxyConnectionError) -> str:
    return f"the proxy {error.host}:{error.port} cannot be reached: {why(error.os_error)}"


@register
def _(_error: aiohttp.InvalidURL) -> str:
    return "its address is no URL"


@register
def _(error: aiohttp.ClientResponseError) -> str:
    return f"HTTP {error.status}: {their_words(error.message) or 'without a word'}"


@register
def _(error: aiohttp.ClientHttpProxyError) -> str:
    said = their_words(error.message)
    match error.status:
        case 407:
            return "the proxy asks for a user name and a password, or refuses ours (HTTP 407)"
        case 403:
            return f"the proxy does not let us through to it (HTTP 403{f': {said}' if said else ''})"
    return f"the proxy cannot connect us (HTTP {error.status}{f': {said}' if said else ''})"


# Mail


@register
def _(error: aiosmtplib.SMTPException) -> str:
    known = next((meaning for start, meaning in _SMTP.items() if error.message.startswith(start)), None)
    return known or their_words(error.message)


@register
def _(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code}: {their_words(error.message) or 'without a word'}"


@register
def _(error: aiosmtplib.SMTPRecipientsRefused) -> str:
    said = dict.fromkeys(why(refused) for refused in error.recipients)
    return "; ".join(said)


@register
def _(_error: aiosmtplib.SMTPTimeoutError) -> str:
    return "it did not answer in time"


@register
def _(_error: aiosmtplib.SMTPServerDisconnected) -> str:
    return _NO_ANSWER


@register
def _(error: aiosmtplib.SMTPConnectError) -> str:
    # The error itself is one of the system's too, without anything that it said.
    cause = None if error.__cause__ is None else cause_of(error.__cause__, OSError)
    return "the connection cannot be made" if cause is None else why(cause)
