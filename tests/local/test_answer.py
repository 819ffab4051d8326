from __future__ import annotations

import pytest

from harness.local.answer import TokenStrings, completion, unsound
from harness.local.decoding.rows import Row
from harness.local.template import Rendered

TOKENS = {
    1: ("▁the", "the"),
    2: ("Ġthe", " the"),
    3: ("âĢ", "\ufffd"),
    4: ("</s>", ""),
    5: ("e", "e"),
    6: (None, ""),
}


class Spelling:
    """A tokenizer of a few tokens: how the vocabulary spells them, and what they decode to."""

    def __init__(self):
        self.decoded = []

    def convert_ids_to_tokens(self, token_id):
        return TOKENS[token_id][0]

    def decode(self, ids, **_):
        self.decoded.append(ids)
        return TOKENS[ids[0]][1]


@pytest.mark.parametrize(
    ("token_id", "shown"),
    [(1, " the"), (2, " the"), (3, "âĢ"), (4, "</s>"), (5, "e"), (6, "<6>")],
    ids=["sentencepiece space", "byte-level space", "part of a character", "special", "plain", "no such token"],
)
def test_a_token_is_shown_as_text_or_as_the_vocabulary_spells_it(token_id, shown):
    assert TokenStrings(Spelling())[token_id] == shown


def test_a_token_is_spelled_once():
    tokenizer = Spelling()
    strings = TokenStrings(tokenizer)

    assert strings[5] + strings[5] == "ee"
    assert len(tokenizer.decoded) == 1


@pytest.fixture
def row(request_for):
    """A row that has answered with two tokens."""

    def make(**options):
        made = Row(0, request_for(**options), Rendered((9, 9, 9), {}), eos_ids=frozenset(), decode=lambda ids: "the e")
        made.accept(1, None)
        made.accept(5, None)
        return made

    return make


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (
            {"temperature": 0.0, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2},
            {"temperature": 0.0, "top_p": None, "top_k": None, "min_p": None, "repetition_penalty": 1.2},
        ),
        (
            {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2},
            {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2},
        ),
        (
            {"temperature": None, "repetition_penalty": 1.0},
            {"temperature": 0.0, "top_p": None, "top_k": None, "min_p": None, "repetition_penalty": None},
        ),
    ],
    ids=["greedy", "drawn", "nothing"],
)
def test_what_was_sent_is_what_had_an_effect(row, asked, sent):
    done = completion(row(seed=41, stop=("x",), **asked), TokenStrings(Spelling()), model_version="v", runtime={})

    assert done.sent == {**sent, "max_tokens": 12, "seed": 41, "stop": ["x"]}


def test_tokens_are_counted_and_kept_whole(row):
    done = completion(row(), TokenStrings(Spelling()), model_version="v", runtime={})

    assert done.output_token_ids == (1, 5)
    assert (done.usage.input, done.usage.output, done.usage.total) == (3, 2, 5)


def test_logits_that_are_no_numbers_are_told_with_the_token_and_a_way_out(row):
    assert "at token 2" in unsound(row()).message
    assert "dtype: bfloat16" in unsound(row()).message
