"""All kinds of faults, and how a seed draws from them."""

import random
from collections.abc import Sequence

from tests.faults import producer_faults, service_faults, store_faults, worker_faults
from tests.faults.fault import Fault

FAULTS: dict[str, Fault] = {
    fault.kind: fault
    for fault in (*worker_faults.FAULTS, *service_faults.FAULTS, *store_faults.FAULTS, *producer_faults.FAULTS)
}
#: Rounds of one fault, and of two at once, in a run of the long suite.
SINGLE_ROUNDS = 4
DOUBLE_ROUNDS = 1
#: One seed of so many begins with the first minutes of a new service.
OPENING_EVERY = 3


def brokers(seed: int, only: str | None) -> int:
    """Return on how many brokers a seed runs."""
    if only is not None:
        fault = FAULTS[only]
        return fault.brokers_min if fault.brokers_min == fault.brokers_max else (1, 3)[seed % 2]
    return (1, 3)[seed % 2]


def draw(seed: int, count: int) -> list[Sequence[Fault]]:
    """Draw the rounds of a seed: seeds that follow each other go through all kinds in turn."""
    fitting = sorted(
        kind for kind, fault in FAULTS.items() if fault.brokers_min <= count <= fault.brokers_max and not fault.opening
    )
    dice = random.Random(seed)  # noqa: S311 seeded on purpose
    # Every second seed has the same brokers: the kinds go on where the last of these stopped.
    first = (seed // 2) * SINGLE_ROUNDS
    singles = [FAULTS[fitting[(first + number) % len(fitting)]] for number in range(SINGLE_ROUNDS)]
    rounds: list[Sequence[Fault]] = [[fault] for fault in singles]
    for _ in range(DOUBLE_ROUNDS):
        one = FAULTS[dice.choice(fitting)]
        others = [kind for kind in fitting if FAULTS[kind].strikes != one.strikes]
        # Workers first: those that wait for others to be ready would wait for ever without Kafka or Redis.
        rounds.append(sorted([one, FAULTS[dice.choice(others)]], key=lambda fault: fault.strikes != "worker"))
    dice.shuffle(rounds)
    opening = [[fault] for fault in FAULTS.values() if fault.opening and seed % OPENING_EVERY == 0]
    return [*opening, *rounds]
