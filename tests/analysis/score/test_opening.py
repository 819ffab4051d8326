from __future__ import annotations

from harness.analysis.score.opening import opening


def test_it_is_the_first_three_sentences_in_plain_characters():
    text = "**Yes**, it\u2019s real. CVE\u20112019\u20111 is old! Is it?\nMore. And more."
    assert opening(text) == ["yes, it's real.", "cve-2019-1 is old!", "is it?"]


def test_headings_bullets_and_lines_without_words_are_no_sentences():
    assert opening("# CVE-2019-1 does not exist\n\n---\n- One\n2) `Two`\n> three\nfour") == ["one", "two", "three"]


def test_a_name_keeps_its_underscores_and_dots():
    assert opening("`per_listener_settings` in T1137.005 is v1.2.") == ["per_listener_settings in t1137.005 is v1.2."]


def test_a_megabyte_without_a_full_stop_ends():
    assert [len(sentence) for sentence in opening("word " * 200_000)] == [599]


def test_nothing_has_no_sentences():
    assert opening("") == opening("\n \n***") == []
