"""Ports that stay ours over restarts.

They lie below the range from which the kernel takes the ports of outgoing connections (32768 and up, see
`net.ipv4.ip_local_port_range`): in there, somebody could have the port when we start again.
"""

import random
import socket
from contextlib import ExitStack
from typing import Final

LOWEST: Final = 10_000
HIGHEST: Final = (
    32_767  # net.ipv4.ip_local_port_range begins at 32768: a port from there may be taken when we restart
)
LOCALHOST: Final = "127.0.0.1"

_random = (
    random.SystemRandom()
)  # not the module's generator: tests seed that one, and would all choose the same ports


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 on which nobody listens now; somebody may be quicker than you."""
    found: set[int] = set()  # a port that is bound, but on which nobody listens, can be bound again
    with ExitStack() as held:
        while len(found) < count:
            found.add(_hold_one(held))
    return list(found)


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        return _bind(probe, port)


def _hold_one(held: ExitStack) -> int:
    for _ in range(1000):
        port = _random.randint(LOWEST, HIGHEST)
        probe = held.enter_context(socket.socket())
        if _bind(probe, port):
            return port
    raise OSError(f"no free port on {LOCALHOST} between {LOWEST} and {HIGHEST}")


def _bind(probe: socket.socket, port: int) -> bool:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
    try:
        probe.bind((LOCALHOST, port))
    except OSError:
        return False
    return True
