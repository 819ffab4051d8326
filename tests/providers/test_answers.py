"""Reading JSON that may be anything."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.providers.answers import (
    UnreadableError,
    as_dict,
    as_finite,
    as_int,
    as_list,
    as_text,
    json_object,
    token_logprob,
)

KEYS = ("token", "id", "logprob")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b"[]", "no object"),
        (b"7", "no object"),
        (b"<html></html>", "HTML page"),
        (b'{"a": ', "cut off"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_object_is_named(body, what):
    with pytest.raises(UnreadableError, match=what):
        json_object(body)


def test_an_escaped_lone_surrogate_is_read():
    assert json_object(b'{"a": "\\ud800"}') == {"a": "\ud800"}


@given(st.binary())
def test_bytes_are_an_object_or_unreadable(body):
    with contextlib.suppress(UnreadableError):
        assert isinstance(json_object(body), dict)


def test_getters_take_their_type_and_nothing_else():
    assert (as_int(3), as_int(True), as_int(3.0), as_int("3")) == (3, None, None, None)
    assert (as_text("a"), as_text(None)) == ("a", None)
    assert (as_dict({"a": 1}), as_dict([])) == ({"a": 1}, {})
    assert (as_list([1]), as_list("ab")) == ([1], [])
    assert (as_finite(-1), as_finite(-math.inf), as_finite(math.nan), as_finite(True)) == (-1.0, None, None, None)


def test_alternatives_are_finite_descending_and_no_more_than_asked():
    ranked = [
        {"token": "c", "logprob": -3.0},
        {"token": "a", "logprob": -1.0},
        {"token": "never", "logprob": -math.inf},
        {"token": "b", "logprob": -2.0},
        "nonsense",
    ]

    found = token_logprob(4, {"token": "a", "logprob": -1.0}, ranked, 2, KEYS)

    assert (found.token_position, found.top_tokens, found.top_logprobs) == (4, ("a", "b"), (-1.0, -2.0))
    assert found.top_token_ids is None


def test_ids_are_given_for_all_alternatives_or_for_none():
    ranked = [{"token": "a", "id": 1, "logprob": -1.0}, {"token": "b", "logprob": -2.0}]

    assert token_logprob(0, {}, ranked, 5, KEYS).top_token_ids is None
    assert token_logprob(0, {}, ranked[:1], 5, KEYS).top_token_ids == (1,)


@pytest.mark.parametrize("value", [-1, 2**53, 2**64 + 4, True, 1.5, "7", None])
def test_a_count_that_no_provider_means_is_none(value):
    assert as_int(value) is None


def test_a_number_beyond_any_float_is_none():
    assert as_finite(10**400) is None
