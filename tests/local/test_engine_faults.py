"""What an engine does when numbers, memory or the device fail in the middle, or nobody waits for an answer any more."""

from __future__ import annotations

import pytest
import torch

from harness.errors import ModelUnavailable, RejectedError
from harness.local.worker.jobs import BatchTooLargeError
from tests.local.reference import generated

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2 GiB"


@pytest.fixture
def spoil(tiny):
    """Make one row of the embedding no numbers in a pass, and so its logits, and its keys and values in every layer."""
    hooks = []

    def install(row, at):
        passes = []

        def poison(module, args, output):
            passes.append(output)
            if len(passes) == at:
                output = output.clone()
                output[row] = torch.nan
            return output

        hooks.append(tiny.model.get_input_embeddings().register_forward_hook(poison))

    yield install
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("step", [1, 4], ids=["prompt", "step"])
def test_values_that_are_no_numbers_fail_their_row_alone(engine, tiny, desk, request_for, spoil, step):
    requests = [request_for(text, max_tokens=12) for text in ("one", "two", "three")]
    references = [generated(tiny, request).ids for request in requests]
    batch = desk(requests)
    spoil(1, at=step)

    engine.generate(batch)

    assert isinstance(batch.outcomes[1], RejectedError)
    assert f"not finite numbers at token {step - 1}" in batch.outcomes[1].message
    assert "bfloat16" in batch.outcomes[1].message
    assert [batch.outcomes[i].output_token_ids for i in (0, 2)] == [references[0], references[2]]


@pytest.mark.parametrize("spoiled", [0, 1])
@pytest.mark.parametrize("arrival", [0, 12], ids=["at once", "later"])
def test_a_row_in_the_place_of_one_that_was_no_numbers_is_answered_as_ever(
    continuous, tiny, desk, request_for, spoil, spoiled, arrival
):
    class Late(desk):
        def _some(self, limit):
            return super()._some(limit) if self.steps >= arrival else ()

    requests = [request_for(text, max_tokens=30) for text in ("port", "a longer text than the others", "x", "y")]
    references = [generated(tiny, request).ids for request in requests]
    batch = Late(requests[:2], slots=2, waiting=requests[2:])
    spoil(spoiled, at=6)

    continuous.generate(batch)

    assert isinstance(batch.outcomes[spoiled], RejectedError)
    for index in {0, 1, 2, 3} - {spoiled}:
        assert batch.outcomes[index].output_token_ids == references[index]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_no_numbers_are_never_an_answer(engine, tiny, desk, request_for, on_forward, value):
    def poison(number, output):
        if number == 3:
            output.logits[:, -1, 7] = value

    on_forward(tiny.model, poison)
    batch = desk([request_for("greedy"), request_for("sampled", temperature=1.0)])

    engine.generate(batch)

    assert all("not finite numbers at token 2" in outcome.message for outcome in batch.outcomes.values())


def test_a_token_that_a_model_excludes_itself_is_no_fault(engine, tiny, answer, request_for, on_forward):
    def exclude(number, output):
        output.logits[:, -1, 7] = -torch.inf

    on_forward(tiny.model, exclude)

    for completion in answer(request_for("greedy"), request_for("sampled", temperature=1.0)):
        assert len(completion.output_token_ids) == 12
        assert 7 not in completion.output_token_ids


def test_generation_ends_at_the_next_step_when_asked_to_stop(engine, desk, request_for):
    batch = desk([request_for(max_tokens=200)], stop_after=5)

    engine.generate(batch)

    assert batch.steps == 5
    assert not batch.outcomes


def test_a_row_whose_caller_has_gone_keeps_nobody_waiting(engine, tiny, desk, request_for, on_forward):
    passes = on_forward(tiny.model, lambda *_: None)
    batch = desk([request_for(max_tokens=200), request_for(max_tokens=4)])
    batch.jobs[0].abandoned = True

    engine.generate(batch)

    assert passes == [1, 2, 3, 4]
    assert list(batch.outcomes) == [1]


def test_another_takes_the_slot_of_a_row_whose_caller_has_gone(continuous, tiny, desk, request_for):
    class Leaving(desk):
        def stepped(self, rows, seconds):
            super().stepped(rows, seconds)
            if self.steps == 5:
                self.jobs[0].abandoned = True

    requests = [request_for("Hi", max_tokens=200), request_for("Ho", max_tokens=20), request_for("Hu", max_tokens=10)]
    batch = Leaving(requests[:2], slots=2, waiting=requests[2:])

    continuous.generate(batch)

    assert list(batch.outcomes) == [2, 1]
    assert set(batch.rows[:14]) == {2}
    assert batch.steps == 19
    for index in (1, 2):
        assert batch.outcomes[index].output_token_ids == generated(tiny, requests[index]).ids


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(OUT_OF_MEMORY),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "mps", "cpu"],
)
@pytest.mark.parametrize("step", [1, 2, 7])
def test_running_out_of_memory_at_any_step_says_how_many_rows_were_too_many(
    engine, tiny, desk, request_for, on_forward, error, step
):
    def fail(number, output):
        if number == step:
            raise error

    on_forward(tiny.model, fail)
    batch = desk([request_for("one", max_tokens=3), *(request_for(f"prompt {i}", max_tokens=20) for i in range(4))])

    with pytest.raises(BatchTooLargeError, match=r"out of memory|can't allocate") as caught:
        engine.generate(batch)

    in_work = 4 if step == 7 and engine._spec.engine == "continuous" else 5
    assert caught.value.rows == in_work
    assert list(batch.outcomes) == ([0] if step == 7 else [])
    # The frames of the failure would hold on to its tensors.
    assert caught.value.__context__ is None


def test_running_out_of_memory_with_one_row_says_so(engine, tiny, desk, request_for, on_forward):
    def fail(number, output):
        raise torch.OutOfMemoryError(OUT_OF_MEMORY)

    on_forward(tiny.model, fail)

    with pytest.raises(BatchTooLargeError) as caught:
        engine.generate(desk([request_for()]))

    assert caught.value.rows == 1


@pytest.mark.parametrize(
    "error",
    [torch.AcceleratorError("an illegal memory access"), RuntimeError("CUDA error: device-side assert triggered")],
    ids=["accelerator", "assert"],
)
def test_a_failure_of_cuda_parks_the_model_and_keeps_what_was_answered(
    engine, tiny, desk, request_for, on_forward, error
):
    def fail(number, output):
        if number == 5:
            raise error

    on_forward(tiny.model, fail)
    batch = desk([request_for(max_tokens=20), request_for(max_tokens=2)])

    with pytest.raises(ModelUnavailable, match="run the same command again"):
        engine.generate(batch)

    assert len(batch.outcomes[1].output_token_ids) == 2


def test_any_other_failure_is_passed_on(engine, tiny, desk, request_for, on_forward):
    def fail(number, output):
        raise ValueError("a bug")

    on_forward(tiny.model, fail)

    with pytest.raises(ValueError, match="a bug"):
        engine.generate(desk([request_for()]))
