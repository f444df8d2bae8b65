"""Serves the dashboard as `alliance dashboard` does, on a free port, and stops it again."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboards import serve

_ROOT = Path(__file__).parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_healthy(server: "subprocess.Popen[bytes]", url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not answer within {seconds:.0f} s")


@contextmanager
def served_dashboard(home: Path, log: Path, seconds: float = 60) -> Iterator[str]:
    """The address of a dashboard on `home` that runs while the block does; output goes to `log`."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "BROWSER": "none"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            serve.command(home, port), stdout=output, stderr=output, env=environment
        )
        try:
            _wait_until_healthy(server, url, seconds)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
