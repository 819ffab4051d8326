from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness.errors import ModelUnavailable, RejectedError
from harness.local.engine import GenerateEngine
from harness.local.jobs import BatchTooLargeError
from harness.schema import FinishReason, LogprobsSpec

PROMPTS = [
    "Hi",
    "What does a firewall do, in one sentence?",
    "Name three common ports and the services behind them. Then say which of them should be closed, and why.",
]


def reference(engine, request, sampled_ids=None, **options):
    """What transformers' own generate yields for one prompt: ids, (T, V) scores, (T, V) logits.

    Sampling is made to draw `sampled_ids`, so that every position is compared on the same history.
    """
    loaded = engine._loaded
    ids = torch.tensor([loaded.template.render(request).token_ids])
    draws = iter(sampled_ids or ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "multinomial", lambda probs, num_samples: torch.tensor([[next(draws)]]))
        out = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=GenerationConfig(
                max_new_tokens=request.variant.sampling.max_tokens,
                eos_token_id=list(loaded.info.eos_ids),
                return_dict_in_generate=True,
                output_scores=True,
                output_logits=True,
                **options,
            ),
        )
    return out.sequences[0, ids.shape[1] :].tolist(), torch.cat(out.scores), torch.cat(out.logits)


def assert_evidence_equals(completion, scores, logits):
    log_scores, log_logits = scores.log_softmax(-1), logits.log_softmax(-1)
    assert len(completion.token_logprobs) == len(completion.output_token_ids)
    for position, token in enumerate(completion.token_logprobs):
        assert token.token_id == completion.output_token_ids[position]
        assert token.logprob == pytest.approx(log_scores[position, token.token_id].item(), abs=1e-4)
        assert token.raw_logprob == pytest.approx(log_logits[position, token.token_id].item(), abs=1e-4)
        top = log_scores[position].topk(5)
        finite = top.values.isfinite()
        assert list(token.top_logprobs) == pytest.approx(top.values[finite].tolist(), abs=1e-4)
        own = log_scores[position, list(token.top_token_ids)]
        assert own.tolist() == pytest.approx(list(token.top_logprobs), abs=1e-4)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_ids_and_logprobs_are_those_of_generate_with_output_scores(engine, answer, request_for, prompt):
    request = request_for(prompt, max_tokens=16)
    [completion] = answer(request)

    ids, scores, logits = reference(engine, request, do_sample=False)

    assert list(completion.output_token_ids) == ids
    assert_evidence_equals(completion, scores, logits)


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 0.7},
        {"temperature": 1.3, "top_p": 0.9},
        {"temperature": 0.7, "top_k": 3},
        {"temperature": 1.0, "top_k": 20, "top_p": 0.5},
    ],
    ids="-".join,
)
def test_sampled_logprobs_are_those_of_generate_with_output_scores(engine, answer, request_for, sampling):
    requests = [request_for(prompt, seed=100 + i, max_tokens=16, **sampling) for i, prompt in enumerate(PROMPTS)]

    for request, completion in zip(requests, answer(*requests), strict=True):
        options = {"top_k": 0, "top_p": 1.0} | sampling
        ids, scores, logits = reference(engine, request, completion.output_token_ids, do_sample=True, **options)
        assert list(completion.output_token_ids) == ids
        assert_evidence_equals(completion, scores, logits)


def test_logprobs_of_logits_are_raw(engine, answer, request_for):
    request = request_for(temperature=0.5, top_k=2, logprobs=LogprobsSpec(top=4, of="logits"))
    [completion] = answer(request)

    _, _, logits = reference(engine, request, completion.output_token_ids, do_sample=True, temperature=0.5, top_k=2)

    assert completion.logprobs_of == "logits"
    for token, row in zip(completion.token_logprobs, logits.log_softmax(-1), strict=True):
        assert list(token.top_logprobs) == pytest.approx(row.topk(4).values.tolist(), abs=1e-4)
        assert token.logprob == token.raw_logprob


def test_an_answer_is_the_same_alone_and_among_fifteen_others_in_any_order(answer, request_for):
    requests = [
        request_for(
            "which port is open? " * (1 + i % 8) + str(i),
            seed=i,
            temperature=(0.0, 0.7, 1.0, 1.5)[i % 4],
            max_tokens=24,
        )
        for i in range(16)
    ]
    alone = {request.item_id: answer(request)[0] for request in requests}

    for shuffle in (1, 2):
        order = random.Random(shuffle).sample(requests, len(requests))
        for request, completion in zip(order, answer(*order), strict=True):
            assert completion.output_token_ids == alone[request.item_id].output_token_ids
            assert completion.text == alone[request.item_id].text
            assert completion.usage == alone[request.item_id].usage
            assert [token.logprob for token in completion.token_logprobs] == pytest.approx(
                [token.logprob for token in alone[request.item_id].token_logprobs], abs=1e-4
            )


