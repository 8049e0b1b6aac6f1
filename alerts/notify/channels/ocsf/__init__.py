"""OCSF Detection Findings on a topic of Kafka."""
