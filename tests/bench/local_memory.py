"""Memory that logprobs take at a vocabulary of 152 k: the engine's recorder against `generate(output_scores=True)`.

Each figure is a fresh process's, which answers the same prompts without logprobs and then with; what they take is the
difference of the two peaks, as Linux counts a process's memory. So whatever a step needs for a moment is in it, and
what Python keeps. Two runs differ by a tenth of a megabyte, so there is one of each.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.schema import LogprobsSpec
from tests.bench.local_models import WIDE
from tests.bench.local_sides import SLOTS, Harness, Library, one_thread
from tests.bench.local_work import Item
from tests.bench.measure import Row, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER_TOKENS = 48
PROMPT_TOKENS = 20
TARGET_MB = 10.0
_ITEMS = tuple(Item(PROMPT_TOKENS, ANSWER_TOKENS, 0.7, seed) for seed in range(SLOTS))
_ALL = LogprobsSpec(positions=None)
_RESET_PEAK = "5"
_PROCESS = Path("/proc/self")


def rows() -> Iterator[Row]:
    """One row.

    Raises:
        RuntimeError: a side failed, or this is not Linux.
    """
    if not (_PROCESS / "clear_refs").exists():
        raise RuntimeError("a process's peak is reset through /proc/self/clear_refs, which only Linux has")
    floor, ours = _taken_mb("library"), _taken_mb("harness")
    yield Row(
        f"local, memory for logprobs, {SLOTS} answers of {ANSWER_TOKENS} tokens, vocabulary {WIDE.vocabulary:,}",
        f"{floor:.1f} MB",
        f"{ours:.1f} MB",
        f"{ours - floor:+.1f} MB",
        judged(f"< {TARGET_MB:g} MB", reached=ours < TARGET_MB),
    )


def _taken_mb(side: str) -> float:
    # Else glibc keeps some of the freed tensors, and which ones depends on what was freed before.
    surroundings = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    command = [sys.executable, "-m", "tests.bench.local_memory", side]
    done = subprocess.run(command, env=surroundings, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    return float(done.stdout)


def main(side: str) -> None:
    """Print what logprobs take on one side, in MB."""
    work = _library() if side == "library" else _harness()
    work(False)
    without = _peak_mb(work, False)
    print(_peak_mb(work, True) - without)


def _library() -> Callable[[bool], object]:
    library = Library(WIDE)
    return lambda logprobs: library.static(_ITEMS, output_scores=logprobs)


def _harness() -> Callable[[bool], object]:
    harness = Harness(WIDE)
    return lambda logprobs: harness.answer(_ITEMS, _ALL if logprobs else None)


def _peak_mb(work: Callable[[bool], object], logprobs: bool) -> float:
    gc.collect()
    (_PROCESS / "clear_refs").write_text(_RESET_PEAK)
    work(logprobs)
    lines = (line.split() for line in (_PROCESS / "status").read_text().splitlines())
    return next(int(line[1]) for line in lines if line[0] == "VmHWM:") * 1024 / 1e6


if __name__ == "__main__":
    with one_thread():
        main(sys.argv[1])
