"""Makes metrics on one registry, and remembers of each what it means: ``docs/metrics.md`` is written from that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

PREFIX = "accesswatch_"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric as people read of it."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str
    #: What it means when it rises, or falls where that is what matters.
    rise: str


class Forms:
    """One registry, and the description of everything on it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.described: list[Described] = []

    def counter(self, name: str, meaning: str, rise: str, *labels: str) -> Counter:
        """Make what only grows."""
        self.describe(name, "counter", meaning, rise, *labels)
        return Counter(PREFIX + name, f"{meaning} {rise}", labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, rise: str, *labels: str) -> Gauge:
        """Make what goes up and down."""
        self.describe(name, "gauge", meaning, rise, *labels)
        return Gauge(PREFIX + name, f"{meaning} {rise}", labels, registry=self.registry)

    def histogram(self, name: str, meaning: str, rise: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Make a distribution; *buckets* are upper bounds in the metric's unit."""
        self.describe(name, "histogram", meaning, rise, *labels)
        return Histogram(PREFIX + name, f"{meaning} {rise}", labels, buckets=buckets, registry=self.registry)

    def describe(self, name: str, kind: str, meaning: str, rise: str, *labels: str) -> Described:
        """Describe a metric that something else puts onto the registry."""
        self.described.append(Described(PREFIX + name, kind, labels, meaning, rise))
        return self.described[-1]


def at_zero(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Show a metric's series before they count anything, for each combination of these label values.

    A series that is born with its first event has not risen for Prometheus: that event would never be alerted on.
    """
    for labels in product(*values):
        metric.labels(*labels)
