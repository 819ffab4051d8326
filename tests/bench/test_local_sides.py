"""That both sides do the same work, on a model small enough to try it."""

from __future__ import annotations

import os

import pytest

from tests.bench import local_models
from tests.bench.local_models import Shape, text_of, tokenizer
from tests.bench.local_sides import LOGPROBS, SLOTS, Harness, Library, one_thread
from tests.bench.local_work import Item, tokens

SMALL = Shape("small", vocabulary=64, hidden=16, intermediate=32, layers=2, heads=2, kv_heads=1)
ITEMS = [Item(5 + number, 3 + number % 4, 0.0, number) for number in range(SLOTS + 4)]


@pytest.fixture(scope="module")
def sides():
    with one_thread():
        harness = Harness(SMALL)
        yield Library(SMALL), harness
        harness.close()


def test_a_prompt_has_as_many_tokens_as_wanted():
    made = tokenizer(50)
    messages = [{"role": "user", "content": text_of(17, 50, seed=3)}]
    assert len(made.apply_chat_template(messages, return_dict=True)["input_ids"]) == 17


def test_greedy_answers_are_the_same_on_all_sides_and_as_long_as_wanted(sides):
    library, harness = sides
    answered = {c.usage.input: list(c.output_token_ids) for c in harness.answer(ITEMS)}
    single = library.one_by_one(ITEMS)
    assert [len(answer) for answer in single] == [item.answer_tokens for item in ITEMS]
    assert [answered[item.prompt_tokens] for item in ITEMS] == single == library.static(ITEMS)


def test_sampled_answers_are_as_long_as_wanted_on_all_sides(sides):
    library, harness = sides
    items = [Item(item.prompt_tokens, item.answer_tokens, 0.7, item.seed) for item in ITEMS]
    assert sum(len(completion.output_token_ids) for completion in harness.answer(items)) == tokens(items)
    assert sum(len(answer) for answer in library.static(items)) == tokens(items)


def test_the_harness_runs_continuously_and_records_logprobs_unless_told_otherwise(sides):
    _, harness = sides
    (completion,) = harness.answer(ITEMS[:1])
    assert completion.runtime["engine"] == "continuous"
    assert [len(token.top_tokens) for token in completion.token_logprobs] == [LOGPROBS.top] * ITEMS[0].answer_tokens
    (completion,) = harness.answer(ITEMS[:1], logprobs=None)
    assert completion.token_logprobs is None


def test_an_answer_that_is_missing_is_no_measurement(sides):
    _, harness = sides
    beyond = Item(20, local_models.CONTEXT, 0.0, 0)
    with pytest.raises(RuntimeError, match="context"):
        harness.answer([*ITEMS[:2], beyond])


def test_what_one_thread_changed_is_put_back(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with one_thread():
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in os.environ
