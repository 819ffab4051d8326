"""Whether an answer of another run has the logprobs that are asked for."""

from __future__ import annotations

import pytest

from harness.reuse.evidence import lacks
from harness.schema import LogprobsSpec

NONE = "without logprobs"
FEWER_TOKENS = "with logprobs of fewer tokens"
FEWER_ALTERNATIVES = "with fewer alternatives for each token"


def position(top=5, token="a "):
    return {"token": token, "top_logprobs": [-1.0] * top}


def local(positions, ids=4, of="scores", **sent):
    return {
        "provider": "local",
        "full_response": "text",
        "output_token_ids": list(range(ids)),
        "token_logprobs": positions,
        "logprobs_of": of if positions else None,
        "tokens_used": {"input": 1, "output": ids, "total": ids + 1},
        "sampling_params": sent,
    }


def api(positions, output=4, text="a a a a", thinking=None):
    return {
        "provider": "openai",
        "full_response": text,
        "output_token_ids": None,
        "token_logprobs": positions,
        "logprobs_of": "provider" if positions else None,
        "tokens_used": {"input": 1, "output": output, "total": None, "thinking": thinking},
        "sampling_params": {},
    }


def test_who_wants_none_takes_any_answer():
    assert lacks(api(None), None, None) is None
    assert lacks(api([position()]), None, None) is None


@pytest.mark.parametrize("record", [api(None), api([]), local(None)])
def test_an_answer_without_logprobs_lacks_them(record):
    assert lacks(record, LogprobsSpec(), None) == NONE


def test_an_empty_answer_has_no_token_that_could_have_one():
    assert lacks(api(None, output=0, text=""), LogprobsSpec(), None) is None
    # What a local model generated that is no text has.
    assert lacks(local(None) | {"full_response": ""}, LogprobsSpec(), None) == NONE


@pytest.mark.parametrize("make", [local, api])
@pytest.mark.parametrize(
    ("recorded", "length", "wanted", "told"),
    [(4, 4, 50, None), (4, 4, None, None), (3, 4, 50, FEWER_TOKENS), (3, 4, 3, None), (3, 4, None, FEWER_TOKENS)],
)
def test_as_many_tokens_are_recorded_as_are_wanted_or_there_are(make, recorded, length, wanted, told):
    record = make([position()] * recorded, length)
    assert lacks(record, LogprobsSpec(5, wanted), None) == told


def test_an_api_may_count_its_end_and_its_thoughts_and_nothing_at_all():
    whole = [position()] * 4
    assert lacks(api(whole, output=5), LogprobsSpec(), None) is None
    assert lacks(api(whole, output=5, text="a a a a b"), LogprobsSpec(), None) == FEWER_TOKENS
    assert lacks(api(whole, output=90, thinking=86, text="é"), LogprobsSpec(), None) is None
    assert lacks(api(whole, output=None), LogprobsSpec(), None) is None
    assert lacks(api(whole, output=None, text="a a a a b"), LogprobsSpec(), None) == FEWER_TOKENS


def test_the_longest_list_shows_how_many_alternatives_were_asked_for():
    assert lacks(local([position(1), position(5), position(2), position(1)]), LogprobsSpec(5), None) is None
    assert lacks(local([position(5)] * 4), LogprobsSpec(3), None) is None
    assert lacks(local([position(5)] * 4), LogprobsSpec(6), None) == FEWER_ALTERNATIVES
    assert lacks(api([position(0)] * 4), LogprobsSpec(1), None) == FEWER_ALTERNATIVES


def test_lists_that_sampling_cut_short_are_as_long_as_they_can_be_where_as_much_was_asked_for():
    record = local([position(2)] * 4, top_p=0.5)
    asked = {"top": 5.0, "positions": 50.0, "of": "scores"}
    assert lacks(record, LogprobsSpec(5), asked) is None
    assert lacks(record, LogprobsSpec(5), asked | {"top": 2}) == FEWER_ALTERNATIVES
    assert lacks(record, LogprobsSpec(5), asked | {"of": "logits"}) == FEWER_ALTERNATIVES
    assert lacks(record, LogprobsSpec(5), None) == FEWER_ALTERNATIVES
    # Nothing had cut these: fewer were asked for when they were made.
    assert lacks(local([position(2)] * 4), LogprobsSpec(5), asked) == FEWER_ALTERNATIVES
    raw = local([position(2)] * 4, of="logits", top_p=0.5)
    assert lacks(raw, LogprobsSpec(5, of="logits"), asked | {"of": "logits"}) == FEWER_ALTERNATIVES


def test_scores_are_no_logits():
    record = local([position()] * 4)
    assert lacks(record, LogprobsSpec(of="logits"), None) == "with logprobs of scores instead of logits"
    assert lacks(api([position()] * 4), LogprobsSpec(of="logits"), None) is None
