"""A real Kafka and a real Valkey from installed packages: no Docker, no system Java, nothing to set up."""
