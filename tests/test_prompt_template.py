from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prompt_template import PromptTemplate, Unfilled


def filled(source, **row):
    return PromptTemplate.parse(source).render(row)


def test_places_are_filled_with_the_fields_of_a_row():
    assert filled("Q: {question}\nA: {answer}", question="2+2?", answer="4") == "Q: 2+2?\nA: 4"


def test_what_is_no_text_is_written_as_json():
    row = {"n": 7, "flag": True, "options": ["ä", "b"], "half": 0.5}
    assert filled("{n} {flag} {options} {half}", **row) == '7 true ["ä", "b"] 0.5'


def test_dots_lead_into_objects():
    assert filled("{gold.label.exists}", gold={"label": {"exists": False}}) == "false"


def test_a_column_whose_name_has_dots_counts_before_a_path():
    assert filled("{a.b}", **{"a.b": "column", "a": {"b": "part"}}) == "column"


def test_a_name_may_have_blanks():
    assert filled("{the question}", **{"the question": "why?"}) == "why?"


def test_doubled_braces_are_braces():
    assert filled('Answer as {{"verdict": …}}: {q}', q="x") == 'Answer as {"verdict": …}: x'


def test_what_a_field_holds_is_never_a_template():
    assert filled("{q}", q="{secret} {{ }} {q.__class__}") == "{secret} {{ }} {q.__class__}"


def test_an_empty_text_fills_its_place_and_null_does_not():
    assert filled("[{context}] {q}", context="", q="x") == "[] x"
    with pytest.raises(Unfilled, match='has null as "context"'):
        filled("[{context}]", context=None)


@pytest.mark.parametrize("name", ["nowhere", "gold.nowhere", "gold.exists.deeper", "gold.__class__"])
def test_a_missing_field_is_named_with_those_that_are_there(name):
    with pytest.raises(Unfilled, match=rf'has no "{name}".*It has: gold\.'):
        filled("{" + name + "}", gold={"exists": True})


@pytest.mark.parametrize(
    "source", ['Answer {"verdict": 1}', "{}", "{ }", "{q!r}", "{q:>10}", "{q[0]}", "{q:{width}}", "{q", "q}"]
)
def test_what_is_no_place_is_refused_with_a_hint_about_braces(source):
    with pytest.raises(ValueError, match=r"\{\{ and \}\}"):
        PromptTemplate.parse(source)


def test_a_template_without_a_place_is_refused():
    with pytest.raises(ValueError, match="names no field"):
        PromptTemplate.parse("the same for all")


def test_names_are_given_once_and_in_order():
    assert PromptTemplate.parse("{b} {a} {b}").names == ("b", "a")


@given(st.text(), st.text())
def test_literal_text_and_fields_come_out_as_they_are(literal, value):
    source = literal.replace("{", "{{").replace("}", "}}") + "{field}"
    assert filled(source, field=value) == literal + value
