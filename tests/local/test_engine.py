from __future__ import annotations

import weakref
from dataclasses import replace

import pytest

from harness.errors import RejectedError
from harness.local.loading import load
from harness.local.template import Template
from harness.schema import FinishReason, LogprobsSpec
from tests.local.reference import generated

PROMPTS = [
    "Hi",
    "What does a firewall do, in one sentence?",
    "Name three common ports and the services behind them. Then say which of them should be closed, and why.",
]


def limit(engine, **changes):
    engine._answering.limits = replace(engine._answering.limits, **changes)


def tokens_of(completions):
    return [completion.output_token_ids for completion in completions]


def test_the_seed_decides_a_sampled_answer_and_not_a_greedy_one(answer, request_for):
    one, other, again = answer(*(request_for(temperature=1.0, seed=seed) for seed in (1, 2, 1)))
    assert one.output_token_ids != other.output_token_ids
    assert one.output_token_ids == again.output_token_ids

    one, other = answer(*(request_for(temperature=0.0, seed=seed) for seed in (1, 2)))
    assert one.output_token_ids == other.output_token_ids


def test_tokens_are_counted_without_padding(tiny, answer, request_for):
    requests = [request_for(prompt, max_tokens=3 + i) for i, prompt in enumerate(PROMPTS)]

    for request, completion in zip(requests, answer(*requests), strict=True):
        rendered = tiny.template.render(request).token_ids
        assert completion.usage.input == len(rendered)
        assert completion.usage.output == len(completion.output_token_ids) <= request.variant.sampling.max_tokens
        assert completion.usage.total == completion.usage.input + completion.usage.output


def test_any_of_the_eos_tokens_ends_an_answer_and_is_counted_but_not_in_the_text(
    engine, desk, request_for, monkeypatch
):
    loaded = engine._loaded
    monkeypatch.setattr(loaded, "info", replace(loaded.info, eos_ids=(1, *range(5, 25))))
    batch = desk([request_for(temperature=1.5, seed=seed, max_tokens=200) for seed in range(6)])

    engine.generate(batch)

    ends = set()
    for completion in batch.outcomes.values():
        *before, last = completion.output_token_ids
        assert completion.finish_reason is FinishReason.STOP
        assert last in loaded.info.eos_ids
        assert not set(before) & set(loaded.info.eos_ids)
        assert completion.text == loaded.tokenizer.decode(before, skip_special_tokens=True)
        assert completion.usage.output == len(before) + 1
        assert len(completion.token_logprobs) == min(50, len(before) + 1)
        ends.add(last)
    assert len(ends) > 1


def test_a_row_is_delivered_at_the_step_that_ends_it(engine, desk, request_for):
    batch = desk([request_for(max_tokens=9), request_for(max_tokens=2), request_for(max_tokens=5)])

    engine.generate(batch)

    at = batch.delivered_at
    assert (at[2] - at[1], at[0] - at[2]) == (3, 4)
    assert [batch.outcomes[i].finish_reason for i in range(3)] == [FinishReason.LENGTH] * 3


def test_an_answer_of_one_token_needs_no_step_after_the_prompt(tiny, answer, request_for, on_forward):
    passes = on_forward(tiny.model, lambda *_: None)

    one, other = answer(request_for("Hi", max_tokens=1), request_for("Ho", max_tokens=1, temperature=1.0))

    assert [len(completion.output_token_ids) for completion in (one, other)] == [1, 1]
    assert one.finish_reason is other.finish_reason is FinishReason.LENGTH
    assert passes == [1]


def test_an_answer_is_cut_before_its_stop_string(answer, request_for):
    [whole] = answer(request_for(max_tokens=40, temperature=1.0))
    stop = whole.text[6:8]

    [cut] = answer(request_for(max_tokens=40, temperature=1.0, stop=("never said", stop)))

    assert cut.finish_reason is FinishReason.STOP_SEQUENCE
    assert cut.finish_detail == stop
    assert cut.text == whole.text[: whole.text.find(stop)]
    assert cut.output_token_ids == whole.output_token_ids[: len(cut.output_token_ids)]
    assert cut.sent["stop"] == ["never said", stop]


def test_only_the_first_positions_are_recorded_and_none_where_none_are_asked_for(answer, request_for):
    some, none, every = answer(
        request_for(max_tokens=10, logprobs=LogprobsSpec(top=2, positions=4)),
        request_for(max_tokens=10, logprobs=None),
        request_for(max_tokens=60, logprobs=LogprobsSpec(top=20, positions=None)),
    )

    assert [token.token_position for token in some.token_logprobs] == [0, 1, 2, 3]
    assert {len(token.top_logprobs) for token in some.token_logprobs} == {2}
    assert none.token_logprobs is None
    assert none.logprobs_of is None
    assert len(every.token_logprobs) == len(every.output_token_ids)
    assert {len(token.top_tokens) for token in every.token_logprobs} == {20}


