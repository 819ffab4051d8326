"""Resuming at a million: the scan of a long journal beside reading its raw lines, and the memory that it all takes.

The files are written once, to a temporary folder: about 1.2 GB for a million lines.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.journal import scan
from harness.plan import count_in, requests_for
from harness.prompts import open_prompts, survey
from harness.record import Record
from harness.schema import Completion, FinishReason, Prompt, ProviderType, SamplingParams, Usage, Variant
from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINES = int(os.environ.get("HARNESS_BENCH_LINES", "1000000"))
ROUNDS = 3
TARGET_RATIO = 2.5
TARGET_MB = 100
VARIANT = Variant("gpt-4.1-mini@0.0", ProviderType.OPENAI, "gpt-4.1-mini", SamplingParams(0.0), run_seed=42)


def rows() -> Iterator[Row]:
    """The scan, then the memory."""
    with tempfile.TemporaryDirectory() as folder:
        prompts, results = Path(folder) / "prompts.jsonl", Path(folder) / "results.jsonl"
        _write(prompts, results)
        yield _scan_row(results)
        yield _memory_row(prompts, results)


def _scan_row(results: Path) -> Row:
    floors, ours = in_turn(ROUNDS, lambda: _seconds(_read_lines, results), lambda: _seconds(_scan, results))
    ratios = [mine / floor for floor, mine in zip(floors, ours, strict=True)]
    return Row(
        f"resume: scan {LINES:,} lines ({results.stat().st_size / 1e9:.2f} GB) against reading the raw lines",
        median_of(floors, "s"),
        median_of(ours, "s"),
        median_of(ratios, "x"),
        judged(f"<= {TARGET_RATIO} x", reached=statistics.median(ratios) <= TARGET_RATIO),
    )


def _memory_row(prompts: Path, results: Path) -> Row:
    command = [sys.executable, "-m", "tests.bench.journal_scan", str(prompts), str(results)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    resident = json.loads(done.stdout)
    grown = resident["peak"] - resident["before"]
    return Row(
        f"memory growth at {LINES:,} prompts, done set and duplicate check included",
        f"{resident['before']:.0f} MB before",
        f"{resident['after']:.0f} MB, peak {resident['peak']:.0f} MB",
        f"+{grown:.0f} MB",
        judged(f"<= +{TARGET_MB} MB", reached=grown <= TARGET_MB),
    )


def _seconds(work: Callable[[Path], None], path: Path) -> float:
    before = time.perf_counter()
    work(path)
    return time.perf_counter() - before


def _read_lines(path: Path) -> None:
    with path.open("rb", buffering=1 << 20) as file:
        for _ in file:
            pass


def _scan(path: Path) -> None:
    found = scan(path)
    if (found.successes, found.duplicates) != (LINES, 0):
        raise SystemExit(f"the scan found {found.successes} of {LINES} answers")


def _write(prompts: Path, results: Path) -> None:
    """A prompt file, and a journal with an answer to every prompt; the lines' lengths vary about 1 000 bytes."""
    dice = random.Random(1)
    with prompts.open("w") as questions, results.open("wb", buffering=1 << 20) as answers:
        for number in range(LINES):
            row = {"id": f"p{number}", "prompt": f"Question {number}: which controls come first, and why?"}
            questions.write(
                json.dumps(row | {"category": f"c{number % 7}", "is_synthetic_probe": number % 2 == 0}) + "\n"
            )
        templates = [_line("x" * dice.randrange(100, 400)) for _ in range(64)]
        for request in requests_for(
            VARIANT, 42, (Prompt(f"p{n}", f"Question {n}: which controls come first, and why?") for n in range(LINES))
        ):
            head, tail = dice.choice(templates)
            answers.write(head + request.item_id.encode() + tail)


def _line(text: str) -> tuple[bytes, bytes]:
    """What comes before and after the item id."""
    (request,) = requests_for(VARIANT, 42, [Prompt("p0", "Question: which controls come first, and why?")])
    answer = Completion(
        text, FinishReason.STOP, Usage(20, 60, 80), VARIANT.model, {"temperature": 0.0, "max_tokens": 64}
    )
    record = Record("0" * 32, request, answer, None, datetime.now(UTC), 1.0, 0.0, 0, 0.0001)
    head, tail = record.to_line().split(request.item_id.encode())
    return head, tail


def _measure(prompts: Path, results: Path) -> None:
    """What a resumed run does before its first request, with its memory before, after and at most, in MB."""
    before = _resident("VmRSS")
    source = open_prompts(prompts)
    count = survey(source).count
    found = scan(results)
    (done,) = count_in(found.done, [VARIANT], source)
    if done != count or count != found.records:
        raise SystemExit(f"of {count} prompts {done} were found done")
    print(json.dumps({"before": before, "after": _resident("VmRSS"), "peak": _resident("VmHWM")}))


def _resident(what: str) -> float:
    # Not `ru_maxrss`, which a child inherits from its parent.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    _measure(*map(Path, sys.argv[1:]))
