"""Our worker with batches of another size: ``python -m benchmarks.sized_worker 500``."""

import sys

from console.main import main
from stream import consumer, merge

if __name__ == "__main__":
    consumer.BATCH_RECORDS_MAX = merge.RECORDS_AT_ONCE_MAX = int(sys.argv.pop(1))
    sys.argv[1:] = ["worker", "--agents", "screen"]
    main()
