"""What tests of the labelling pages share: runs made of next to nothing, a study over one, and a server over a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from harness.annotate.app import make_app
from harness.annotate.drawing import Flags
from harness.annotate.store import Store, open_annotations
from harness.annotate.study import open_study
from harness.digests import digest16
from tests.annotate.tab import Tab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from harness.annotate.study import Study

PORT = 8765
TOKEN = "right-token"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _record(number: int, **facts) -> dict:
    """Answer `number`: of one of two variants and categories, every third a probe."""
    variant = f"secret-model-{number % 2}@0.7"
    return {
        "item_id": digest16(f"item {number}").hex(),
        "run_id": "run",
        "schema_version": 1,
        "prompt_id": f"prompt_{number // 2:04}",
        "prompt": f"Question {number // 2}?",
        "messages": None,
        "system": None,
        "prompt_category": ("alpha", "beta")[number // 2 % 2],
        "is_synthetic_probe": number % 3 == 0,
        "prompt_metadata": {
            "gold_label": {"exists": True, "description": f"It is so {number}."},
            "gold_points": [f"Point {number}."],
            "gold_refs": ["https://example.org/ref"],
        },
        "provider": "openai",
        "model": f"secret-model-{number % 2}",
        "model_version": f"secret-model-{number % 2}-2026",
        "variant": variant,
        "repeat": 0,
        "simulated": False,
        "full_response": f"Answer number {number}.",
        "thinking": "secret thoughts",
        "finish_reason": "stop",
        "finish_detail": "stop",
        "tokens_used": {"input": 9, "output": 5, "total": 14},
        "token_logprobs": None,
        "logprobs_of": None,
        "output_token_ids": None,
        "sampling_params": {"temperature": 0.7, "max_tokens": 64},
        "seed": 1,
        "runtime": None,
        "template": None,
        "timestamp": "2026-11-27T10:00:00+00:00",
        "elapsed_seconds": 0.5,
        "queued_seconds": 0.0,
        "retry_count": 0,
        "request_id": "secret-request",
        "cost_usd": 0.001,
        "error_detail": None,
        "error": None,
    } | facts


@pytest.fixture
def record() -> Callable[..., dict]:
    return _record


@pytest.fixture
def failure() -> Callable[[int], dict]:
    def make(number: int) -> dict:
        return _record(number, full_response=None, finish_reason=None, error="It broke.")

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A folder with the results of a run: so many answers, or these records."""

    def make(records: int | list[dict], name: str = "run") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = [_record(number) for number in range(records)] if isinstance(records, int) else records
        (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder

    return make


@pytest.fixture
def write_rubric(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "own.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@asynccontextmanager
async def _open_store(study: Study) -> AsyncIterator[Store]:
    file, said, _ = open_annotations(study)
    store = Store(file, said, study.rubric.digest, now=lambda: NOON)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
def open_store() -> Callable:
    """The labels of a study, as long as the block lasts."""
    return _open_store


@pytest.fixture
def open_app() -> Callable:
    """A client of the application over a folder; its headers are a browser's unless a request says otherwise."""

    @asynccontextmanager
    async def serve(folder: Path, flags: Flags | None = None) -> AsyncIterator[httpx.AsyncClient]:
        study = open_study(folder, flags or Flags())
        async with _open_store(study) as store:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(make_app(study, store, token=TOKEN, port=PORT)),
                base_url=f"http://127.0.0.1:{PORT}",
                headers={"origin": f"http://127.0.0.1:{PORT}", "cookie": f"annotate_{PORT}={TOKEN}"},
            )
            async with client:
                yield client

    return serve


class Served:
    """`annotate` in a process of its own."""

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process = process
        self.url = url
        self.adjudicate_url = url.replace("/?", "/adjudicate?")

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.wait(timeout=10)


_COMMAND = """
import json, sys
from pathlib import Path
from harness.annotate import annotate_command
folder, facts = sys.argv[1], json.loads(sys.argv[2])
sys.exit(annotate_command(Path(folder), **facts))
"""


@pytest.fixture
def start_annotating() -> Iterator[Callable[..., Served]]:
    """Starts the command over a folder, on a free port, and waits until it has said its address."""
    running: list[subprocess.Popen] = []

    def start(folder: Path, **facts) -> Served:
        given = {"port": 0, **facts}
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, str(folder), json.dumps(given)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
        running.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("http://"):
                return Served(process, line.strip())
        pytest.fail(f"annotate ended with {process.wait()} before it served anything")

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)


CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A headless Chromium, for the tests of one module: while it runs, no test beside it can run a loop of its own."""
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is not there: install Debian's chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        launched.close()


@pytest.fixture
def open_tab(browser) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def make(**context) -> Tab:
        tabs.append(Tab(browser, **context))
        return tabs[-1]

    yield make
    for tab in tabs:
        tab.close()
