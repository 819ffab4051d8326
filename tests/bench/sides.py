"""Both sides of what is measured over HTTP: a simulator to ask, the bare clients, and the whole harness.

A bare client is the very SDK or HTTP stack that the harness uses, sending the same requests, with nothing around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager
    from typing import Any, TypeAlias

    Ask: TypeAlias = Callable[[str], Coroutine[Any, Any, str]]
    BareClient: TypeAlias = Callable[[str, str, int], AbstractAsyncContextManager[Ask]]

MAX_TOKENS = 64
_END_WITHIN_S = 10
_INTERRUPTED = 128 + signal.SIGINT


def prompt(number: int) -> str:
    """The text of a prompt; both sides send the same."""
    return f"Question {number}: which controls would you review first, and why?"


@contextlib.contextmanager
def simulator(latency_s: float = 0.0) -> Iterator[Simulator]:
    """A simulator in a process of its own, where every answer takes `latency_s` and none is a refusal."""
    settings = json.dumps({"latency_s": latency_s, "latency_spread": 0.0, "refusal_share": 0.0})
    command = [sys.executable, "-m", "harness.simulator", "--parent-watch", "--settings-json", settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Simulator(json.loads(process.stdout.readline())["url"])
        finally:
            process.stdin.close()
            try:
                process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def run_harness(kind: str, model: str, url: str, count: int, **settings: Any) -> None:
    """`harness run` in this process: `count` prompts to one model, a line on disk for each.

    Args:
        kind: the model's `type`.
        settings: whatever else the config says.

    Raises:
        RuntimeError: the run did not end with a record for every prompt.
        KeyboardInterrupt: it was ended by one, which a run takes for itself.
    """
    from harness.config import Overrides
    from harness.outcome import RunOptions
    from harness.runner import run_command

    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stderr(nowhere),
    ):
        prompts = Path(folder) / "prompts.jsonl"
        prompts.write_text("".join(json.dumps({"id": f"p{n}", "prompt": prompt(n)}) + "\n" for n in range(count)))
        config = {
            "prompts_file": str(prompts),
            "output_dir": f"{folder}/out",
            "temperature": 0.0,
            "max_tokens": MAX_TOKENS,
            "simulator": url,
            "models": [{"name": model, "type": kind}],
            **settings,
        }
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        code = run_command(path, Overrides(), RunOptions(display="none"))
        lines = (Path(folder) / "out" / "results.jsonl").read_bytes().count(b"\n")
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    if code or lines != count:
        raise RuntimeError(f"the run ended with {code} and {lines} of {count} records")


def run_bare(client: BareClient, model: str, url: str, count: int, concurrency: int) -> None:
    """`count` prompts through a bare client, by as many workers as there may be requests in flight."""

    async def main() -> None:
        numbers = iter(range(count))
        async with client(url, model, concurrency) as ask, asyncio.TaskGroup() as group:

            async def work() -> None:
                for number in numbers:
                    assert await ask(prompt(number))

            for _ in range(concurrency):
                group.create_task(work())

    asyncio.run(main())


@contextlib.asynccontextmanager
async def bare_openai(url: str, model: str, concurrency: int) -> AsyncIterator[Ask]:
    """httpx over aiohttp, as the OpenAI-compatible provider has it."""
    import httpx
    from httpx_aiohttp import AiohttpTransport

    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    transport = AiohttpTransport(limits=limits)
    async with httpx.AsyncClient(transport=transport, headers={"authorization": "Bearer x"}, timeout=60) as client:

        async def ask(text: str) -> str:
            body = {
                "model": model,
                "messages": [{"role": "user", "content": text}],
                "temperature": 0.0,
                "max_tokens": MAX_TOKENS,
            }
            answer = await client.post(f"{url}/v1/chat/completions", json=body)
            answer.raise_for_status()
            return answer.json()["choices"][0]["message"]["content"]

        yield ask


@contextlib.asynccontextmanager
async def bare_claude(url: str, model: str, concurrency: int) -> AsyncIterator[Ask]:
    """Anthropic's SDK over aiohttp; its own limit of connections is far above any `concurrency` here."""
    import anthropic

    client = anthropic.AsyncAnthropic(
        api_key="x",
        base_url=url,
        max_retries=0,
        http_client=anthropic.DefaultAioHttpClient(),
        default_headers={"anthropic-version": "2023-06-01"},
    )
    async with client:

        async def ask(text: str) -> str:
            answer = await client.messages.create(
                model=model,
                max_tokens=MAX_TOKENS,
                messages=[{"role": "user", "content": text}],
                extra_body={"temperature": 0.0},
                timeout=60,
            )
            return answer.content[0].text

        yield ask


@contextlib.asynccontextmanager
async def bare_gemini(url: str, model: str, concurrency: int) -> AsyncIterator[Ask]:
    """Google's SDK on an aiohttp session."""
    import aiohttp
    from google import genai
    from google.genai import types

    config = types.GenerateContentConfig(temperature=0.0, max_output_tokens=MAX_TOKENS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        options = types.HttpOptions(base_url=url, api_version="v1beta", timeout=60_000, aiohttp_client=session)
        client = genai.Client(api_key="x", http_options=options)

        async def ask(text: str) -> str:
            answer = await client.aio.models.generate_content(model=model, contents=text, config=config)
            return answer.text

        yield ask
        client.close()
