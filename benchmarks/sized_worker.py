"""Our worker with batches of another size: ``python -m benchmarks.sized_worker 500``."""

import sys

from stream import faust_app
from stream.console import main

if __name__ == "__main__":
    faust_app.BATCH_RECORDS_MAX = int(sys.argv.pop(1))
    sys.argv[1:] = ["worker", "--agents", "screen"]
    main()