def test_the_seed_decides_a_sampled_answer_and_not_a_greedy_one(answer, request_for):
    one, other, again = answer(*(request_for(temperature=1.0, seed=seed) for seed in (1, 2, 1)))
    assert one.output_token_ids != other.output_token_ids
    assert one.output_token_ids == again.output_token_ids

    one, other = answer(*(request_for(temperature=0.0, seed=seed) for seed in (1, 2)))
    assert one.output_token_ids == other.output_token_ids


def test_tokens_are_counted_without_padding(engine, answer, request_for):
    requests = [request_for(prompt, max_tokens=3 + i) for i, prompt in enumerate(PROMPTS)]

    for request, completion in zip(requests, answer(*requests), strict=True):
        rendered = engine._loaded.template.render(request).token_ids
        assert completion.usage.input == len(rendered)
        assert completion.usage.output == len(completion.output_token_ids) <= request.variant.sampling.max_tokens
        assert completion.usage.total == completion.usage.input + completion.usage.output


def test_an_answer_ends_with_its_eos_token_which_is_counted_and_not_in_the_text(engine, desk, request_for):
    requests = [request_for(temperature=1.5, seed=seed, max_tokens=200) for seed in range(6)]
    loaded = engine._loaded
    info = replace(loaded.info, eos_ids=(1, *range(5, 25)))
    patched = GenerateEngine(engine._spec, loader=lambda spec: loaded_with(loaded, info))
    patched.load()
    batch = desk(requests)

    patched.generate(batch)

    for completion in batch.outcomes.values():
        *before, last = completion.output_token_ids
        assert completion.finish_reason is FinishReason.STOP
        assert last in info.eos_ids
        assert not set(before) & set(info.eos_ids)
        assert completion.text == loaded.tokenizer.decode(before, skip_special_tokens=True)
        assert completion.usage.output == len(before) + 1
        assert len(completion.token_logprobs) == min(50, len(before) + 1)


def loaded_with(loaded, info):
    return type(loaded)(loaded.model, loaded.tokenizer, loaded.template, loaded.device, info)


def test_a_row_is_delivered_at_the_step_that_ends_it(engine, desk, request_for):
    batch = desk([request_for(max_tokens=9), request_for(max_tokens=2), request_for(max_tokens=5)])

    engine.generate(batch)

    assert batch.delivered_at == {0: 9, 1: 2, 2: 5}
    assert [batch.outcomes[i].finish_reason for i in range(3)] == [FinishReason.LENGTH] * 3


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
    greedy, unset, drawn = answer(
        request_for(temperature=0.0, top_p=0.9, top_k=5),
        request_for(temperature=None),
        request_for(temperature=0.7, top_p=0.9, seed=41),
    )

    assert greedy.sent == {
        "temperature": 0.0, "max_tokens": 12, "seed": 7, "top_p": None, "top_k": None, "stop": None,
    }  # fmt: skip
    assert unset.sent["temperature"] == 0.0
    assert (drawn.sent["temperature"], drawn.sent["top_p"], drawn.sent["seed"]) == (0.7, 0.9, 41)


def test_a_record_says_where_and_how_it_was_computed(answer, request_for):
    [completion] = answer(request_for())

    runtime = completion.runtime
    assert (runtime["dtype"], runtime["device"], runtime["engine"], runtime["slots"]) == (
        "float32",
        "cpu",
        "generate",
        16,
    )
    assert runtime["attention"] == "sdpa"
    assert completion.template["form"] == "chat_template"
    assert completion.model_version.startswith("sha256:")


def test_a_prompt_over_the_context_is_refused_before_anything_is_generated_and_the_others_live(
    engine, desk, request_for
):
    batch = desk([request_for("x" * 300), request_for("short"), request_for("y" * 100, max_tokens=200)])

    engine.generate(batch)

    assert isinstance(batch.outcomes[0], RejectedError)
    assert "Shorten the prompt" in batch.outcomes[0].message
    assert "Set max_tokens to" in batch.outcomes[2].message
    assert batch.delivered_at == {0: 0, 2: 0, 1: 12}


