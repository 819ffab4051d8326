from __future__ import annotations

import pytest

from harness.local.decoding.rows import Row
from harness.local.decoding.sampling import RowSampling
from harness.local.template import Rendered
from harness.schema import FinishReason


@pytest.fixture
def row(request_for):
    """A row whose token ids are the code points of its text; 0 ends it."""

    def make(**options):
        return Row(
            0,
            request_for(**options),
            Rendered((1,), {}),
            eos_ids=frozenset({0}),
            decode=decode,
        )

    return make


def decode(ids):
    return "".join(map(chr, ids))


def feed(row, text):
    for character in text:
        if row.accept(ord(character), None):
            return


def test_a_row_ends_at_its_limit(row):
    r = row(max_tokens=3)
    feed(r, "abcdef")

    assert (r.text, r.finish_reason, r.finish_detail) == ("abc", FinishReason.LENGTH, "max_tokens")


def test_eos_as_the_last_token_allowed_is_a_stop(row):
    r = row(max_tokens=3)
    feed(r, "ab\0")

    assert (r.text, r.finish_reason) == ("ab", FinishReason.STOP)
    assert r.token_ids == [97, 98, 0]


def test_the_stop_string_that_stands_first_cuts(row):
    r = row(max_tokens=99, stop=("c d", "b"))
    feed(r, "a b c d")

    assert (r.text, r.finish_reason, r.finish_detail) == ("a ", FinishReason.STOP_SEQUENCE, "b")


def test_a_stop_string_is_found_in_a_long_answer(row):
    r = row(max_tokens=10_000, stop=("\n\nUser:",))
    feed(r, "x" * 500 + "\n\nUser: next")

    assert r.text == "x" * 500
    assert r.finish_detail == "\n\nUser:"


def test_nothing_ends_a_row_before_its_time(row):
    r = row(max_tokens=99, stop=("zzz",))
    feed(r, "abczz")

    assert r.finish_reason is None


def test_without_stop_strings_nothing_is_decoded_until_the_text_is_asked_for(request_for):
    decoded = []

    def note(ids):
        decoded.append(len(ids))
        return decode(ids)

    r = Row(0, request_for(max_tokens=5), Rendered((1,), {}), eos_ids=frozenset({0}), decode=note)
    feed(r, "abcde")

    assert decoded == []
    assert r.text == "abcde"


def test_a_row_says_how_its_tokens_are_chosen_and_measured(row):
    r = row(temperature=0.7, top_p=1.0, min_p=0.1, seed=5, logprobs=None)

    assert r.sampling == RowSampling(0.7, None, None, 5, 0.1)
    assert r.logprobs is None
