from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.errors import RejectedError
from harness.local.template import Rendered


@pytest.fixture
def render(monkeypatch):
    """Let the template of an engine make something else of the prompt called `odd`."""

    def install(engine, made):
        template = engine._loaded.template
        real = template.render
        monkeypatch.setattr(template, "render", lambda request: made() if request.prompt.id == "odd" else real(request))

    return install


def requests(request_for, count=5):
    return [request_for(f"question {'x' * i}", max_tokens=4 + i) for i in range(count)] + [request_for("odd")]


def test_a_token_that_the_model_does_not_know_is_refused_before_it_reaches_the_device(
    engine, answer, render, request_for
):
    *before, _ = answer(*requests(request_for))
    render(engine, lambda: Rendered((5, 260, 261), {}))

    *others, refused = answer(*requests(request_for))

    assert isinstance(refused, RejectedError)
    assert "token 261" in refused.message
    assert "those below 261" in refused.message
    assert [other.output_token_ids for other in others] == [other.output_token_ids for other in before]


def test_a_prompt_that_cannot_be_made_into_tokens_fails_alone(engine, answer, render, request_for):
    def burst():
        raise IndexError("no such byte")

    render(engine, burst)

    *others, refused = answer(*requests(request_for))

    assert isinstance(refused, RejectedError)
    assert "IndexError: no such byte" in refused.message
    assert all(other.output_token_ids for other in others)


def test_static_batches_are_no_larger_than_the_memory_allows(tiny, engine_of, desk, request_for):
    engine = engine_of(tiny, engine="generate")
    asked = [request_for("x", max_tokens=6) for _ in range(5)]
    reach = len(tiny.template.render(asked[0]).token_ids) + 6
    per_token = engine._answering.limits.bytes_per_token
    engine._answering.limits = replace(engine._answering.limits, budget=2 * reach * per_token)
    batch = desk(asked)

    engine.generate(batch)

    assert len(batch.outcomes) == 5
    assert max(batch.rows) == 2


def test_rows_that_are_kept_apart_do_not_run_the_loop_dry_one_by_one(continuous, desk, request_for):
    engine = continuous
    engine._answering._steady = 60
    asked = [request_for(f"question {i}", max_tokens=90 if i % 5 == 2 else 5 + i % 4, logprobs=None) for i in range(15)]
    batch = desk(asked[:4], slots=4, waiting=asked[4:])

    engine.generate(batch)

    in_order = sorted(batch.outcomes, key=lambda index: batch.delivered_at[index])
    ran = [batch.outcomes[index].runtime["engine"] for index in in_order]
    assert ran == ["continuous"] * 12 + ["generate"] * 3


def test_a_load_in_another_thread_which_sets_the_processs_number_format_changes_nothing(answer, request_for):
    asked = [request_for("question", temperature=t, seed=3, repetition_penalty=1.2, top_p=0.9) for t in (0.0, 0.9)]
    before = answer(*asked)

    torch.set_default_dtype(torch.bfloat16)
    try:
        after = answer(*asked)
    finally:
        torch.set_default_dtype(torch.float32)

    assert [found.token_logprobs for found in after] == [found.token_logprobs for found in before]
