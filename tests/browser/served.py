"""Serves the dashboard on a free port with the command that `alliance dashboard` becomes."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


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
def served_dashboard(
    home: Path, log: Path, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> Iterator[str]:
    """The address of a dashboard on `home` that runs while the block does; output goes to `log`.

    `environment` replaces this process's own. RuntimeError when the server does not come up.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "dashboards.serve"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--home", str(home), "--port", str(port)],
            stdout=output,
            stderr=output,
            env=dict(os.environ if environment is None else environment),
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
