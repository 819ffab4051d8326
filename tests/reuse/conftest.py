"""Journals of other runs, written as a run writes them, and plans over the same prompts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.config import RunConfig, expand
from harness.plan import requests_for
from harness.record import Record
from harness.schema import Completion, Failure, FinishReason, Prompt, TokenLogprob, Usage

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def prompts():
    return [Prompt(f"p{number}", f"question {number}", "asked") for number in range(8)]


@pytest.fixture
def lanes_of():
    """The lanes of an API's model; keywords are keys of the config."""

    def make(**facts):
        model = {"name": "m", "type": "openai", "temperature": [0.0, 0.7]}
        return expand(RunConfig.model_validate({"models": [model], **facts}))

    return make


@pytest.fixture
def lanes(lanes_of):
    return lanes_of()


@pytest.fixture
def positions():
    """Makes the logprobs of `count` tokens, with `top` alternatives each."""

    def make(count, top=5):
        likely = tuple(f"t{rank}" for rank in range(top))
        return tuple(
            TokenLogprob(at, "a ", None, -0.5, None, likely, None, tuple(-0.5 - rank for rank in range(top)))
            for at in range(count)
        )

    return make


@pytest.fixture
def other_run(tmp_path, prompts):
    """Makes another run's folder: answers of `lanes` to the prompts `answered`, failures of those `failed`."""

    def make(name, lanes, answered, failed=(), *, cost_usd=0.25, **facts):
        folder = tmp_path / name
        folder.mkdir()
        done = replace(Completion(f"answer of {name}", FinishReason.STOP, Usage(3, 4, 7), "m-1", {}), **facts)
        failure = Failure("TransientError", "Overloaded.", 529, retryable=True, attempts=3)
        with (folder / "results.jsonl").open("wb") as file:
            for lane in lanes:
                for request in requests_for(lane.variant, lane.seed, prompts):
                    number = int(request.prompt.id[1:])
                    if number in failed:
                        file.write(Record(name, request, None, failure, AT, 1.0, 0.0, 2).to_line())
                    if number in answered:
                        file.write(Record(name, request, done, None, AT, 1.0, 0.0, 0, cost_usd).to_line())
        return folder

    return make
