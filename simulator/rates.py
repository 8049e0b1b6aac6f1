"""Every rate of the simulated agency: its value, what it means, and its source, or that it is assumed.

``docs/benchmark.md`` prints this table. Whoever knows better changes one line here and runs ``make benchmark`` again.
"""

from typing import Self

ASSUMED = "assumption"
_MSD = "published figures of the ministry"
_BRIEF = "the benchmark's own specification"
_NORDIC = "a quarter of what a Nordic welfare agency found in two months (12 %, 11 %, 11 % of staff)"


class Rate(float):
    """A number that knows what it means and where it comes from."""

    meaning: str
    source: str

    def __new__(cls, value: float, meaning: str, source: str = ASSUMED) -> Self:
        """Keep the words beside the number."""
        rate = super().__new__(cls, value)
        rate.meaning, rate.source = meaning, source
        return rate


class Pair:
    """A rate of the ordinary world, and of the one that is made hard."""

    def __init__(self, fair: float, hard: float, meaning: str, source: str = ASSUMED) -> None:
        self.fair = Rate(fair, meaning, source)
        self.hard = Rate(hard, f"... in the hard world ({meaning})", source)

    def of(self, *, hard: bool) -> Rate:
        """Return the one that holds."""
        return self.hard if hard else self.fair


# The agency.
CLIENTS_PER_STAFF = Rate(149, "client records for each staff member (1.2 million for 8,044)", _MSD)
CASES_PER_CLIENT = Rate(1 / 3, "open cases for each client record")
EMPLOYEES = Rate(0.93, "of the staff who are no service account: employees")
CONTRACTORS = Rate(0.05, "... contractors; the rest work for third parties")
CONTRACTORS_WITH_SCOPE = Rate(0.5, "contractors whose contract names its sites; third parties' always does")
PART_TIME = Rate(0.22, "staff who work five hours a day")
ON_LEAVE = Rate(0.06, "staff on leave on a working day")
TURNOVER = Rate(0.15, "staff who leave, and who join, in a year")
SATURDAY_STAFF = Rate(0.25, "of the contact centre: who works on a Saturday, for half a day")

# The people.
MOVES = Rate(0.18, "households that move in a year")
IN_MOTEL = Rate(0.02, "households in a motel, hostel or prison that dozens share as an address")
CLOSED = Rate(0.07, "client records that are closed")
DECEASED = Rate(0.01, "client records of people who have died")
RESTRICTED = Rate(0.002, "client records that are restricted")
HAS_PARENTS_ON_RECORD = Rate(0.3, "households whose first adult has a parent among the clients")
KIN_RECORDED = Rate(0.4, "of those family ties: how many the client system holds")

# Ordinary work.
UNRECORDED = Pair(0.02, 0.04, "pieces of ordinary work that leave no work item, ever", _BRIEF + " (2 to 4 %)")
ITEM_AFTER_VIEW = Pair(
    0.5,
    0.7,
    "calls and walk-ins whose work item is published only after the first view",
    _BRIEF + " (half of the calls)",
)
ITEM_MINUTES = Rate(20, "minutes after the first view within which it then is", _BRIEF)
WALK_IN = Pair(0.06, 0.12, "pieces of a case manager's work for somebody who walks in")
HUDDLE = Pair(0.01, 0.02, "pieces of case work in which a colleague beside opens the record too, to help")
RELATED_PARTY = Pair(0.04, 0.08, "pieces of case work in which the record of somebody of the household is opened too")
REOPENED = Pair(0.003, 0.006, "pieces of case work on a case that was closed days ago and has no new item yet")
COVERING = Rate(0.05, "pieces of case work done for a colleague")
COVER_ITEM_OPEN = Rate(0.9, "of those: the colleague's work item is open in the system")
WRONG_CLIENT = Pair(0.003, 0.006, "openings that hit the wrong client")
WRONG_NAMESAKE = Rate(0.3, "of those: somebody of the same household, where there is one")
WRONG_NEAR = Rate(0.5, "of those: somebody of the same site")
WRONG_SECONDS = Rate(25, "seconds after 4 until the right record is opened, on average (exponential)")
WRONG_LOOKS_FURTHER = Rate(0.15, "of those: a second screen is opened before it is noticed")
MISTAKE_REPORTED = Rate(0.3, "of those: reported to the manager and the Privacy Officer")
SEARCH_OPENS = Rate(0.85, "searches before a record that name the client whose record they opened")
STAYS_LATE = Rate(0.05, "days on which somebody works half an hour to two and a half hours longer")
BATCH_CORRECTION = Pair(0.05, 0.10, "steps of service accounts that correct a record for no work item")
SEARCH_FIRST = Rate(0.5, "pieces of case work that begin with a search; calls always do")
BENEFIT_DAY_SURGE = Rate(1.3, "how much busier the contact centre is on a benefit day (Tuesday)")

# What is known late, or wrong.
WORK_LATE = Rate(0.01, "new work items that become known one to six hours after they were opened")
WRONG_CONFIDENCE = Rate(0.02, "recorded relationships whose confidence is 0.3 and should be higher")
ADDRESS_STALE_DAYS = Rate(14, "days until a move is on record, at most")
STALE_SCOPE = Pair(0.05, 0.10, "contracts that name the sites of before: the record follows when it is renewed")
HR_LATE = Rate(0.1, "leavers whose account and record stay open after they left")
LEAVE_CANCELLED = Rate(0.004, "days of recorded leave on which the person works after all")
NEWS_LATE_HOURS = Rate(6, "hours until a story is on the watchlist, at most")

