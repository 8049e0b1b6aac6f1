"""Hiding small numbers, and what somebody can work out of what is left, in one release and in several."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.disclosure_audit import audit, intervals
from cases.published import SMALL, Equation, Numbers, Published, small
from cases.rounding import rounded
from cases.suppression import CannotSuppress, suppress


def a_table(rows: Sequence[Sequence[int]], name: str = "two") -> Numbers:
    """A table with the totals of its rows, of its columns and of all."""
    values: dict[str, int] = {}
    equations = []
    columns = range(len(rows[0]))
    for r, row in enumerate(rows):
        values |= {f"{name}|{r}|{c}": value for c, value in enumerate(row)} | {f"{name}|{r}": sum(row)}
        equations.append(Equation(f"{name}|{r}", tuple(f"{name}|{r}|{c}" for c in columns)))
    for c in columns:
        values[f"quarter|{c}"] = sum(row[c] for row in rows)
        equations.append(Equation(f"quarter|{c}", tuple(f"{name}|{r}|{c}" for r in range(len(rows)))))
    values["all"] = sum(map(sum, rows))
    equations.append(Equation("all", tuple(f"{name}|{r}" for r in range(len(rows)))))
    equations.append(Equation("all", tuple(f"quarter|{c}" for c in columns)))
    return Numbers(values, tuple(equations))


def linked(first: Numbers, second: Numbers) -> Numbers:
    """Two tables that have the same totals."""
    assert all(second.values[key] == value for key, value in first.values.items() if key in second.values)
    return Numbers({**first.values, **second.values}, (*first.equations, *second.equations))


def by_hand(release: Published, highest: int) -> dict[str, tuple[int, int]]:
    """The interval of each hidden number, by trying every possibility up to *highest*."""
    hidden = sorted(release.hidden)
    found: dict[str, set[int]] = {key: set() for key in hidden}

    def try_all(values: dict[str, int], left: list[str]) -> None:
        if left:
            for value in range(1, highest + 1):
                try_all({**values, left[0]: value}, left[1:])
        elif not list(Numbers(values, release.equations).wrong()):
            for key in hidden:
                found[key].add(values[key])

    try_all(dict(release.shown), hidden)
    return {key: (min(values), max(values)) for key, values in found.items()}


def test_nothing_small_hides_nothing() -> None:
    """Zeros are shown, and so are numbers from 6."""
    assert suppress(a_table([[6, 0, 20], [0, 9, 7]])) == frozenset()


def test_one_small_number_takes_three_others() -> None:
    """A small cell alone is a subtraction; the smallest set that hides it is a rectangle."""
    numbers = a_table([[3, 20, 30], [40, 50, 60], [70, 80, 90]])
    hidden = suppress(numbers)
    assert "two|0|0" in hidden
    assert len(hidden) == 4
    assert audit(Published.of("r", numbers, hidden)) == []


def test_small_numbers_alone_are_found_by_the_audit() -> None:
    """Primary suppression is not enough: the audit names the cell, without knowing how it was chosen."""
    numbers = a_table([[3, 20], [40, 50]])
    (finding,) = audit(Published.of("r", numbers, small(numbers)))
    assert finding.key == "two|0|0"
    assert "can be worked out exactly" in finding.sentence


def test_two_ones_beside_each_other_are_still_narrow() -> None:
    """1 + 1 = 2 leaves one value each: more must be hidden."""
    numbers = a_table([[1, 1, 30], [10, 20, 30]])
    half = frozenset({"two|0|0", "two|0|1", "two|1|0", "two|1|1"})
    assert audit(Published.of("r", numbers, half))
    assert audit(Published.of("r", numbers, suppress(numbers))) == []


def test_both_tables_together() -> None:
    """A cell that one table hides is not given away by the other, which has the same totals."""
    numbers = linked(a_table([[3, 20], [9, 12]], "two"), a_table([[12, 0], [0, 32]], "three"))
    hidden = suppress(numbers)
    assert audit(Published.of("r", numbers, hidden)) == []
    alone = suppress(a_table([[3, 20], [9, 12]], "two"))
    assert small(numbers) <= hidden
    assert alone


def test_nothing_is_left() -> None:
    """Where every number is small, every number that is not 0 is hidden, totals too."""
    numbers = a_table([[1, 0], [0, 2]])
    assert suppress(numbers) == {key for key, value in numbers.values.items() if value}


def test_what_cannot_be_hidden() -> None:
    """A small number whose partners are all known is refused, in a sentence."""
    numbers = a_table([[3, 20], [40, 50]])
    with pytest.raises(CannotSuppress, match="cannot be hidden"):
        suppress(numbers, known=[key for key in numbers.values if key != "two|0|0"])


def test_intervals_are_those_of_trying_everything() -> None:
    """The audit's numbers, beside every possibility counted out."""
    numbers = a_table([[3, 4], [5, 7]])
    release = Published.of("r", numbers, frozenset({"two|0|0", "two|0|1", "two|1|0", "two|1|1"}))
    found = {one.key: (one.low, one.high) for one in intervals([release])}
    assert found == by_hand(release, 12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 15), min_size=3, max_size=3), min_size=2, max_size=5))
