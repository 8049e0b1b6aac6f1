"""The long suite: ``python -m tests.faults [--seeds N] [--seed N] [--only KIND] [--write]``."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import kinds
from tests.faults.run import Report, run
from tests.faults.scene import Plan
from tests.faults.stand import Stand, a_stand
from tests.faults.table import table, write


def main() -> int:
    """Run the seeds, print the table, and say by the exit code whether all passed."""
    asked = _arguments()
    # A suite that is told to end clears away: workers, brokers and the small disk.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logs = asked.keep / f"{datetime.now(UTC):%H%M%S}-{os.getpid()}"
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.first, asked.first + asked.seeds))
    reports: list[Report] = []
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accesswatch-faults-")))
        stands: dict[int, Stand] = {}
        for seed in seeds:
            count = kinds.brokers(seed, asked.only)
            if count not in stands:
                stands[count] = stack.enter_context(a_stand(root / f"stand-{count}", count))
            rounds = [[kinds.FAULTS[asked.only]]] if asked.only else kinds.draw(seed, count)
            plan = Plan(seed, named=seed % 4 < 2)
            sys.stdout.write(
                f"logs in {logs}; seed {seed}: {' | '.join('+'.join(f.kind for f in faults) for faults in rounds)}\n"
            )
            sys.stdout.flush()
            report = asyncio.run(run(plan, stands[count], logs / f"seed-{seed}", rounds, quick=asked.quick))
            reports.append(report)
            sys.stdout.write(report.text() + "\n")
            sys.stdout.flush()
    sys.stdout.write("\n" + table(reports) + "\n")
    if asked.write:
        write(reports, " ".join(sys.argv[1:]))
    return 0 if reports and all(report.passed for report in reports) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--only", choices=sorted(kinds.FAULTS), help="this kind of fault alone")
    parser.add_argument("--quick", action="store_true", help="hold faults as short as the slice does")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path(tempfile.gettempdir()) / "accesswatch-faults",
        help="where the workers' logs are kept",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
