"""The metrics' manual: each metric's name, type, labels, meaning, and what a rise means, as Markdown.

``python -m agents.metrics_manual`` prints it; ``make docs`` writes it to ``docs/metrics.md``.
"""

import sys
from collections.abc import Iterable, Iterator

from agents.metric_forms import Described
from agents.metrics import LABELS, Metrics
from agents.service_metrics import ServiceMetrics

_TITLE = """# The metrics

What a worker shows at `/metrics`. This page is made from the metrics themselves (`make docs`): do not edit it. No label
ever carries a staff, client or alert id. Counters begin at 0 with each process. *Over all workers* means that every
worker shows the same figure: take `max`, never `sum`. Beside these stand Prometheus' own `process_*` metrics.
"""


def manual() -> str:
    """Write the whole manual."""
    service = {one.name for one in ServiceMetrics().forms.described}
    described = Metrics().forms.described
    lines = [_TITLE, "## What came of accesses\n", *_table(one for one in described if one.name not in service)]
    lines += ["", "## The service\n", *_table(one for one in described if one.name in service)]
    lines += ["", "## Labels\n", "| label | values |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {bound} |" for name, bound in LABELS.items())]) + "\n"


def _table(described: Iterable[Described]) -> Iterator[str]:
    yield "| name | type | labels | what it says | a rise means |"
    yield "|---|---|---|---|---|"
    for one in described:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.type} | {labels} | {one.meaning} | {one.rise} |"


if __name__ == "__main__":
    sys.stdout.write(manual())
