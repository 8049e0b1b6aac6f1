"""A Teams channel or chat, by an incoming webhook or a workflow."""
