"""The ways out: one folder each, listed in ``registry.py``."""
