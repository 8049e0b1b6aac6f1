"""Wiring: settings, the batched Kafka transport, topics, the worker and its health."""

from importlib.metadata import version

RELEASE = version("accesswatch")
