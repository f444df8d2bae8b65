"""Serves the dashboard on this machine only, sends nothing anywhere, and says so in its headers.

`alliance dashboard` runs this module in a process of its own. The settings are those of
`.streamlit/config.toml` beside this file, passed as overrides: neither an environment variable nor
a configuration of the user's own can open the server to the network or switch telemetry on.
"""

import argparse
import base64
import hashlib
import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

HERE = Path(__file__).parent
DEFAULT_PORT = 8501


def settings(port: int) -> dict[str, object]:
    """Streamlit's settings by dotted name: `.streamlit/config.toml` and the port."""
    with (HERE / ".streamlit" / "config.toml").open("rb") as file:
        sections = tomllib.load(file)
    return _dotted(sections) | {"server.port": port, "browser.serverPort": port}


def _dotted(section: Mapping[str, object], before: str = "") -> dict[str, object]:
    """Options of a section and of those within it, by dotted name."""
    flat: dict[str, object] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            flat |= _dotted(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat


def _inline_script_hashes() -> list[str]:
    """Hashes of the scripts inside Streamlit's own page, so that no other inline script may run."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def security_headers() -> dict[str, str]:
    """Headers of every response: nothing is loaded from, sent to or framed by anyone else."""
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *_inline_script_hashes()],
        # Streamlit writes its styles into the page while it runs.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'", "blob:"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return {
        "content-security-policy": "; ".join(
            f"{name} {' '.join(sources)}" for name, sources in policy.items()
        ),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }


class SecurityHeaders:
    """ASGI middleware that puts `security_headers` on every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers where a response starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="dashboards.serve", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the group's ALLIANCE_HOME")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args(arguments)
    # The page runs in this process, in a thread of Streamlit's: the environment reaches it.
    os.environ["ALLIANCE_HOME"] = str(options.home)
    sys.argv = [str(HERE / "serve.py")]
    # Streamlit takes a folder `pages` for its older kind of app until `app.py` has run once: the
    # first link to a page of ours would show it bare, without our navigation.
    PagesManager.uses_pages_directory = False
    app = App(HERE / "app.py", middleware=[Middleware(SecurityHeaders)])
    app.run(config=settings(options.port))


if __name__ == "__main__":
    main()
