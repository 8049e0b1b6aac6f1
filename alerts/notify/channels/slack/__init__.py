"""A Slack channel, by an incoming webhook."""
