"""Webhooks: CloudEvents 1.0 in JSON, signed as Standard Webhooks has it."""
