"""The guard itself must hold: a guard that lets everything through passes every test."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import network_guard

# RFC 5737 and RFC 6761: addresses and names that belong to nobody.
ELSEWHERE = "192.0.2.1"
REACH_OUT = f"import socket; socket.create_connection(('{ELSEWHERE}', 80), 0.1)"


@pytest.fixture
def expected_attempts() -> list[str]:
    """Runs the attempt on purpose: takes it off the list before the next check looks."""
    return network_guard.ATTEMPTS


def test_an_address_elsewhere_is_refused(expected_attempts: list[str]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(network_guard.LeftLoopback),
    ):
        udp.connect((ELSEWHERE, 80))
    assert expected_attempts.pop() == f"socket.connect {ELSEWHERE}"


def test_a_name_elsewhere_is_not_even_looked_up(expected_attempts: list[str]) -> None:
    with pytest.raises(network_guard.LeftLoopback):
        socket.getaddrinfo("telemetry.invalid", 443)
    assert expected_attempts.pop() == "socket.getaddrinfo telemetry.invalid"


def test_loopback_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()


def test_a_child_process_is_guarded_and_its_attempt_is_written_down(
    guarded_environment: dict[str, str],
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", REACH_OUT],
        env=guarded_environment,
        capture_output=True,
        check=False,
    )
    assert child.returncode == 1
    attempts = Path(guarded_environment["NETWORK_ATTEMPTS"]).read_text(encoding="utf-8")
    assert ELSEWHERE in attempts
