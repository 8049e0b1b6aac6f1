"""Our worker with batches of another size: ``python -m benchmarks.sized_worker 500``."""

import sys

from stream import faust_app, in_order
from stream.console import main

if __name__ == "__main__":
    faust_app.BATCH_RECORDS_MAX = in_order.RECORDS_AT_ONCE_MAX = int(sys.argv.pop(1))
    sys.argv[1:] = ["worker", "--agents", "screen"]
    main()
