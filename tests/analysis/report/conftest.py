"""Runs made of dictionaries, their reports, and a real browser that opens them and is told everything it complains of."""

from __future__ import annotations

import hashlib
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from harness.analysis.report import write_report
from harness.record import Record
from harness.schema import Completion, FinishReason, Usage

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def make_record():
    """Makes one line of results.jsonl, with any of its fields given."""

    def make(prompt_id: str = "p1", variant: str = "m@0.0", repeat: int = 0, **facts) -> dict:
        record = {
            "item_id": hashlib.blake2b(f"{prompt_id} {variant} {repeat}".encode(), digest_size=16).hexdigest(),
            "run_id": "r", "schema_version": 1, "prompt_id": prompt_id, "prompt": f"What is {prompt_id}?",
            "messages": None, "system": None, "prompt_category": "cve", "is_synthetic_probe": False,
            "prompt_metadata": {}, "provider": "openai", "model": "m", "model_version": "m-1", "variant": variant,
            "repeat": repeat, "simulated": False, "full_response": f"It is {prompt_id}.", "thinking": None,
            "finish_reason": "stop", "finish_detail": "stop", "tokens_used": {"input": 10, "output": 20, "total": 30},
            "token_logprobs": None, "logprobs_of": None, "output_token_ids": None,
            "sampling_params": {"temperature": 0.0, "max_tokens": 64, "seed": 1}, "seed": 1, "runtime": None,
            "template": None, "timestamp": "2026-07-26T10:00:00+00:00", "elapsed_seconds": 1.0, "queued_seconds": 0.0,
            "retry_count": 0, "request_id": None, "reused_from": None, "cost_usd": None, "error_detail": None,
            "error": None,
        }  # fmt: skip
        unknown = facts.keys() - record.keys()
        assert not unknown
        record |= facts
        if record["error"] is not None:
            record |= dict.fromkeys(("full_response", "finish_reason", "finish_detail", "tokens_used", "model_version"))
        return record

    return make


@pytest.fixture
def real_fields(make_variant, make_requests) -> list[str]:
    """The fields that a record has, in order."""
    [request] = make_requests(1)
    done = Completion("text", FinishReason.STOP, Usage(1, 1, 2), "v", {})
    return list(Record("r", request, done, None, datetime(2026, 7, 26, tzinfo=UTC), 1.0, 0.0, 0).to_dict())


@pytest.fixture
def position():
    """Makes one position of token_logprobs; `top` are (token, probability), the sampled token is `token`."""

    def make(token: str, *top: tuple[str, float], probability: float | None = None, raw: float | None = None) -> dict:
        known = dict(top)
        logprob = math.log(known[token] if probability is None else probability)
        return {
            "token_position": 0, "token": token, "token_id": 1, "logprob": logprob,
            "raw_logprob": logprob if raw is None else math.log(raw), "top_tokens": [text for text, _ in top],
            "top_token_ids": list(range(len(top))), "top_logprobs": [math.log(share) for _, share in top],
        }  # fmt: skip

    return make


@pytest.fixture
def write_run(tmp_path):
    """Writes a run's folder."""

    def write(records, *, events=None, run=None, scores=None, torn=b"") -> Path:
        folder = tmp_path / "out" / "study"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
        (folder / "results.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode() + torn)
        if events is not None:
            (folder / "events.jsonl").write_bytes(events if isinstance(events, bytes) else _lines(events))
        if scores is not None:
            (folder / "scores.jsonl").write_bytes(scores if isinstance(scores, bytes) else _lines(scores))
        if run is not None:
            (folder / "run.json").write_text(json.dumps(run))
        return folder

    return write


def _lines(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def manifest() -> dict:
    """What run.json of a small run says."""
    return {
        "schema_version": 1, "run_id": "abc123", "created_at": "2026-07-26T10:00:00+00:00", "simulated": False,
        "prompts": {"file": "prompts/mine.json", "sha256": "0123456789abcdef0123", "count": 2},
        "variants": {"m@0.0": {}}, "config": {"description": "A small run", "models": [{"api_key": "${SOME_KEY}"}]},
        "resolved": {"m@0.0": {"model_version": ["m-1"]}},
        "invocations": [{
            "started_at": "2026-07-26T10:00:00.000+00:00", "ended_at": "2026-07-26T10:05:00.000+00:00", "exit_code": 0,
            "command": ["harness", "run", "--output", "my out"], "harness": "0.1.0", "python": "3.11.7",
            "platform": "Linux", "packages": {"orjson": "3.13.0"}, "totals": {},
        }],
    }  # fmt: skip


@pytest.fixture(scope="module")
def chromium():
    """A browser. Of a module only: while it is open, its loop would be in the way of tests that need one of their own."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"there is no {CHROMIUM}, and CI is to have one")
        pytest.skip(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Opens a file in a fresh window; a test fails by whatever the page complains of, asks for, or pops up."""
    complaints: list[str] = []
    contexts = []

    def open_it(path: Path, view: str = "", *, width: int = 1200, **settings):
        context = chromium.new_context(viewport={"width": width, "height": 800}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        address = path.resolve().as_uri()
        page.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.split("#")[0] == address or asked.url.startswith("data:")
                else complaints.append(f"request: {asked.url}")
            ),
        )
        page.add_init_script(
            "window.violations = []; document.addEventListener('securitypolicyviolation', (event) => "
            "window.violations.push(event.violatedDirective + ' ' + event.blockedURI))"
        )
        page.goto(address + view)
        return page

    yield open_it
    for context in contexts:
        for page in context.pages:
            complaints += [f"policy: {told}" for told in page.evaluate("window.violations")]
        context.close()
    assert complaints == []


@pytest.fixture
def open_report(write_run, open_page):
    """Writes a run and its report, and opens it."""

    def open_it(records, view: str = "", *, run_files=None, **settings):
        return open_page(write_report(write_run(records, **(run_files or {}))), view, **settings)

    return open_it
