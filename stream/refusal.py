"""Why Kafka cannot be talked to: its clients try again in silence and say in the end that nobody answered."""

import asyncio
import ssl

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from stream.connections import aiokafka_options
from stream.settings import PREFIX, Settings

#: Seconds for the one attempt that shows the reason.
ATTEMPT_SECONDS_MAX = 5.0


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
    except SaslAuthenticationFailed:
        return (
            f"Kafka at {where} refuses our user name or password: "
            f"check {PREFIX}KAFKA_USERNAME and {PREFIX}KAFKA_PASSWORD."
        )
    except UnsupportedSaslMechanismError:
        return f"Kafka at {where} does not know {settings.kafka_sasl_mechanism}: check {PREFIX}KAFKA_SASL_MECHANISM."
    except (KafkaError, OSError, TimeoutError):
        pass
    return (
        f"Kafka does not answer at {settings.kafka} ({type(error).__name__}): "
        f"see that it runs, and that {PREFIX}KAFKA and {PREFIX}KAFKA_SECURITY are right."
    )
