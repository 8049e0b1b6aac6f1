"""Python's search for unused cycles, made rare: a batch makes tens of thousands of objects, and none of them a cycle.

By default it looks after every 700 objects more, and again and again through all that is kept in memory: a quarter of
the time of a busy worker. What is unused without being a cycle is given back at once, with or without it.
"""

import gc

#: Objects more than there were, after which the youngest are looked through: two batches make fewer.
YOUNG_OBJECTS_MAX = 100_000
#: Looks at the youngest to one at those that survived it, and so on to one at all.
LOOKS_PER_OLDER = 20


def collect_rarely() -> None:
    """Leave out what is there now, which stays for as long as the process does, and look rarely at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, LOOKS_PER_OLDER, LOOKS_PER_OLDER)
