from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.terminal import visible


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("a\x7f\x00\r\n\tb", r"a\x7f\x00\r\n\tb"),
        ("\ud800", r"\ud800"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("[/foo][bold]", "[/foo][bold]"),
    ],
)
def test_what_would_act_is_shown_as_its_escape(hostile, shown):
    assert visible(hostile) == shown


@pytest.mark.parametrize("text", ["plain", "naïve café", "漢字", "👩\u200d💻", "क्\u200dष", "a\u00a0b", "C:\\new"])
def test_what_only_shows_stays_as_it_is(text):
    assert visible(text) == text


def test_lines_and_tabs_stay_where_several_lines_are_shown():
    assert visible("a\n\tb\r\x1b", multiline=True) == "a\n\tb\\r\\x1b"


def test_every_control_surrogate_separator_and_bidi_control_of_unicode_is_escaped():
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    marks = {"\u061c", "\u200e", "\u200f"}
    acting = [
        character
        for character in map(chr, range(0x110000))
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in bidi
        or character in marks
    ]
    assert len(acting) > 2048
    assert [character for character in acting if not visible(character).isascii()] == []


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_shown_acts_and_showing_twice_changes_nothing(text):
    once = visible(text)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in once)
    assert visible(once) == once
