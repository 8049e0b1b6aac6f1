"""What was seen of staff and clients before: in Redis, and in memory."""
