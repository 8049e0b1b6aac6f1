"""E-mail through one server."""
