from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator import SimulatorError
from harness.simulator.fault_words import WORDS
from harness.simulator.faults import BAD_NIGHT, KINDS, Fault, Nature, parse_fault, parse_shares, requested_shares


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_word(kind):
    assert parse_fault(kind).kind == kind


def test_ok_is_no_fault():
    assert parse_fault("ok") is None


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("429", Fault("429", seconds=1.0)),
        ("429:seconds=2", Fault("429", seconds=2.0)),
        ("429-ms:seconds=0.25", Fault("429-ms", seconds=0.25)),
        ("429-bare", Fault("429-bare")),
        ("503", Fault("503")),
        ("503:seconds=0", Fault("503", seconds=0.0)),
        ("quota:seconds=34", Fault("quota", seconds=34.0)),
        ("drip:interval_ms=5", Fault("drip", interval_ms=5.0)),
        ("huge:mib=40", Fault("huge", mib=40.0)),
        ("307:to=https://example.test/v1?a=b", Fault("307", to="https://example.test/v1?a=b")),
    ],
)
def test_a_word_sets_the_parameters_that_it_names(word, fault):
    assert parse_fault(word) == fault


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("430", "no fault '430': give one of 429, 429-date.* or ok"),
        ("", "no fault ''"),
        ("ok:seconds=1", "no fault 'ok:seconds=1'"),
        (429, "named by a word in quotes, and 429 is none"),
        (None, "None is none"),
        ("429:second=2", "no parameter 'second'; 429 takes seconds="),
        ("reset:seconds=2", "reset takes none"),
        ("429:seconds", "needs a number for seconds"),
        ("429:seconds=-1", "needs a number for seconds"),
        ("429:seconds=inf", "needs a number for seconds"),
        ("drip:interval_ms=0", "needs a number for interval_ms"),
        ("307:to=ftp://host/", "needs a URL for to"),
        ("307:to=http://host/\r\nx: y", "needs a URL for to"),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_what_would(word, said):
    with pytest.raises(SimulatorError, match=said):
        parse_fault(word)


def test_shares_keep_their_faults():
    assert parse_shares({"reset": 0.25, "hang": 0.5}) == ((Fault("reset"), 0.25), (Fault("hang"), 0.5))


def test_one_number_is_a_bad_night_that_adds_up_to_it():
    shares = parse_shares(0.2)
    assert math.isclose(sum(share for _, share in shares), 0.2)
    assert len({share for _, share in shares}) == 1
    assert [fault for fault, _ in shares] == [parse_fault(word) for word in BAD_NIGHT]


def test_a_bad_night_holds_only_what_passes_quickly():
    for word in BAD_NIGHT:
        fault = parse_fault(word)
        assert fault.nature is not Nature.ANSWERED
        assert (fault.seconds or 0) <= 0.1
        assert fault.kind not in {"hang", "drip", "huge", "429-bare", "307"}
        for words in WORDS.values():
            assert fault.kind not in words or words[fault.kind].status in {408, 409, 429, 500, 503, 504, 529}


def test_no_share_is_no_fault():
    assert parse_shares(0) == parse_shares({}) == ()


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"reset": 0.7, "hang": 0.4}, "add up to 1.1"),
        ({"reset": -0.1}, "share of the fault 'reset' is -0.1"),
        ({"reset": "much"}, "share of the fault 'reset' is much"),
        ({"ok": 0.5}, "leave ok out"),
        ({"nothing": 0.5}, "no fault 'nothing'"),
        (2, "share of faults is 2"),
        (["reset"], "give an object of shares"),
    ],
)
def test_shares_that_make_no_sense_are_refused(shares, said):
    with pytest.raises(SimulatorError, match=said):
        parse_shares(shares)


@given(st.lists(st.sampled_from(KINDS), unique=True, min_size=1))
def test_shares_that_make_up_the_whole_are_taken_in_spite_of_rounding(kinds):
    assert len(parse_shares(dict.fromkeys(kinds, 1 / len(kinds)))) == len(kinds)


def test_a_command_line_may_name_a_fault_twice_and_have_a_bad_night_besides():
    asked = requested_shares(["hang=0.125", "429:seconds=2=0.25", "hang=0.125"], 0.19)
    assert asked["hang"] == 0.25
    assert asked["429:seconds=2"] == 0.25
    assert math.isclose(asked["reset"], 0.01)


@pytest.mark.parametrize("word", ["429", "=0.2", "429=", "429=much"])
def test_a_fault_without_a_share_is_refused_with_an_example(word):
    with pytest.raises(SimulatorError, match=r"write for example 429=0\.1"):
        requested_shares([word])


@pytest.mark.parametrize("wire_format", WORDS)
def test_every_refusal_has_words_in_every_format(wire_format):
    worded = {kind for kind in KINDS if Fault(kind).nature is Nature.REFUSED} - {"502", "307"}
    assert set(WORDS[wire_format]) == worded
