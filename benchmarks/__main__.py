"""``python -m benchmarks --table job``: one table of docs/performance.md, or all of them; ``--quick`` for daily use."""

import argparse
import sys

from benchmarks import adapt, backlog, growth, job, latency, quick, stages, workers

TABLES = {
    "job": job.measure,
    "stages": stages.measure,
    "latency": latency.measure,
    "growth": growth.measure,
    "workers": workers.measure,
    "backlog": backlog.measure,
    "adapt": adapt.measure,
}


def main() -> int:
    """Measure what is asked for; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--table", choices=[*TABLES, "all"], default="all", help="which table")
    parser.add_argument("--accesses", type=int, default=200_000, help="accesses that are measured")
    parser.add_argument("--staff", type=int, default=8_044, help="staff records")
    parser.add_argument("--clients", type=int, default=120_000, help="client records; the ministry has 1,200,000")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--quick", action="store_true", help="compare with the ratio that is kept, in two minutes")
    parser.add_argument("--keep", action="store_true", help="with --quick: keep this ratio from now on")
    given = parser.parse_args()
    if given.quick:
        return quick.measure(keep=given.keep)
    for name, measure in TABLES.items():
        if given.table in {name, "all"}:
            command = (
                f'make bench ARGS="--table {name} --accesses {given.accesses} --staff {given.staff} '
                f'--clients {given.clients} --rounds {given.rounds}"'
            )
            measure(
                command,
                accesses=given.accesses,
                staff=given.staff,
                clients=given.clients,
                rounds=given.rounds,
                write=given.write,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
