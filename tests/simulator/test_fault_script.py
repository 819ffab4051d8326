from __future__ import annotations

import json

import pytest

from harness.simulator import SimulatorError, read_script
from harness.simulator.answers import Question
from harness.simulator.fault_script import parse_script
from harness.simulator.faults import Fault


def question(text, model="m"):
    return Question(model=model, turns=(("system", "Name a CVE."), ("user", text), ("assistant", "And so on")))


def test_attempts_get_the_words_in_turn_and_then_an_answer():
    (entry,) = parse_script([{"sequence": ["429:seconds=2", "ok", "reset"]}])
    assert [entry.fault(attempt) for attempt in range(5)] == [
        Fault("429", seconds=2.0),
        None,
        Fault("reset"),
        None,
        None,
    ]


def test_then_says_what_comes_after_the_sequence():
    (entry,) = parse_script([{"sequence": ["ok"], "then": "401"}])
    assert [entry.fault(attempt) for attempt in (0, 1, 100)] == [None, Fault("401"), Fault("401")]


@pytest.mark.parametrize(
    ("facts", "matches"),
    [
        ({}, True),
        ({"match": None, "model": None}, True),
        ({"match": "TLS"}, True),
        ({"match": "tls"}, False),
        ({"match": "CVE"}, False),
        ({"model": "m"}, True),
        ({"model": "m2"}, False),
        ({"match": "TLS", "model": "m2"}, False),
    ],
)
def test_it_looks_at_the_last_user_turn_and_the_whole_model_name(facts, matches):
    (entry,) = parse_script([facts])
    assert entry.matches(question("How is TLS configured?")) is matches


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"sequence": []}, "is no list"),
        (["429"], "Entry 1 .* is '429': give an object"),
        ([{}, {"sequence": [], "after": "ok"}], "Entry 2 .* any of match, model, sequence, then"),
        ([{"match": 7}], "has 7 for match"),
        ([{"model": ["m"]}], "for model"),
        ([{"sequence": "429"}], "has '429' for its sequence"),
        ([{"sequence": ["rest"]}], "no fault 'rest': give one of 429,"),
        ([{"then": "never"}], "no fault 'never'"),
    ],
)
def test_a_script_of_another_form_is_refused_with_the_form(entries, said):
    with pytest.raises(SimulatorError, match=said):
        parse_script(entries)


def test_a_file_holds_the_same_form(tmp_path):
    entries = [{"match": "TLS", "sequence": ["429", "reset"]}]
    path = tmp_path / "script.json"
    path.write_text(json.dumps(entries))
    assert read_script(path) == entries


@pytest.mark.parametrize("content", ["", "{", '[{"sequence": ["429"]', "\xff"])
def test_a_file_that_is_no_json_is_named(tmp_path, content):
    path = tmp_path / "script.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SimulatorError, match=r"script\.json cannot be read"):
        read_script(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(SimulatorError, match=r"absent\.json cannot be read"):
        read_script(tmp_path / "absent.json")
