"""Whether the workers' own metrics say what the ledger says."""

from collections.abc import Iterator

from stream.topics import ACCESS
from tests.faults.evidence import Evidence
from tests.faults.scene import Scene


def figures(scene: Scene, evidence: Evidence) -> Iterator[str]:
    """Compare. Where a process has ended, what it counted after its last look is lost: then only the least is known."""
    pages = list(scene.watch.metrics.values())
    accesses = added(pages, "accesswatch_accesses_total")
    letters = added(pages, "accesswatch_dead_letters_total", f'topic="{scene.topic(ACCESS)}"')
    alerts = added(pages, "accesswatch_alerts_total")
    good = sum(record.value in evidence.good for record in evidence.inputs)
    bad = len(evidence.inputs) - good
    if not pages or not accesses:
        yield "the workers never showed how many accesses they have assessed"
    if alerts > len(evidence.store.alerts):
        yield f"the metrics count {alerts:.0f} alerts, and there are {len(evidence.store.alerts)}"
    if scene.fleet.restarts or scene.fleet.violent or len(scene.watch.metrics) > 1:
        return
    if accesses < good:
        yield f"the metrics count {accesses:.0f} accesses, and {good} stand in the topic"
    if letters < bad:
        yield f"the metrics count {letters:.0f} dead letters, and {bad} records cannot be read"
    if alerts != len(evidence.store.alerts):
        yield f"the metrics count {alerts:.0f} alerts, and there are {len(evidence.store.alerts)}"


def added(pages: list[str], name: str, label: str = "") -> float:
    """Add up the samples of a metric over all processes."""
    total = 0.0
    for page in pages:
        for line in page.splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.partition("{")[0] == name and label in sample:
                total += float(value)
    return total
