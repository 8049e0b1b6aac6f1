"""Whether the worker in this container answers 200 at a path: exit 0 or 1. Needs nothing but Python itself."""

import http.client
import os
import sys

ANSWER_SECONDS_MAX = 4.0

if __name__ == "__main__":
    port = int(os.environ.get("ACCESSWATCH_HTTP", "127.0.0.1:9108").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", sys.argv[1])
        sys.exit(connection.getresponse().status != http.client.OK)
    except OSError:
        sys.exit(1)
