from __future__ import annotations

from dataclasses import replace

import pytest

from harness.local.replay.comparison import Token, compare
from harness.local.replay.evidence import Off
from harness.local.replay.recorded import NotComparable, read_answer
from harness.schema import Completion, FinishReason, TokenLogprob, Usage

AGAIN = Completion(
    text="No",
    finish_reason=FinishReason.STOP,
    usage=Usage(input=9, output=2, total=11),
    model_version="sha256:aa",
    sent={},
    token_logprobs=(
        TokenLogprob(0, "No", 17, -0.5, -0.6, ("No", "Yes"), (17, 18), (-0.5, -1.0)),
        TokenLogprob(1, "</s>", 1, -0.1, -0.2, ("</s>", "!"), (1, 10), (-0.1, -3.0)),
    ),
    output_token_ids=(17, 1),
    runtime={
        "dtype": "float32",
        "device": "cpu",
        "engine": "continuous",
        "attention": "sdpa",
        "torch": "2.13.0",
        "transformers": "5.23.0",
    },
    template={"hash": "t1", "prompt_hash": "h1"},
)


def recorded_with(record, ids):
    """`record` with other tokens at the same places, so that it does not contradict itself."""
    record["output_token_ids"] = ids
    record["tokens_used"] |= {"output": len(ids), "total": 9 + len(ids)}
    record["token_logprobs"] = record["token_logprobs"][: len(ids)]
    for position, token_id in zip(record["token_logprobs"], ids, strict=False):
        if token_id != position["token_id"]:
            position |= {"token_id": token_id, "token": "Yes" if token_id == 18 else "?"}
    return read_answer(record)


def test_the_same_tokens_and_text_are_the_same(local_record):
    found = compare(read_answer(local_record), AGAIN)

    assert found.same
    assert (found.tokens, found.position, found.changed) == (2, None, {})
    assert (found.finish_reason, found.off) == (None, None)


def test_logprobs_are_compared_by_token_where_both_have_them(local_record):
    local_record["token_logprobs"][0]["top_logprobs"][1] = -1.25

    assert sorted(compare(read_answer(local_record), AGAIN).deltas) == [0.0, 0.0, 0.25]


def test_the_first_token_that_differs_is_shown_with_both_spellings(local_record):
    found = compare(recorded_with(local_record, [18, 5, 5]), AGAIN)

    assert not found.same
    assert (found.tokens, found.position) == (1, 0)
    assert (found.recorded, found.replayed) == (Token(18, "Yes"), Token(17, "No"))
    assert found.deltas == ()


def test_a_token_that_neither_answer_spells_is_shown_by_its_id(local_record):
    local_record["token_logprobs"].pop()

    assert compare(recorded_with(local_record, [17, 99]), AGAIN).recorded == Token(99, None)


@pytest.mark.parametrize(
    ("then", "now", "recorded", "replayed"),
    [([17, 1], (17,), Token(1, "</s>"), None), ([17], (17, 1), None, Token(1, "</s>"))],
)
def test_an_answer_that_ends_sooner_differs_where_it_ends(local_record, then, now, recorded, replayed):
    found = compare(recorded_with(local_record, then), replace(AGAIN, output_token_ids=now))

    assert (found.position, found.recorded, found.replayed) == (1, recorded, replayed)


def test_another_text_of_the_same_tokens_is_not_the_same(local_record):
    local_record["full_response"] = "Yes"

    found = compare(read_answer(local_record), AGAIN)

    assert (found.same, found.position, found.same_text) == (False, None, False)


def test_another_end_of_the_same_tokens_is_not_the_same(local_record):
    local_record["finish_reason"] = "length"

    found = compare(read_answer(local_record), AGAIN)

    assert (found.same, found.finish_reason) == (False, ("length", "stop"))


def test_logprobs_beyond_rounding_are_not_the_same(local_record):
    local_record["token_logprobs"][1]["logprob"] = -1.1

    found = compare(read_answer(local_record), AGAIN)

    assert (found.same, found.position, found.same_text) == (False, None, True)
    assert found.off == Off(1, pytest.approx(1.0))


def test_logprobs_of_another_token_are_not_held_against_the_record(local_record):
    local_record["token_logprobs"][1] |= {"logprob": -9.0, "raw_logprob": -9.0}

    found = compare(recorded_with(local_record, [17, 18]), AGAIN)

    assert (found.position, found.off) == (1, None)


def test_an_answer_without_recorded_logprobs_is_held_against_its_tokens_alone(local_record):
    local_record |= {"token_logprobs": None, "logprobs_of": None}

    assert compare(read_answer(local_record), AGAIN).same


def test_conditions_that_changed_are_told(local_record):
    local_record["runtime"] |= {"torch": "2.12.0", "attention": None}

    assert compare(read_answer(local_record), AGAIN).changed == {"torch": ("2.12.0", "2.13.0")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"template": {"hash": "t2", "prompt_hash": "h1"}}, "chat template"),
        ({"template": {"hash": "t1", "prompt_hash": "h2"}}, "does not have the hash"),
        ({"template": None}, "chat template"),
        ({"usage": Usage(input=10, output=2, total=12)}, "tokenizer"),
    ],
)
def test_another_prompt_is_never_compared(local_record, change, said):
    with pytest.raises(NotComparable, match=said):
        compare(read_answer(local_record), replace(AGAIN, **change))
