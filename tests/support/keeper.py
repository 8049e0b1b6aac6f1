"""A parent to be killed: starts Kafka and Valkey in the directory given, says their pids, and waits.

Run as ``python -m tests.support.keeper DIRECTORY``.
"""

import signal
import sys
import time
from pathlib import Path

from sandbox.kafka import start_kafka
from sandbox.valkey import start_valkey


def main() -> None:
    """Write both pids on one line and sleep until somebody ends it."""
    # A test run that was started in the background would have it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = Path(sys.argv[1])
    servers = [start_valkey(directory / "valkey", guarded=True), start_kafka(directory / "kafka", guarded=True)]
    sys.stdout.write(" ".join(str(server.program.pid) for server in servers) + "\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main()
