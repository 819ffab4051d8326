"""A server that answers what a test scripts, and the three providers that may be aimed at it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from harness.errors import ProviderError
from harness.provider import Endpoint
from harness.schema import ProviderType, SamplingParams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from harness.schema import Completion

KEY = "planted-key-3f9a1c"


@dataclass(frozen=True)
class Reply:
    """What goes back. `how`: `whole`, `short` (the connection closes before the promised end), `drip`, `flood`."""

    body: bytes | dict[str, Any] | list[Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "whole"

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class ScriptedServer:
    """Answers with its replies in turn, the last one for ever, and keeps what was asked."""

    def __init__(self, scheme: str = "http") -> None:
        self.scheme = scheme
        self.url = ""
        self.seen: list[Seen] = []
        self.dripping = asyncio.Event()
        self.released = asyncio.Event()
        self._replies: list[Reply] = []

    def script(self, *replies: Reply) -> None:
        self._replies = list(replies)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.path, headers, await request.read()))
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        given = {"content-type": "application/json", **reply.headers}
        if reply.how == "whole":
            return web.Response(status=reply.status, headers=given, body=reply.content())
        response = web.StreamResponse(status=reply.status, headers=given)
        if reply.how == "short":
            response.content_length = len(reply.content()) + 100
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await response.write(reply.content())
            while reply.how == "flood":
                await response.write(b" " * 65536)
            while reply.how == "drip" and not self.released.is_set():
                await response.write(b" ")
                self.dripping.set()
                await asyncio.sleep(0.01)
        if request.transport is not None:
            request.transport.abort()
        return response


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[..., Any]]:
    """A factory of running servers."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(tls: bool = False) -> ScriptedServer:
            server = ScriptedServer("https" if tls else "http")
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", server.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.callback(server.released.set)
            context = None
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            server.url = f"{server.scheme}://127.0.0.1:{runner.addresses[0][1]}"
            return server

        yield start


@pytest.fixture
async def server(scripted) -> ScriptedServer:
    return await scripted()


@dataclass(frozen=True)
class Wire:
    """One wire format: how its provider is made, and what its plainest answer looks like."""

    type: ProviderType
    model: str
    version_path: str
    plain: dict[str, Any]
    make: Callable[..., Any]

    def error(self, message: str, **facts: Any) -> dict[str, Any]:
        return {"type": "error", "error": {"message": message, **facts}}


def _wires() -> dict[str, Wire]:
    from harness.providers.anthropic import ClaudeProvider
    from harness.providers.gemini import GeminiProvider
    from harness.providers.openai_compatible import OpenAICompatibleProvider

    claude = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6-served",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }
    gemini = {
        "responseId": "resp_1",
        "modelVersion": "gemini-3.5-flash-served",
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
    }
    chat = {
        "id": "chatcmpl_1",
        "model": "served",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }
    return {
        "claude": Wire(ProviderType.CLAUDE, "claude-sonnet-4-6", "", claude, ClaudeProvider),
        "gemini": Wire(ProviderType.GEMINI, "gemini-3.5-flash", "", gemini, GeminiProvider),
        "openai": Wire(ProviderType.OPENAI, "served-model", "/v1", chat, OpenAICompatibleProvider),
    }


@pytest.fixture(scope="session")
def wires() -> dict[str, Wire]:
    return _wires()


@pytest.fixture(params=["claude", "gemini", "openai"])
def wire(request, wires) -> Wire:
    return wires[request.param]


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def key() -> str:
    return KEY


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Make a wire's provider for a base URL; keyword arguments change its endpoint. Closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        def make(wire: Wire, url: str, *, now=None, **facts: Any) -> Any:
            given = {"api_key": SecretStr(KEY), "key_name": "SOME_API_KEY", "timeout_s": 10.0, **facts}
            clock = {} if now is None else {"now": now}
            provider = wire.make(Endpoint(base_url=url + wire.version_path, **given), wire.model, **clock)
            stack.push_async_callback(provider.aclose)
            return provider

        yield make


@pytest.fixture
def ask(make_variant, make_requests) -> Callable[..., Any]:
    """A request for a wire's model; keyword arguments change its variant."""

    def make(wire: Wire, prompt: dict[str, Any] | None = None, **facts: Any) -> Any:
        given = {"provider": wire.type, "model": wire.model, "sampling": SamplingParams(0.5, 64), **facts}
        (request,) = make_requests(1, make_variant("variant", **given))
        return replace(request, **(prompt or {}))

    return make


@dataclass(frozen=True)
class Talk:
    """One provider after another against one scripted server, over one wire format."""

    wire: Wire
    server: ScriptedServer
    connect: Callable[..., Any]
    ask: Callable[..., Any]

    def provider(self, *replies: Reply, **facts: Any) -> Any:
        """A provider, with `facts` in its endpoint, that gets `replies`."""
        if replies:
            self.server.script(*replies)
        return self.connect(self.wire, facts.pop("url", self.server.url), **facts)

    async def answer(self, *replies: Reply, **facts: Any) -> Completion:
        return await self.provider(*replies, **facts).generate(self.ask(self.wire))

    async def failure(self, *replies: Reply, **facts: Any) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.answer(*replies, **facts)
        return caught.value


@pytest.fixture
def talk(wire, server, connect, ask) -> Talk:
    return Talk(wire, server, connect, ask)
