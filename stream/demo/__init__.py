"""The demo: a fictional agency's working day, compressed to minutes, on a real Kafka, Valkey and worker."""
