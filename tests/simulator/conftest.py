"""The real clients of the three providers, aimed at a simulator and closed properly.

They verify no certificates: there are none on loopback, and reading the trust store would cost more than all else here.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import aiohttp
import httpx
import pytest

from harness.simulator import SimulatorServer, SimulatorSettings

PLAIN = SimulatorSettings(refusal_share=0, long_share=0)


@dataclass(frozen=True)
class Form:
    """One wire format: where a question goes, with which headers, and how its model and text are put."""

    name: str
    path: str
    headers: dict

    def body(self, prompt):
        if self.name == "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
        return {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": prompt}]}

    async def ask(self, http, server, prompt="What is a CVE?"):
        return await http.post(server.url + self.path, json=self.body(prompt), headers=self.headers)


FORMS = {
    form.name: form
    for form in (
        Form("claude", "/v1/messages", {"x-api-key": "key", "anthropic-version": "2023-06-01"}),
        Form("gemini", "/v1beta/models/m:generateContent", {"x-goog-api-key": "key"}),
        Form("openai", "/v1/chat/completions", {"authorization": "Bearer key"}),
    )
}


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


@pytest.fixture
def forms():
    return FORMS


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def simulator(clock):
    """A factory of servers whose answers are plain ones unless the settings say otherwise."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(settings=PLAIN, **kwargs):
            server = SimulatorServer(settings, clock=clock, wall=lambda: 1_800_000_000.25, **kwargs)
            return await stack.enter_async_context(server)

        yield start


@pytest.fixture
async def claude():
    """A factory of Anthropic's own clients; without `version` they send the SDK's default."""
    import anthropic

    async with contextlib.AsyncExitStack() as stack:

        async def client(server, version="2023-06-01"):
            headers = {"anthropic-version": version} if version else {}
            return await stack.enter_async_context(
                anthropic.AsyncAnthropic(
                    api_key="key",
                    base_url=server.url,
                    max_retries=0,
                    timeout=10,
                    default_headers=headers,
                    http_client=anthropic.DefaultAioHttpClient(verify=False),
                )
            )

        yield client


@pytest.fixture
async def gemini():
    """A factory of Google's own clients on aiohttp."""
    from google import genai
    from google.genai import types

    async with contextlib.AsyncExitStack() as stack:

        async def client(server):
            session = await stack.enter_async_context(aiohttp.ClientSession())
            made = genai.Client(
                api_key="key",
                http_options=types.HttpOptions(
                    base_url=server.url,
                    api_version="v1beta",
                    timeout=10_000,
                    aiohttp_client=session,
                    client_args={"verify": False},
                    async_client_args={"ssl": False},
                    retry_options=types.HttpRetryOptions(attempts=1),
                ),
            )
            stack.callback(made.close)
            stack.push_async_callback(made.aio.aclose)
            return made.aio.models

        yield client


@pytest.fixture
async def http():
    async with httpx.AsyncClient(timeout=10, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def ask(http):
    """Posts a chat completion and gives the response; keyword arguments go into the body."""

    async def post(server, prompt="What is a CVE?", *, key="key", **fields):
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}]} | fields
        return await http.post(
            f"{server.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        )

    return post
