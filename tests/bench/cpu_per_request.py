"""CPU per request of the whole harness, records on disk included, against the bare client it is built on.

Both sides speak to the same simulator, a process of its own that answers at once; both have 64 requests in flight.
CPU is this process's, user and system, all threads: wall time would measure the simulator.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

REQUESTS = 2000
CONCURRENCY = 64
ROUNDS = 5
MAX_TOKENS = 64
TARGET_MS = 0.35


def rows() -> Iterator[tuple[str, ...]]:
    """One row for each provider."""
    with _simulator() as url:
        for kind, model, bare in (
            ("OpenAI-compatible", "gpt-4.1-mini", _bare_openai),
            ("Claude", "claude-sonnet-4-6", _bare_claude),
            ("Gemini", "gemini-3.5-flash", _bare_gemini),
        ):
            yield _row(kind, model, url, bare)


def _row(kind: str, model: str, url: str, bare: Callable[[str, str, int], Awaitable[None]]) -> tuple[str, ...]:
    asyncio.run(bare(url, model, CONCURRENCY))
    _harness(kind, model, url, CONCURRENCY)
    floors, ours, differences = [], [], []
    for _ in range(ROUNDS):
        floors.append(_ms_each(lambda: asyncio.run(bare(url, model, REQUESTS))))
        ours.append(_ms_each(lambda: _harness(kind, model, url, REQUESTS)))
        differences.append(ours[-1] - floors[-1])
    return (
        f"CPU per request, {kind}, C = {CONCURRENCY}",
        f"{statistics.median(floors):.2f} ms",
        f"{statistics.median(ours):.2f} ms",
        f"+{statistics.median(differences):.2f} ms",
        f"<= +{TARGET_MS} ms",
    )


def _ms_each(work: Callable[[], object]) -> float:
    before = _cpu_s()
    work()
    return (_cpu_s() - before) / REQUESTS * 1000


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    command = [sys.executable, "-m", "harness.simulator", "--parent-watch", "--settings-json", '{"refusal_share": 0}']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())["url"]
        process.stdin.close()


def _harness(kind: str, model: str, url: str, count: int) -> None:
    from harness.config import Overrides
    from harness.outcome import RunOptions
    from harness.runner import run_command

    types = {"OpenAI-compatible": "openai", "Claude": "claude", "Gemini": "gemini"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stderr(nowhere),
    ):
        prompts = Path(folder) / "prompts.jsonl"
        prompts.write_text("".join(json.dumps({"id": f"p{n}", "prompt": _prompt(n)}) + "\n" for n in range(count)))
        config = {
            "prompts_file": str(prompts),
            "output_dir": f"{folder}/out",
            "concurrency": CONCURRENCY,
            "temperature": 0.0,
            "max_tokens": MAX_TOKENS,
            "simulator": url,
            "models": [{"name": model, "type": types[kind]}],
        }
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        code = run_command(path, Overrides(), RunOptions(display="none"))
        lines = (Path(folder) / "out" / "results.jsonl").read_bytes().count(b"\n")
    if code or lines != count:
        raise SystemExit(f"the run ended with {code} and {lines} of {count} records")


def _prompt(number: int) -> str:
    return f"Question {number}: which controls would you review first, and why?"


async def _with_workers(count: int, ask: Callable[[str], Awaitable[str]]) -> None:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            assert await ask(_prompt(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(work())


async def _bare_openai(url: str, model: str, count: int) -> None:
    import httpx
    from httpx_aiohttp import AiohttpTransport

    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    transport = AiohttpTransport(limits=limits)
    async with httpx.AsyncClient(transport=transport, headers={"authorization": "Bearer x"}, timeout=60) as client:

        async def ask(prompt: str) -> str:
            body = {
                "model": model,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": 0.0,
                "max_tokens": MAX_TOKENS,
            }
            answer = await client.post(f"{url}/v1/chat/completions", json=body)
            answer.raise_for_status()
            return answer.json()["choices"][0]["message"]["content"]

        await _with_workers(count, ask)


async def _bare_claude(url: str, model: str, count: int) -> None:
    import anthropic

    client = anthropic.AsyncAnthropic(
        api_key="x",
        base_url=url,
        max_retries=0,
        http_client=anthropic.DefaultAioHttpClient(),
        default_headers={"anthropic-version": "2023-06-01"},
    )
    async with client:

        async def ask(prompt: str) -> str:
            answer = await client.messages.create(
                model=model,
                max_tokens=MAX_TOKENS,
                messages=[{"role": "user", "content": prompt}],
                extra_body={"temperature": 0.0},
                timeout=60,
            )
            return answer.content[0].text

        await _with_workers(count, ask)


async def _bare_gemini(url: str, model: str, count: int) -> None:
    import aiohttp
    from google import genai
    from google.genai import types

    config = types.GenerateContentConfig(temperature=0.0, max_output_tokens=MAX_TOKENS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
        options = types.HttpOptions(base_url=url, api_version="v1beta", timeout=60_000, aiohttp_client=session)
        client = genai.Client(api_key="x", http_options=options)

        async def ask(prompt: str) -> str:
            answer = await client.aio.models.generate_content(model=model, contents=prompt, config=config)
            return answer.text

        await _with_workers(count, ask)
        client.close()
