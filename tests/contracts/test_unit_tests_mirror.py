"""A module's unit tests are found by its name: those of ``stream/merge.py`` in ``tests/unit/stream/test_merge.py``."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
TESTS = sorted(UNIT.rglob("test_*.py"))


def subject_of(test: Path) -> Path | None:
    """Return the module or package that a test module is about: named as it is, or as it begins."""
    room = ROOT / test.parent.relative_to(UNIT)
    words = test.stem.removeprefix("test_").split("_")
    for count in range(len(words), 0, -1):
        name = "_".join(words[:count])
        for found in (room / f"{name}.py", room / name):
            if found.exists():
                return found
    return None


@pytest.mark.parametrize("test", TESTS, ids=lambda test: str(test.relative_to(UNIT)))
def test_a_unit_test_stands_where_its_module_does(test: Path) -> None:
    """``test_<module>.py``, or ``test_<module>_<what of it>.py``."""
    assert subject_of(test) is not None


def test_a_test_of_nothing_is_seen() -> None:
    """Else the test above could not fail."""
    assert subject_of(UNIT / "alerts" / "test_nothing_of_ours.py") is None
