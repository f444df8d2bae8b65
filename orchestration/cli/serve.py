"""`alliance dashboard` and `alliance orchestrator`: the pages, on this machine only."""

import os
import sys
from typing import Annotated

import typer

from orchestration.cli.console import HomeOption, messages, open_registry, open_settings
from orchestration.settings import forget_keys

LOOPBACK = "127.0.0.1"
PortOption = Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1024, max=65535)]


def dashboard(home: HomeOption = None, port: PortOption = 8501) -> None:
    """Serve the dashboard on 127.0.0.1.

    Example: alliance dashboard --port 8501
    """
    settings = open_settings(home)
    messages.print(f"dashboard: http://{LOOPBACK}:{port}", highlight=False)
    forget_keys()
    command = [sys.executable, "-m", "dashboards.serve", "--home", str(settings.home)]
    os.execv(sys.executable, [*command, "--port", str(port)])


def orchestrator(
    home: HomeOption = None,
    port: PortOption = 3000,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="For people who only look: nothing can be started.")
    ] = False,
) -> None:
    """Start Dagster's web page (loopback) and the daemon that runs the nightly schedule.

    Runs of `alliance nightly` show here too.

    Example: alliance orchestrator --port 3000
    """
    from orchestration.instance import open_instance
    from orchestration.orchestrator import serve

    settings = open_settings(home)
    open_registry(settings)
    with open_instance(settings):
        pass
    messages.print(f"orchestrator: http://{LOOPBACK}:{port}", highlight=False)
    raise typer.Exit(serve(LOOPBACK, port, read_only))
