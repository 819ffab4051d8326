"""A planted key appears in no file, log or frame, whatever goes wrong."""

from __future__ import annotations

import asyncio
import threading

import pytest
from aiohttp import web

CANARY = "sk-canary-4f9d1c7e"


@pytest.fixture
def echo_server():
    """A loopback server that answers every request with an error that quotes all its headers."""

    async def echo(request: web.Request) -> web.Response:
        quoted = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        return web.json_response({"error": {"message": f"bad key in {quoted}", "type": "x", "code": 401}}, status=401)

    ready, stop = threading.Event(), asyncio.Event()
    address: dict = {}

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        address["loop"] = asyncio.get_running_loop()
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    yield address["url"]
    address["loop"].call_soon_threadsafe(stop.set)
    thread.join()


def _everything_written(project) -> bytes:
    return b"".join(path.read_bytes() for path in (project.folder / "out").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["openai", "claude", "gemini"])
@pytest.mark.parametrize("flags", [["--plain"], ["--json"]])
def test_a_key_that_the_provider_quotes_is_nowhere(project, echo_server, kind, flags):
    model = {"name": "m", "type": kind, "base_url": echo_server, "api_key": "${PLANTED_KEY}"}
    project.write_config(model)
    done = project.process("run", *flags, PLANTED_KEY=CANARY)
    assert done.code == 3
    assert "PLANTED_KEY" in done.output
    assert CANARY not in done.output
    assert CANARY.encode() not in _everything_written(project)


def test_a_key_written_into_the_config_works_with_a_warning_and_is_never_stored(project, simulator):
    model = {"name": "m", "type": "openai", "base_url": "simulator", "simulator": simulator.url, "api_key": CANARY}
    project.write_config(model)
    done = project.cli("run", "--plain")
    assert done.code == 0
    assert "api_key is written out" in done.output
    assert CANARY not in done.output
    assert CANARY.encode() not in _everything_written(project)


def test_a_key_in_dot_env_is_used_and_nowhere_shown(project, echo_server):
    (project.folder / ".env").write_text(f"PLANTED_KEY={CANARY}\n")
    project.write_config({"name": "m", "type": "openai", "base_url": echo_server, "api_key": "${PLANTED_KEY}"})
    assert project.cli("check").code == 0
    done = project.process("run", "--plain")
    assert done.code == 3
    assert CANARY not in done.output
    assert CANARY.encode() not in _everything_written(project)


def test_credentials_in_a_url_are_refused_and_not_shown(project, simulator):
    url = simulator.url.replace("http://", f"http://user:{CANARY}@")
    for name, value in (("simulator", url), ("simulator", f"{simulator.url}?key={CANARY}")):
        project.write_config({"name": "m", "type": "openai"}, **{name: value})
        refused = project.cli("run", "--plain")
        assert refused.code == 2
        assert CANARY not in refused.output
    assert not (project.folder / "out").exists()