def test_tokens_that_top_k_excluded_are_not_in_the_top_list(answer, request_for):
    [completion] = answer(request_for(temperature=0.8, top_k=2))

    assert {len(token.top_logprobs) for token in completion.token_logprobs} == {2}
    assert all(token.token_id in token.top_token_ids for token in completion.token_logprobs)


def test_what_was_sent_says_what_had_an_effect(answer, request_for):
    greedy, unset, drawn = (
        completion.sent
        for completion in answer(
            request_for(temperature=0.0, top_p=0.9, top_k=5, min_p=0.1),
            request_for(temperature=None, repetition_penalty=1.2),
            request_for(temperature=0.7, top_p=0.9, min_p=0.1, seed=41),
        )
    )

    assert (greedy["temperature"], greedy["top_p"], greedy["top_k"], greedy["min_p"]) == (0.0, None, None, None)
    assert (greedy["max_tokens"], greedy["seed"], greedy["stop"]) == (12, 7, None)
    assert (unset["temperature"], unset["repetition_penalty"]) == (0.0, 1.2)
    assert (drawn["temperature"], drawn["top_p"], drawn["min_p"], drawn["seed"]) == (0.7, 0.9, 0.1, 41)


def test_a_record_says_where_and_how_it_was_computed(engine, answer, request_for):
    [completion] = answer(request_for())

    runtime, info = completion.runtime, engine._loaded.info
    assert (runtime["dtype"], runtime["device"], runtime["attention"]) == ("float32", "cpu", "sdpa")
    assert (runtime["engine"], runtime["slots"]) == (engine._spec.engine, 16)
    assert runtime["weights"] == completion.model_version == info.weights_hash
    assert runtime["weights"].startswith("sha256:")
    assert completion.template["form"] == "chat_template"


def test_a_prompt_over_the_context_is_refused_before_anything_is_generated_and_the_others_live(
    engine, tiny, desk, request_for, on_forward
):
    batch = desk([request_for("x" * 300), request_for("y" * 100, max_tokens=200)])
    passes = on_forward(tiny.model, lambda *_: None)
    engine.generate(batch)
    assert passes == []
    assert "Shorten the prompt" in batch.outcomes[0].message
    assert "Set max_tokens to" in batch.outcomes[1].message
    assert isinstance(batch.outcomes[0], RejectedError)
    assert batch.outcomes[0].sent is False

    batch = desk([request_for("x" * 300), request_for("short")])
    engine.generate(batch)
    assert isinstance(batch.outcomes[0], RejectedError)
    assert len(batch.outcomes[1].output_token_ids) == 12


def test_a_text_that_fills_the_context_to_its_last_token_is_answered(tiny, answer, request_for):
    room = tiny.info.context_length - len(tiny.template.render(request_for("")).token_ids)
    request = request_for("x" * (room - 30), max_tokens=30)
    other = request_for("Hi", max_tokens=60)

    completion, beside = answer(request, other)

    assert completion.output_token_ids == generated(tiny, request).ids
    assert beside.output_token_ids == generated(tiny, other).ids


def test_a_prompt_of_one_token_is_answered(tiny, engine_of, answers, tokenizer_with, request_for, engine):
    bare = replace(tiny, template=Template(tokenizer_with("{{ messages[-1]['content'] }}")))
    requests = [request_for("x", max_tokens=7), request_for("What?", max_tokens=5)]
    assert len(bare.template.render(requests[0]).token_ids) == 1

    completions = answers(engine_of(bare, engine=engine._spec.engine), *requests)

    assert tokens_of(completions) == [generated(bare, request).ids for request in requests]


def test_a_prompt_without_a_token_is_refused(tiny, engine_of, answers, tokenizer_with, request_for, engine):
    bare = replace(tiny, template=Template(tokenizer_with("{{ messages[-1]['content'] }}")))

    [refused, answered] = answers(engine_of(bare, engine=engine._spec.engine), request_for(""), request_for("x"))

    assert isinstance(refused, RejectedError)
    assert "has no token" in refused.message
    assert answered.output_token_ids


