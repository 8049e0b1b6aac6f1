"""A PagerDuty service, by Events v2."""