# How staff and clients are close: ties for each staff member, and how many of them the reference data know.
TIES = {
    "self": (Rate(0.10, "staff who have a client record of their own"), Rate(0.9, "... linked to the staff record")),
    "partner": (Rate(0.05, "partners who are clients"), Rate(0.6, "... declared or on record")),
    "parent": (Rate(0.15, "parents"), Rate(0.5, "... declared or on record")),
    "child": (Rate(0.08, "children"), Rate(0.6, "... declared or on record")),
    "sibling": (Rate(0.20, "siblings"), Rate(0.5, "... declared or on record")),
    "grandparent": (Rate(0.10, "grandparents"), Rate(0.4, "... declared or on record")),
    "whanau": (Rate(0.25, "whānau beyond these"), Rate(0.4, "... declared or on record")),
    "former partner": (Rate(0.06, "former partners"), Rate(0.4, "... declared or on record")),
    "partner's ex": (Rate(0.06, "former partners of one's partner"), Rate(0.3, "... declared or on record")),
    "friend": (Rate(0.30, "friends"), Rate(0.3, "... declared or on record")),
    "friend's friend": (Rate(0.20, "friends of friends one knows of"), Rate(0.2, "... both friendships on record")),
    "club": (Rate(0.15, "people of the same club"), Rate(0.25, "... declared or on record")),
    "business": (Rate(0.04, "partners in a business of one's own"), Rate(0.6, "... in the register of interests")),
    "neighbour": (Rate(0.20, "neighbours one knows"), Rate(0.15, "... declared")),
}

# What undeclared ties leave behind all the same.
KIN_TRACE = Rate(0.5, "undeclared kin who are recorded as kin of somebody the actor has declared")
PHONE_TRACE = Rate(0.10, "other undeclared ties whose phone number stands in the staff record")

# How people look who should not.
AFTER_HOURS = Rate(0.12, "looks after the working day has ended")
SATURDAY_INTENTS = Rate(0.2, "how often on a Saturday, beside a working day")
MAKES_AN_ITEM = Pair(0.0, 0.10, "looks before which the actor makes a work item of their own")
STOPS_AT_FIRST_SCREEN = Rate(0.25, "looks that end on the first screen")

# The ways people look who should not: episodes for 1,000 staff and working day.
INTENTS = {
    "self": Rate(0.75, "opens the own record", _NORDIC),
    "colleague": Rate(0.70, "opens a colleague's record", _NORDIC),
    "close family": Rate(0.45, "opens a partner's, parent's or child's record", _NORDIC + ", with the next three"),
    "sibling's new flat": Rate(0.12, "looks where a sibling lives now"),
    "grandparent's file": Rate(0.06, "opens a grandparent's file"),
    "whānau": Rate(0.06, "opens the file of whānau beyond the household"),
    "partner's ex": Rate(0.05, "looks up the former partner of one's partner"),
    "former partner": Rate(0.10, "looks up one's own former partner"),
    "keeps watch": Rate(0.03, "opens the record of somebody close every one to two weeks, for up to 90 days"),
    "friend": Rate(0.12, "opens a friend's record"),
    "friend's friend": Rate(0.06, "opens the record of a friend's friend"),
    "player of the club": Rate(0.06, "opens the record of somebody of one's club"),
    "own business": Rate(0.03, "opens the record of somebody one does business with"),
    "neighbour": Rate(0.08, "opens a neighbour's record"),
    "favour": Rate(0.05, "a colleague of somebody does the looking for them"),
    "face in the news": Rate(0.04, "three to nine people look at a face in the news, around the story"),
    "slow collection": Rate(0.03, "one address a day, under every limit"),
    "collection": Rate(0.03, "addresses of many in a day or an hour"),
    "first letters": Rate(0.03, "names browsed by first letter"),
    "mass print": Rate(0.03, "prints or exports before resigning"),
    "shared password": Rate(0.05, "somebody works under another's account"),
    "outside the contract": Rate(0.04, "a contractor or third party opens what the contract does not cover"),
    "account of a leaver": Rate(0.02, "an account is used after its owner left"),
    "restricted file": Rate(0.05, "curiosity about a restricted record"),
    "files of the dead": Rate(0.02, "closed and deceased clients' records gone through"),
    "service account at a desk": Rate(0.01, "a person acts through a service account"),
    "account of nobody": Rate(0.01, "an account that no staff record holds"),
}

#: Each look-alike, for 1,000 staff and working day.
LOOK_ALIKE = Rate(0.3, "innocent look-alikes of each kind")


def table() -> list[tuple[str, Rate]]:
    """Return every rate with its name, in the order of this file."""
    found: list[tuple[str, Rate]] = []
    for name, value in globals().items():
        if isinstance(value, Rate):
            found.append((name.lower().replace("_", " "), value))
        elif isinstance(value, Pair):
            found += [(name.lower().replace("_", " "), rate) for rate in (value.fair, value.hard)]
        elif name == "TIES":
            found += [(f"tie: {kind}", rate) for kind, pair in TIES.items() for rate in pair]
        elif name == "INTENTS":
            found += [(f"intent: {kind}", rate) for kind, rate in INTENTS.items()]
    return found