def test_logits_that_are_no_numbers_fail_their_row_alone(engine, desk, request_for, monkeypatch):
    requests = [request_for("one"), request_for("two"), request_for("three")]
    healthy = desk(requests)
    engine.generate(healthy)
    head = engine._loaded.model.lm_head
    calls = []

    def poison(module, args, output):
        calls.append(1)
        if len(calls) == 4:
            output[1] = float("nan")
        return output

    batch = desk(requests)
    handle = head.register_forward_hook(poison)
    try:
        engine.generate(batch)
    finally:
        handle.remove()

    assert isinstance(batch.outcomes[1], RejectedError)
    assert batch.delivered_at[1] == 4
    assert "bfloat16" in batch.outcomes[1].message
    for index in (0, 2):
        assert batch.outcomes[index].output_token_ids == healthy.outcomes[index].output_token_ids


def test_generation_ends_at_the_next_step_when_asked_to_stop(engine, desk, request_for):
    batch = desk([request_for(max_tokens=200)], stop_after=5)

    engine.generate(batch)

    assert batch.steps == 5
    assert not batch.outcomes


def test_a_row_whose_caller_has_gone_keeps_nobody_waiting(engine, desk, request_for):
    batch = desk([request_for(max_tokens=200), request_for(max_tokens=4)])
    batch.jobs[0].abandoned = True

    engine.generate(batch)

    assert batch.steps == 4
    assert list(batch.outcomes) == [1]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "mps", "cpu"],
)
def test_running_out_of_memory_asks_for_a_smaller_batch(engine, desk, request_for, monkeypatch, error):
    def fail(**_):
        raise error

    monkeypatch.setattr(engine._loaded.model, "generate", fail)

    with pytest.raises(BatchTooLargeError):
        engine.generate(desk([request_for()]))


def test_a_failed_cuda_assert_parks_the_model(engine, desk, request_for, monkeypatch):
    def fail(**_):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(engine._loaded.model, "generate", fail)

    with pytest.raises(ModelUnavailable, match="run the same command again"):
        engine.generate(desk([request_for()]))


@pytest.fixture
def wishful(checkpoint_in, tmp_path):
    """The same weights, with wishes of their own."""
    return checkpoint_in(tmp_path, repetition_penalty=1.5, top_k=1, do_sample=True, temperature=0.1, max_length=3)


def test_the_wishes_of_the_checkpoint_for_generate_are_not_followed(answer, wishful, tiny_spec, desk, request_for):
    engine = GenerateEngine(replace(tiny_spec, path=str(wishful)))
    info = engine.load()
    requests = [request_for(temperature=0.0, max_tokens=30), request_for(temperature=1.0, max_tokens=30)]
    batch = desk(requests)

    engine.generate(batch)

    plain = answer(*requests)
    assert [batch.outcomes[i].output_token_ids for i in range(2)] == [done.output_token_ids for done in plain]
    assert info.generation_config["repetition_penalty"] == 1.5
    assert info.generation_config["top_k"] == 1
    assert info.eos_ids == (1,)


def test_unloading_lets_go_of_the_weights(tiny_spec):
    import weakref

    engine = GenerateEngine(tiny_spec)
    engine.load()
    model = weakref.ref(engine._loaded.model)

    engine.unload()

    assert model() is None


def test_scores_equal_those_of_transformers_warpers(request_for):
    from harness.local.sampling import BatchSampler, RowSampling

    requests = [
        request_for(temperature=0.7, top_k=5),
        request_for(temperature=0.0, top_k=5),
        request_for(temperature=1.2, top_p=0.4, top_k=50),
        request_for(temperature=0.3, top_p=0.95),
        request_for(temperature=1.0, top_k=1000),
    ]
    logits = torch.randn(5, 300, generator=torch.Generator().manual_seed(3)) * 4
    scores = BatchSampler([RowSampling.of(request) for request in requests], torch.device("cpu")).process(logits)

    for request, row, got in zip(requests, logits, scores, strict=True):
        chosen = RowSampling.of(request)
        warpers = LogitsProcessorList()
        if chosen.temperature:
            warpers.append(TemperatureLogitsWarper(chosen.temperature))
        if chosen.top_k:
            warpers.append(TopKLogitsWarper(chosen.top_k))
        if chosen.top_p:
            warpers.append(TopPLogitsWarper(chosen.top_p))
        assert torch.equal(got, warpers(torch.zeros(1, 1, dtype=torch.long), row[None].clone())[0])
