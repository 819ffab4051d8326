from __future__ import annotations

import pytest

from harness.analysis.report.tokens import Vocabulary, encode


def test_a_position_names_the_sampled_token_by_its_place_in_the_top_list():
    position = {
        "token": "b", "logprob": -1.5, "raw_logprob": -1.5, "top_tokens": ["a", "b"], "top_logprobs": [-0.25, -1.5],
    }  # fmt: skip
    vocabulary = Vocabulary()
    assert encode([position], vocabulary) == "1,,0,1xg,1,bko"
    assert vocabulary.tokens == ["a", "b"]
    assert (int("1xg", 36), int("bko", 36)) == (2500, 15000)


def test_a_sampled_token_that_is_not_in_the_top_list_stands_for_itself():
    position = {"token": "z", "logprob": -9.0, "raw_logprob": -8.0, "top_tokens": ["a"], "top_logprobs": [-0.001]}
    assert encode([position], Vocabulary()) == "~1~1xg0,1pq8,0,a"
    assert (int("1xg0", 36), int("1pq8", 36)) == (90_000, 80_000)


def test_a_token_is_one_entry_of_the_vocabulary_however_often_it_comes():
    position = {"token": "a", "logprob": -0.1, "raw_logprob": -0.2, "top_tokens": [], "top_logprobs": []}
    vocabulary = Vocabulary()
    assert encode([position, position], vocabulary) == "~0~rs,1jk;~0~rs,1jk"
    assert vocabulary.tokens == ["a"]


@pytest.mark.parametrize("logprob", [None, float("nan"), float("-inf"), -9999.0])
def test_an_unknown_logprob_is_empty(logprob):
    position = {"token": "a", "logprob": logprob, "raw_logprob": None, "top_tokens": None, "top_logprobs": None}
    assert encode([position], Vocabulary()) == "~0~,"


def test_rounding_never_leaves_a_sign_on_nothing():
    position = {"token": "a", "logprob": -1e-9, "raw_logprob": 1e-9, "top_tokens": ["a"], "top_logprobs": [0.0]}
    assert encode([position], Vocabulary()) == "0,,0,0"
