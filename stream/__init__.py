"""Wiring: settings, the batched Kafka transport, topics, processes, command line, health. Sees everything."""

from importlib.metadata import version

RELEASE = version("accesswatch")
