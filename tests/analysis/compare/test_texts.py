from __future__ import annotations

import pytest

from harness.analysis.compare.texts import short_difference


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("same", "same", ""),
        ("a b", "a  b\n", "only white space differs"),
        ("The default is 64 KB.", "The default is 128 KB.", "The default is [-64-] {+128+} KB."),
        ("one two three four five six", "one two three four five", "… two three four five [-six-]"),
        ("", "an answer", "{+an answer+}"),
        ("it is so", "", "[-it is so-]"),
        ("a b c d e f g", "a b c d e f g h", "… d e f g {+h+}"),
    ],
)
def test_it_shows_what_went_and_what_came(one, other, told):
    assert short_difference(one, other) == told


def test_long_stretches_are_cut():
    told = short_difference(" ".join(f"a{n}" for n in range(50)), "b")
    assert told == "[-" + " ".join(f"a{n}" for n in range(12)) + " …-] {+b+}"


def test_what_stays_between_two_changes_is_cut_in_its_middle():
    between = " ".join(f"w{n}" for n in range(20))
    assert short_difference(f"a {between} b", f"x {between} y") == (
        "[-a-] {+x+} w0 w1 w2 w3 … w16 w17 w18 w19 [-b-] {+y+}"
    )


def test_only_the_first_three_changes_are_shown():
    one = "a 1 b 2 c 3 d 4 e"
    other = "A 1 B 2 C 3 D 4 E"
    assert short_difference(one, other) == "[-a-] {+A+} 1 [-b-] {+B+} 2 [-c-] {+C+} 3 …"


def test_megabytes_are_compared_in_no_time():
    one, other = "word " * 200_000, "word " * 150_000 + "other " * 50_000
    assert short_difference(one, other).startswith("… word word word word [-word word")
