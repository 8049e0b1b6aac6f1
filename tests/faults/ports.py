"""Ports that stay ours while what listens there is away: from below those that outgoing connections are given."""

import secrets
import socket

LOWEST, HIGHEST = 20_000, 32_000
TRIES_MAX = 100


def quiet_port() -> int:
    """Return a port that nobody uses, out of reach of the system's own choices."""
    for _ in range(TRIES_MAX):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port is free between {LOWEST} and {HIGHEST}")
