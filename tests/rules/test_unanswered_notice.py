"""unanswered-notice: no access raises it; a notice without an answer does (``tests/integration/test_settling.py``)."""

from alerts.detection.rules.unanswered_notice import RULE
from tests.support.cases import a_case, asked, in_a_word


def test_no_access_raises_it() -> None:
    """It stands in no assessment."""
    assert in_a_word(asked(RULE, a_case())) == "quiet"
