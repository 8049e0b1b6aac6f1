"""Reference data: how they lie in Redis, how they are kept in memory, and whether Redis is fit to hold them."""
