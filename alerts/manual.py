"""The rules' manual: each rule's page, limits and clauses, and an example sentence, as Markdown.

``python -m alerts.manual`` prints it; ``make docs`` writes it to ``docs/rules.md``. The examples are judged by the
rules themselves, over the records in ``alerts/examples.py``.
"""

import re
import sys
from collections.abc import Iterator

from alerts.examples import example
from alerts.limits import LoadedLimits, load
from alerts.rules.catalogue import RULES, page
from alerts.rules.form import AnyRule

_TITLE = """# The rules

Each rule puts a question to Internal Integrity; none is a finding about a person. This page is made from the rules
themselves (`make docs`): do not edit it. Limits are the shipped ones of `deploy/limits.yaml`.
"""
_ABOUT = {
    "pair": "one alert for a staff member, a client and a New Zealand day",
    "actor": "one alert for a staff member and a New Zealand day",
}


def manual() -> str:
    """Write the whole manual."""
    limits = load()
    return "\n".join([_TITLE, *(line for rule in RULES.values() for line in _chapter(rule, limits))]) + "\n"


def paragraphs(rule: AnyRule) -> tuple[str, list[tuple[str, str]]]:
    """Give a rule's first sentence, and its headings with what stands behind each."""
    first, _, body = page(rule).strip().partition("\n\n")
    found = re.findall(r"^(Looks for|Cannot see|Innocent when|Then)\s+(.+)$", body, re.MULTILINE)
    return " ".join(first.split()), found


def tuned(rule: AnyRule, limits: LoadedLimits) -> dict[str, object]:
    """Give a rule's limits without its stage."""
    return limits.rules[rule.id].model_dump(exclude={"stage"})


def _chapter(rule: AnyRule, limits: LoadedLimits) -> Iterator[str]:
    first, found = paragraphs(rule)
    yield f"## {rule.id}\n"
    yield f"{first}\n"
    for heading, text in found:
        yield f"- **{heading}** {text}"
    said = ", ".join(f"`{name}` {value}" for name, value in tuned(rule, limits).items())
    yield f"- **Limits** {said or 'none but the stage'}"
    yield f"- **Alert** {_ABOUT[rule.about]}; clauses {', '.join(f'`{clause}`' for clause in rule.clauses)}"
    if rule.gives_way_to:
        yield f"- **Gives way** to a live hit of {', '.join(f'`{other}`' for other in rule.gives_way_to)}"
    yield f"\n> {example(rule.id)}\n"


if __name__ == "__main__":
    sys.stdout.write(manual())
