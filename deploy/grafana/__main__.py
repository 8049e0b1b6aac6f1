"""Writes the dashboards' JSON: ``python -m deploy.grafana``."""

from deploy.grafana.writing import write

write()
