"""How the dashboard is served: this machine only, nothing sent, headers on every response."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit import config

from dashboards import serve


def test_the_settings_shut_the_server_in() -> None:
    settings = serve.settings(8600)
    expected = {
        "server.address": "127.0.0.1",
        "server.port": 8600,
        "server.enableStaticServing": False,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "client.disableDataExport": True,
    }
    assert expected.items() <= settings.items()


def test_both_themes_reach_the_server() -> None:
    settings = serve.settings(8600)
    assert settings["theme.light.backgroundColor"] == "#ffffff"
    assert settings["theme.dark.backgroundColor"] == "#11181d"


def test_every_setting_is_one_streamlit_knows() -> None:
    config.get_config_options()
    known = set(config._config_options_template)
    assert set(serve.settings(1)) <= known


def test_the_policy_names_no_one_else_and_allows_no_foreign_script() -> None:
    policy = serve.security_headers()["content-security-policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert "unsafe" not in parts["script-src"]
    assert "sha256-" in parts["script-src"], "Streamlit's own inline script"
    assert parts["connect-src"] == "'self'"
    assert parts["frame-ancestors"] == "'none'"
    assert "//" not in policy
    assert "*" not in policy


def test_the_headers_are_on_every_response() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(serve.SecurityHeaders(app)({"type": "http"}, receive, send))
    names = {name.decode() for name, _ in sent[0]["headers"]}
    assert names == set(serve.security_headers())


@pytest.mark.parametrize("arguments", [[], ["--home"], ["--home", "x", "--address", "0.0.0.0"]])
def test_it_takes_a_home_and_a_port_and_nothing_else(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        serve.main(arguments)
    assert refusal.value.code == 2


def test_the_theme_loads_nothing() -> None:
    folder = Path(serve.__file__).parent
    for name in ("theme.css", ".streamlit/config.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "url(" not in text
        assert "@import" not in text
        assert "http" not in text
