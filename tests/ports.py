"""Ports for the servers that a test starts by itself."""

import random
import socket

# Below what the kernel hands out for outgoing connections (32768 and up on Linux): a port that is free when it is
# picked is not somebody's end of a connection by the time that the server listens.
LOWEST, HIGHEST = 20_000, 32_000


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row that nobody listens on."""
    while True:
        first = random.randint(LOWEST, HIGHEST - count)
        if all(_free(port) for port in range(first, first + count)):
            return first


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
