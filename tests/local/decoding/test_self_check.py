from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import torch

from harness.errors import ModelUnavailable
from harness.local.decoding import self_check
from harness.local.decoding.forward import ModelForward
from harness.local.decoding.self_check import fitness
from harness.local.loading import load
from tests.local.reference import generated
from tests.local.zoo import build_model


@pytest.fixture
def loaded(tiny_spec):
    """The tiny Llama, to be broken."""
    return load(tiny_spec)


@pytest.fixture
def gpt2(loaded, tokenizer):
    """A model that learned each position by heart, so that a shift of all of them shows."""
    return replace(loaded, model=build_model("gpt2", len(tokenizer)))


def in_the_loop(monkeypatch, mangle):
    """Have the continuous loop, and nothing else, call the model with arguments that `mangle` changed."""

    class Mangled(ModelForward):
        def __call__(self, ids, mask, positions, cache):
            return super().__call__(*mangle(ids, mask, positions), cache)

    monkeypatch.setattr(self_check, "ModelForward", Mangled)


def blinded(model):
    """Have `model` take padding for text, wherever it is called from."""
    forward = model.forward

    @functools.wraps(forward)
    def unmasked(*args, attention_mask=None, **kwargs):
        return forward(*args, attention_mask=None, **kwargs)

    model.forward = unmasked


def rounded_in_batches(model):
    """Have `model` say of tokens 2n and 2n + 1 that they are equally likely, where it is given several rows.

    Of a row alone it says that 2n + 1 is likelier, by one rounding of bfloat16.
    """
    model.to(torch.bfloat16)
    with torch.no_grad():
        pairs = model.lm_head.weight[:-1].view(-1, 2, model.config.hidden_size)
        pairs[:, 1] = pairs[:, 0] * (1 + 2**-7)
    forward = model.forward

    @functools.wraps(forward)
    def rounded(input_ids, **kwargs):
        output = forward(input_ids, **kwargs)
        if len(input_ids) > 1:
            output.logits[..., 1:-1:2] = output.logits[..., :-1:2]
        return output

    model.forward = rounded


def last_of_equals_first(numbers, k):
    """`topk` as it may be as well."""
    values, places = numbers.flip(-1).sort(dim=-1, descending=True, stable=True)
    return torch.return_types.topk((values[..., :k], numbers.shape[-1] - 1 - places[..., :k]))


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("flipped", [False, True])
def test_texts_that_part_at_equally_likely_tokens_are_compared_no_further(loaded, monkeypatch, continuous, flipped):
    """That they parted shows in the tokens, whichever of the two `topk` names first."""
    rounded_in_batches(loaded.model)
    if flipped:
        monkeypatch.setattr(torch.Tensor, "topk", last_of_equals_first)

    found = fitness(loaded, continuous=continuous)

    assert found.not_batched is None
    assert found.not_continuous == (None if continuous else "it was not tried")


