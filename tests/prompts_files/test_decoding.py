from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.prompts.decoding import Problem, json_value, quick_json_value

numbers = st.sampled_from(
    ["0", "-0", "-0.0", "1.0", "1E5", "1e-400", "1e400", "0.1", "NaN", "-Infinity", "01", "1.7976931348623159e308"]
    + [str(sign * 2**power + step) for sign in (1, -1) for power in (53, 63, 64, 70) for step in (-1, 0, 1)]
    + ["9223372036854775808.0", "123456789012345678901.5", "4e18", "9.3e18"]
) | st.integers(-(2**66), 2**66).map(str) | st.floats().map(repr)  # fmt: skip
strings = (
    st.sampled_from(
        [r'"\ud800"', r'"\ud83d\ude00"', r'"\u0000"', r'"\\u0000"', '"\u2028"', '"\t"', r'"\/"', r'"\x"', '"']
    )
    | st.text(max_size=5).map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    )
)
values = st.recursive(
    numbers | strings | st.sampled_from(["true", "null", "tru", "", "\ufeff1", "\x0b1"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(strings, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)


def carefully(text: str) -> str:
    try:
        value, end = json_value(text)
    except (json.JSONDecodeError, Problem) as error:
        return f"refused: {error}"
    return repr(value) if end == len(text) else "goes on"


@given(values)
@settings(max_examples=500)
def test_what_is_read_quickly_is_read_alike_carefully(text):
    try:
        value = quick_json_value(text.encode())
    except ValueError:
        return
    assert repr(value) == carefully(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 18446744073709551616}',
        '{"a": {"b": [1, -9223372036854775809]}}',
        "[18446744073709551616]",
        "18446744073709551616",
        r'"\ud800"',
        '{"a": 1e999}',
        "NaN",
        "",
        "[" * sys.getrecursionlimit() * 2,
        '{"a":' * 5000,
        "[" * 900 + "]" * 900,
    ],
)
def test_what_would_be_read_otherwise_is_left_to_the_careful_way(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        quick_json_value(text.encode())


@pytest.mark.parametrize("text", [b'"\xff"', b'"\xed\xa0\x80"', b'\xef\xbb\xbf"a"'])
def test_bytes_that_are_no_utf8_text_are_left_to_the_careful_way(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        quick_json_value(text)


def test_an_ordinary_row_is_read_quickly():
    row = {"id": 1, "prompt": "é\n", "synthetic": True, "note": None, "weight": 0.5, "tags": ["a", {"b": 2}]}
    assert quick_json_value(json.dumps(row).encode() + b"\n") == row