def test_whatever_is_hidden_stays_hidden(rows: list[list[int]]) -> None:
    """Any table: small numbers are hidden, zeros never, and the audit finds nothing."""
    numbers = a_table(rows)
    assert list(numbers.wrong()) == []
    hidden = suppress(numbers)
    assert small(numbers) <= hidden
    assert all(numbers.values[key] > 0 for key in hidden)
    assert audit(Published.of("r", numbers, hidden)) == []


def test_a_republished_quarter_with_one_case_more() -> None:
    """Each release alone is safe; together they tell of one case."""
    before, after = a_table([[10, 20], [30, 40]]), a_table([[11, 20], [30, 40]])
    first = Published.of("first", before, suppress(before))
    second = Published.of("second", after, suppress(after))
    assert audit(first) == []
    assert audit(second) == []
    assert {finding.key for finding in audit(second, [first])} == {"two|0|0", "two|0", "quarter|0", "all"}


def test_another_pattern_gives_the_first_away() -> None:
    """What one release hides beside a small number, another shows: then the small number is known."""
    numbers = a_table([[3, 20, 30], [40, 50, 60], [70, 80, 90]])
    first = Published.of("first", numbers, frozenset({"two|0|0", "two|0|1", "two|1|0", "two|1|1"}))
    second = Published.of("second", numbers, frozenset({"two|0|0", "two|0|2", "two|2|0", "two|2|2"}))
    assert audit(first) == []
    assert audit(second) == []
    assert "two|0|0" in {finding.key for finding in audit(second, [first])}


def test_the_same_release_again_is_safe() -> None:
    """Nothing new is told, and the choice keeps to what was hidden before."""
    numbers = a_table([[3, 20, 20], [40, 50, 50], [70, 80, 80]])
    hidden = suppress(numbers)
    first = Published.of("first", numbers, hidden)
    known = [key for key in numbers.values if key not in hidden]
    again = suppress(numbers, known=known, hidden_before=hidden)
    assert again == hidden
    assert audit(Published.of("second", numbers, again), [first]) == []


def test_a_cell_that_was_shown_cannot_be_hidden_any_more() -> None:
    """It is named."""
    numbers = a_table([[8, 20], [40, 50]])
    first = Published.of("first", numbers, frozenset())
    second = Published.of("second", numbers, frozenset({"two|0|0", "two|0|1", "two|1|0", "two|1|1"}))
    assert "two|0|0" in {finding.key for finding in audit(second, [first])}


def test_what_is_kept_is_read_again() -> None:
    """The register keeps all that the next audit needs."""
    numbers = a_table([[3, 20], [40, 50]])
    release = Published.of("r", numbers, suppress(numbers))
    assert Published.read(release.as_json()) == release


def test_the_solver_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for the answer alone."""
    numbers = a_table([[3, 20], [40, 50]])
    audit(Published.of("r", numbers, suppress(numbers)))
    assert capfd.readouterr() == ("", "")


# Rounding


def test_rounding_is_to_three_and_by_less_than_three() -> None:
    """A multiple stays; asking twice gives the same, another key another draw."""
    values = {f"cell-{number}": number for number in range(300)}
    found = rounded(values, b"key")
    assert all(found[name] % 3 == 0 and abs(found[name] - value) < 3 for name, value in values.items())
    assert all(found[name] == value for name, value in values.items() if value % 3 == 0)
    assert found == rounded(values, b"key")
    assert found != rounded(values, b"another")


def test_rounding_is_fair() -> None:
    """Two times in three to the nearer multiple: the mean of many draws is the number itself."""
    draws = rounded({f"cell-{number}": 4 for number in range(9_000)}, b"key").values()
    assert abs(sum(draws) / 9_000 - 4) < 0.05
    assert set(draws) == {3, 6}


def test_small_means_one_to_five() -> None:
    """The bound itself."""
    values = {str(value): value for value in range(8)}
    assert small(Numbers(values)) == {str(value) for value in SMALL} == {"1", "2", "3", "4", "5"}


def test_a_year_of_the_ministry() -> None:
    """Seven types, eight outcomes, twelve quarters, from invented cases: found, proven, both tables with one total."""
    draw = random.Random(7)  # noqa: S311 invented cases
    cases = [(draw.randrange(7), draw.randrange(8), draw.randrange(12)) for _ in range(300)]
    two = [[sum(c == (t, o, q) for c in cases for o in range(8)) for q in range(12)] for t in range(7)]
    three = [[sum(c == (t, o, q) for c in cases for t in range(7)) for q in range(12)] for o in range(8)]
    numbers = linked(a_table(two, "two"), a_table(three, "three"))
    assert audit(Published.of("r", numbers, suppress(numbers))) == []