def test_rounding_that_grows_with_the_logits_is_no_difference(loaded):
    """In bfloat16 logits of some hundreds are whole numbers, two apart."""
    loaded.model.to(torch.bfloat16)
    with torch.no_grad():
        loaded.model.lm_head.weight.mul_(64)

    found = fitness(loaded)

    assert (found.not_continuous, found.not_batched) == (None, None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_mask_that_hides_nothing_is_noticed_through_the_rounding_of_small_types(loaded, monkeypatch, dtype):
    loaded.model.to(dtype)
    assert fitness(loaded).not_continuous is None
    in_the_loop(monkeypatch, lambda ids, mask, positions: (ids, torch.ones_like(mask), positions))

    assert "away from those of one prompt at a time" in fitness(loaded).not_continuous


def test_a_sound_model_is_fit_for_both(loaded):
    found = fitness(loaded)

    assert (found.not_continuous, found.not_batched) == (None, None)


def test_positions_counted_from_the_edge_of_the_batch_are_noticed(gpt2, monkeypatch):
    assert fitness(gpt2).not_continuous is None
    in_the_loop(
        monkeypatch, lambda ids, mask, _: (ids, mask, torch.arange(mask.shape[1])[-ids.shape[1] :].expand_as(ids))
    )

    found = fitness(gpt2)

    assert "away from those of one prompt at a time" in found.not_continuous
    assert found.not_batched is None


@pytest.mark.parametrize("tokens", ["many", "one"])
def test_a_mask_that_hides_nothing_is_noticed_in_prompts_and_in_steps(loaded, monkeypatch, tokens):
    in_the_loop(
        monkeypatch,
        lambda ids, mask, positions: (
            ids,
            torch.ones_like(mask) if (ids.shape[1] == 1) == (tokens == "one") else mask,
            positions,
        ),
    )

    assert "away from those of one prompt at a time" in fitness(loaded).not_continuous


def test_keys_that_are_mixed_up_between_rows_are_noticed(loaded, monkeypatch):
    in_the_loop(monkeypatch, lambda ids, mask, positions: (ids.flip(0), mask, positions))

    assert fitness(loaded).not_continuous is not None


def test_a_model_that_reads_padding_is_fit_for_neither(loaded):
    blinded(loaded.model)

    found = fitness(loaded)

    assert found.not_continuous is not None
    assert "away from those of one prompt at a time" in found.not_batched


def test_a_loop_that_fails_is_told_by_the_first_line_of_its_error(loaded, monkeypatch):
    def refuse(*_):
        raise IndexError("list index out of range\nmore of it")

    in_the_loop(monkeypatch, refuse)

    assert fitness(loaded).not_continuous == "it fails with IndexError (list index out of range)"


def test_logits_that_are_no_numbers_in_the_loop_alone_are_noticed(loaded, monkeypatch):
    class Unsound(ModelForward):
        def __call__(self, *args):
            return super().__call__(*args) * torch.nan

    monkeypatch.setattr(self_check, "ModelForward", Unsound)

    assert fitness(loaded).not_continuous is not None


def test_a_model_whose_logits_are_never_numbers_is_loaded_so_that_its_prompts_can_say_so(loaded):
    with torch.no_grad():
        loaded.model.lm_head.weight.fill_(torch.nan)

    fitness(loaded)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: device-side assert triggered")],
    ids=["memory", "cuda"],
)
def test_a_fault_of_the_device_is_no_fault_of_the_model(loaded, monkeypatch, error):
    def fail(*_):
        raise error

    in_the_loop(monkeypatch, fail)

    with pytest.raises(type(error)):
        fitness(loaded)


def test_auto_falls_back_to_static_batches_and_says_why(loaded, engine_of, answers, request_for, monkeypatch):
    in_the_loop(monkeypatch, lambda ids, mask, positions: (ids, torch.ones_like(mask), positions))
    engine = engine_of(loaded)
    requests = [request_for("Hi"), request_for("What does a firewall do?")]

    info = engine._loaded.info

    assert (info.engine, info.slots) == ("generate", 16)
    assert info.notes[-1].startswith("Answered in static batches, because its logprobs are then up to ")
    for request, completion in zip(requests, answers(engine, *requests), strict=True):
        assert completion.output_token_ids == generated(loaded, request).ids
        assert completion.runtime["engine"] == "generate"


def test_auto_falls_back_to_one_prompt_at_a_time_and_says_why(loaded, engine_of):
    blinded(loaded.model)

    info = engine_of(loaded)._loaded.info

    assert (info.engine, info.slots) == ("generate", 1)
    assert [note.split(",")[0] for note in info.notes[-2:]] == [
        "Answered in static batches",
        "Answered one prompt at a time",
    ]


def test_continuous_is_refused_where_it_is_not_right(loaded, engine_of, monkeypatch):
    in_the_loop(monkeypatch, lambda ids, mask, positions: (ids, torch.ones_like(mask), positions))

    with pytest.raises(
        ModelUnavailable, match=r"tiny cannot be run with engine: continuous: its logprobs .* engine: auto"
    ):
        engine_of(loaded, engine="continuous")


def test_static_batches_that_are_asked_for_are_only_run_where_they_are_right(loaded, engine_of):
    right = engine_of(loaded, engine="generate")._loaded.info
    assert (right.engine, right.slots, right.notes) == ("generate", 16, ())

    blinded(loaded.model)
    wrong = engine_of(loaded, engine="generate")._loaded.info

    assert (wrong.engine, wrong.slots) == ("generate", 1)
    assert [note.partition(",")[0] for note in wrong.notes] == ["Answered one prompt at a time"]


def test_a_tokenizer_with_more_tokens_than_the_model_has_is_no_reason_to_fail(loaded):
    loaded.tokenizer.add_tokens(["information", "firewall"])

    assert fitness(loaded).not_continuous is None
