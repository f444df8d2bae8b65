"""The web page and the daemon as two child processes that end together."""

import signal
import subprocess
import sys
import time
from types import FrameType

DEFINITIONS = ("-m", "orchestration.definitions")
_POLL_SECONDS = 0.5
_ENDING_SECONDS = 20.0


def commands(host: str, port: int, read_only: bool) -> list[list[str]]:
    """Command lines of webserver and daemon."""
    webserver = [sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(port)]
    if read_only:
        webserver.append("--read-only")
    daemon = [sys.executable, "-m", "dagster._daemon", "run"]
    return [[*webserver, *DEFINITIONS], [*daemon, *DEFINITIONS]]


def serve(host: str, port: int, read_only: bool) -> int:
    """Run both until one ends or a signal comes; the exit status of the one that ended first."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    children = [subprocess.Popen(command) for command in commands(host, port, read_only)]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(_POLL_SECONDS)
        return next((c.returncode for c in children if c.returncode is not None), 0)
    except KeyboardInterrupt:
        return 0
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(timeout=_ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
