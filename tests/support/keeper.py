"""A parent to be killed: starts Kafka and Valkey in the directory given, says their pids, and waits.

Run as ``python -m tests.support.keeper DIRECTORY``.
"""

import sys
import time
from pathlib import Path

from stream.embedded.kafka import start_kafka
from stream.embedded.valkey import start_valkey


def main() -> None:
    """Write both pids on one line and sleep until somebody ends it."""
    directory = Path(sys.argv[1])
    servers = [start_valkey(directory / "valkey", guarded=True), start_kafka(directory / "kafka", guarded=True)]
    sys.stdout.write(" ".join(str(server.program.pid) for server in servers) + "\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main()
