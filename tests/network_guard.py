"""Refuses every connection and name look-up that would leave this machine.

An audit hook, because it also sees sockets opened by libraries in C and in threads, and because no
library can take it away again.
"""

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

ATTEMPTS: list[str] = []
"""What was refused so far: event and host."""

_WATCHED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}
"""Audit event -> which of its arguments names the other end."""


class LeftLoopback(OSError):
    """Something wanted to talk to another machine."""


def install() -> None:
    """Watch this process from now on."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    host = _host(arguments[_WATCHED[event]])
    if host is None or _is_here(host):
        return
    attempt = f"{event} {host}"
    ATTEMPTS.append(attempt)
    if log := os.environ.get("NETWORK_ATTEMPTS"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{attempt}\n")
    raise LeftLoopback(f"{attempt}: tests may not leave this machine")


def _host(address: object) -> str | None:
    """The host of an address; None for one that is no host (a file, a kernel socket)."""
    if isinstance(address, tuple):
        address = address[0] if address else None
    if isinstance(address, bytes):
        address = address.decode("utf-8", "replace")
    if not isinstance(address, str) or "/" in address or "\0" in address:
        return None
    return address


def _is_here(host: str) -> bool:
    if host in ("", "localhost", _OWN_NAME):
        return True
    try:
        address = ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


_OWN_NAME = socket.gethostname()
