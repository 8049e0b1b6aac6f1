"""CEF over syslog."""