@pytest.mark.parametrize("piece", [1, 16, 44, 45, 46])
def test_prompts_read_in_pieces_are_answered_as_those_read_at_once(tiny, continuous, answers, request_for, piece):
    requests = [request_for(prompt, max_tokens=9) for prompt in PROMPTS]
    assert len(tiny.template.render(requests[1]).token_ids) == 45
    limit(continuous, piece=piece)

    completions = answers(continuous, *requests, slots=2)

    assert tokens_of(completions) == [generated(tiny, request).ids for request in requests]


def test_a_long_prompt_is_read_between_steps_of_the_others(continuous, desk, request_for):
    limit(continuous, piece=16)
    batch = desk([request_for("Hi", max_tokens=40), request_for("Ho", max_tokens=40), request_for("x" * 80)], slots=4)

    continuous.generate(batch)

    assert max(batch.prefills) <= 4 * 16
    assert sum(batch.prefills) == sum(outcome.usage.input for outcome in batch.outcomes.values())
    assert batch.rows[0] == 2
    assert max(batch.rows) == 3


def test_a_budget_for_one_row_answers_them_one_after_another(tiny, continuous, desk, request_for):
    requests = [request_for(prompt, max_tokens=6) for prompt in PROMPTS]
    limit(continuous, budget=1, bytes_per_token=100)
    batch = desk(requests)

    continuous.generate(batch)

    assert set(batch.rows) == {1}
    assert tokens_of(batch.outcomes[i] for i in range(3)) == [generated(tiny, request).ids for request in requests]


def test_a_budget_is_shared_by_as_many_rows_as_their_longest_answers_leave_room_for(
    tiny, continuous, desk, request_for
):
    short, long = request_for("Hi", max_tokens=6), request_for("x" * 150, max_tokens=6)
    reach = len(tiny.template.render(long).token_ids) + 6
    limit(continuous, budget=2 * reach * 100, bytes_per_token=100)

    crowded, roomy = desk([long, short, short, short]), desk([short, short, short, short])
    continuous.generate(crowded)
    continuous.generate(roomy)

    assert max(crowded.rows[:5]) == 2
    assert max(roomy.rows) == 4
    assert len(crowded.outcomes) == 4


def test_a_row_that_ends_makes_room_for_one_that_waits(continuous, desk, request_for):
    lengths = [30, 3, 3, 3, 3, 3]
    requests = [request_for(f"port {i}", max_tokens=length) for i, length in enumerate(lengths)]
    batch = desk(requests[:2], slots=2, waiting=requests[2:])

    continuous.generate(batch)

    # 28 + 5 × 2 tokens after the first ones, which come with the prompts.
    assert sum(batch.rows) == 39
    assert batch.steps == 29
    assert [len(batch.outcomes[i].output_token_ids) for i in range(6)] == lengths


def test_no_more_rows_are_taken_than_there_is_work_for(continuous, desk, request_for):
    batch = desk(
        [request_for("one", max_tokens=50)],
        stop_after=3,
        slots=2,
        waiting=[request_for(str(i), max_tokens=50) for i in range(9)],
    )

    continuous.generate(batch)

    assert 2 <= batch.taken <= 4
    assert max(batch.rows) == 2


def test_memory_that_is_set_aside_is_told(tiny, continuous, desk, request_for):
    batch = desk([request_for(max_tokens=5)])

    continuous.generate(batch)

    config = tiny.model.config
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4
    assert batch.kv_bytes[-1] >= per_token * batch.outcomes[0].usage.total
    assert batch.kv_bytes[-1] % per_token == 0


@pytest.fixture
def wishful(checkpoint_in, tmp_path):
    """The same weights, with wishes of their own."""
    return checkpoint_in(tmp_path, repetition_penalty=1.5, top_k=1, do_sample=True, temperature=0.1, max_length=3)


def test_the_wishes_of_the_checkpoint_for_generate_are_not_followed(
    engine, answer, answers, wishful, tiny_spec, engine_of, request_for
):
    loaded = load(replace(tiny_spec, path=str(wishful)))
    requests = [request_for(temperature=0.0, max_tokens=30), request_for(temperature=1.0, max_tokens=30)]

    completions = answers(engine_of(loaded, engine=engine._spec.engine), *requests)

    assert tokens_of(completions) == tokens_of(answer(*requests))
    assert loaded.info.generation_config["repetition_penalty"] == 1.5
    assert loaded.info.generation_config["top_k"] == 1
    assert loaded.info.eos_ids == (1,)


def test_unloading_lets_go_of_the_weights(tiny_spec, engine_of):
    loaded = load(tiny_spec)
    model = weakref.ref(loaded.model)
    engine = engine_of(loaded)
    loaded.model = None

    engine.unload()

    assert model() is None
