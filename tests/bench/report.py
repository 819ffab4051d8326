"""A report of 4000 answers in a headless Chromium: how long it takes to open, and to filter, search and sort.

Each answer has 1.2 kB of text, half of them have 50 positions with their top-5. Opening is bare with the same data in a
page that does not look at them, and lasts from the address until the overview is shown; a filter is bare as a frame that
draws nothing new, and lasts from the event until its frame is painted.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from playwright.sync_api import sync_playwright

from harness.analysis.report import write_report
from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

PROMPTS, VARIANTS = 400, 10
ROUNDS = 7
OPEN_S, FILTER_S = 2.0, 0.1
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_STEPS = (
    ("variant", "v3@0.7"), ("category", '"c2"'), ("query", "prompt"), ("query", "wo"), ("query", "word 77"), ("query", ""),
    ("category", ""), ("variant", ""), ("order", "mean_logprob"), ("order", ""), ("reason", "length"), ("reason", ""),
)  # fmt: skip
_PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def rows() -> Iterator[Row]:
    """Two rows; the file's size and the seconds that it took to write stand in the first."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        _write_run(Path(folder))
        began = time.perf_counter()
        report = write_report(Path(folder))
        wrote_s = time.perf_counter() - began
        bare = report.with_name("bare.html")
        bare.write_text(re.sub(r"<script>.*?</script>", "", report.read_text(), flags=re.DOTALL))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_FLAGS)
        floors, ours = in_turn(ROUNDS, lambda: _open_s(browser, bare), lambda: _open_s(browser, report))
        print(f"parsing the data: {_parse_s(browser, report):.3f} s", file=sys.stderr)
        yield Row(
            f"report, {PROMPTS * VARIANTS} answers, {report.stat().st_size / 1e6:.1f} MB, written in {wrote_s:.1f} s: opening",
            median_of(floors, "s"),
            median_of(ours, "s"),
            "+" + median_of([our - floor for our, floor in zip(ours, floors, strict=True)], "s"),
            judged(f"<= {OPEN_S} s", reached=max(ours) <= OPEN_S),
        )
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.goto(report.as_uri() + "#answers")
        frames, filters = _filter_s(page)
        slowest = max(filters, key=lambda name: statistics.median(filters[name]))
        every = [seconds for values in filters.values() for seconds in values]
        yield Row(
            f"report, a filter, search or order; slowest: {slowest}, {median_of(filters[slowest], 's', 3)}",
            median_of(frames, "s", 3),
            median_of(every, "s", 3),
            "+" + median_of([seconds - statistics.median(frames) for seconds in every], "s", 3),
            judged(f"<= {FILTER_S} s", reached=statistics.median(filters[slowest]) <= FILTER_S),
        )
        browser.close()


def _open_s(browser: Browser, path: Path) -> float:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(_PAINTED)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def _parse_s(browser: Browser, path: Path) -> float:
    page = browser.new_page()
    page.goto(path.as_uri())
    milliseconds = page.evaluate(
        "() => { const text = document.getElementById('data').textContent, began = performance.now(); JSON.parse(text); "
        "return performance.now() - began; }"
    )
    page.close()
    return float(milliseconds) / 1000


def _filter_s(page: Page) -> tuple[list[float], dict[str, list[float]]]:
    """Seconds until an idle frame, and until the frame after each step, by step."""
    measure = f"""async ([id, value]) => {{
      await {_PAINTED};
      const began = performance.now();
      if (id) {{ const field = document.getElementById(id); field.value = value;
        field.dispatchEvent(new Event("input", {{ bubbles: true }})); }}
      return (await {_PAINTED} - began) / 1000;
    }}"""
    frames = [page.evaluate(measure, ["", ""]) for _ in range(ROUNDS)]
    filters: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, value in _STEPS:
            filters.setdefault(f"{name} {value or 'none'}", []).append(page.evaluate(measure, [name, value]))
    return frames, filters


def _write_run(folder: Path) -> None:
    rng = random.Random(0)
    words = [f"word {n}" for n in range(2000)]
    with (folder / "results.jsonl").open("wb") as file:
        for prompt in range(PROMPTS):
            for variant in range(VARIANTS):
                file.write(orjson.dumps(_record(rng, words, prompt, variant), option=orjson.OPT_APPEND_NEWLINE))


def _record(rng: random.Random, words: list[str], prompt: int, variant: int) -> dict[str, Any]:
    text = " ".join(rng.choices(words, k=150))[:1200]
    name = f"v{variant // 2}@{'0.0' if variant % 2 == 0 else '0.7'}"
    return {
        "item_id": hashlib.blake2b(f"{prompt} {variant}".encode(), digest_size=16).hexdigest(), "run_id": "r",
        "schema_version": 1, "prompt_id": f"prompt_{prompt:04}", "prompt": " ".join(rng.choices(words, k=20)),
        "messages": None, "system": None, "prompt_category": f"c{prompt % 5}", "is_synthetic_probe": prompt % 3 == 0,
        "prompt_metadata": {"gold_points": rng.choices(words, k=20)}, "provider": "local", "model": f"v{variant // 2}",
        "model_version": "1", "variant": name, "repeat": 0, "simulated": False, "full_response": text, "thinking": None,
        "finish_reason": "length" if rng.random() < 0.2 else "stop", "finish_detail": None,
        "tokens_used": {"input": 40, "output": 300, "total": 340},
        "token_logprobs": [_position(rng, words, place) for place in range(50)] if variant % 2 else None,
        "logprobs_of": "scores" if variant % 2 else None, "output_token_ids": None,
        "sampling_params": {"temperature": 0.7, "max_tokens": 300, "seed": prompt}, "seed": prompt, "runtime": None,
        "template": None, "timestamp": "2026-07-26T10:00:00+00:00", "elapsed_seconds": rng.lognormvariate(0, 0.5),
        "queued_seconds": 0.1, "retry_count": 0, "request_id": f"req_{prompt}_{variant}", "cost_usd": 0.001,
        "error_detail": None, "error": None,
    }  # fmt: skip


def _position(rng: random.Random, words: list[str], place: int) -> dict[str, Any]:
    shares = sorted((rng.random() ** 4 for _ in range(5)), reverse=True)
    top = [math.log(share / (sum(shares) + 0.01) + 1e-9) for share in shares]
    tokens = rng.sample(words, 5)
    chosen = rng.randrange(5)
    return {
        "token_position": place, "token": tokens[chosen], "token_id": place, "logprob": top[chosen],
        "raw_logprob": top[chosen] * 0.9, "top_tokens": tokens, "top_token_ids": list(range(5)), "top_logprobs": top,
    }  # fmt: skip
