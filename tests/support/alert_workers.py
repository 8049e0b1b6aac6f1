"""A process that takes hits into a store, for the tests in which several do so at once, or one is killed."""

import random
import sys
from datetime import timedelta

from alerts.grouping import HitRecord
from alerts.store.database import StoreError
from alerts.store.store import Store
from tests.support.alert_builders import NOON, NOW, RULES, a_hit, an_answer

HITS = 240
_BATCH = 7
_TRIES_MAX = 20


def the_hits() -> list[HitRecord]:
    """The same hits every time: few alerts, so that processes meet in them."""
    rules = list(RULES)
    return [
        a_hit(
            f"e-{number}",
            [an_answer(rules[number % len(rules)])],
            staff=f"S-{number % 3}",
            client=f"C-{number % 2}",
            at=NOON + timedelta(seconds=number),
        )
        for number in range(HITS)
    ]


def take_all(url: str, seed: int) -> None:
    """Take all hits in small batches, in an order of this seed's own, and say after each how far it is."""
    hits = the_hits()
    random.Random(seed).shuffle(hits)  # noqa: S311 an order, no secret
    store = Store.open(url, RULES)
    for start in range(0, len(hits), _BATCH):
        _take(store, hits[start : start + _BATCH])
        print(start, flush=True)  # noqa: T201 the parent reads it
    store.close()


def _take(store: Store, batch: list[HitRecord]) -> None:
    """Take a batch as the agent does: a store that cannot be used now is tried again."""
    for _ in range(_TRIES_MAX):
        try:
            store.take_hits(batch, NOW)
        except StoreError:
            continue
        return
    raise AssertionError("the store could not be used")


if __name__ == "__main__":
    take_all(sys.argv[1], int(sys.argv[2]))
