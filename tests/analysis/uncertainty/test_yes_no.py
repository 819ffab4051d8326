from __future__ import annotations

import math

import pytest

from harness.analysis.uncertainty import measures_of
from harness.analysis.uncertainty.yes_no import bare


@pytest.fixture
def margin(listed, record):
    """The yes/no margin of an answer whose positions list these probabilities."""

    def of(*positions, text="…"):
        made = record(positions=[listed(*one) for one in positions], of="provider", full_response=text)
        return measures_of(made).yes_no_margin

    return of


def test_all_forms_of_a_word_add_up(margin):
    forms = {"Yes": 0.2, " yes": 0.1, "YES": 0.1, "**Yes": 0.1, "No": 0.2, "no": 0.05, "Yesterday": 0.05}
    assert margin((forms,)) == pytest.approx(math.log(0.5 / 0.25))


def test_no_is_negative(margin):
    assert margin(({" no": 0.8, " yes": 0.1},)) == pytest.approx(math.log(0.1 / 0.8))


def test_it_is_read_where_the_first_word_stands(margin):
    start = ({"**": 0.6, "Yes": 0.4},)
    assert margin(start, ({"\n": 0.9, "No": 0.1},), ({"No": 0.9, "Yes": 0.05},), ({"Yes": 1.0},)) == pytest.approx(
        math.log(0.05 / 0.9)
    )


def test_what_was_sampled_need_not_be_what_is_measured(margin):
    assert margin(({"Yes": 0.5, "No": 0.25, "The": 0.2}, "The")) == pytest.approx(math.log(2))


def test_a_word_that_misses_the_list_counts_as_its_last_token_would(margin):
    assert margin(({"Yes": 0.6, "It": 0.1},)) == pytest.approx(math.log(0.6 / 0.1))
    assert margin(({"No": 0.6, "It": 0.1},)) == pytest.approx(math.log(0.1 / 0.6))


def test_a_word_that_misses_the_list_is_no_likelier_than_all_that_does(margin):
    assert margin(({"Yes": 0.55, "It": 0.43},)) == pytest.approx(math.log(0.55 / 0.02))
    assert margin(({"Yes": 0.5, "It": 0.5},)) == pytest.approx(math.log(0.5 / 1e-10))


def test_where_neither_is_listed_it_is_undefined(margin):
    assert margin(({"CVE": 0.9, "The": 0.05},), ({"Yes": 1.0},)) is None


def test_where_nothing_is_a_word_it_is_undefined(margin):
    assert margin(({"\n": 0.9, "Yes": 0.1},), ({"**": 0.9, "Yes": 0.1},)) is None


def test_a_thought_is_no_answer(margin):
    thought = [({"<think>": 1.0},), ({"No": 0.9, "Yes": 0.1},), ({"</think>": 1.0},), ({"\n\n": 1.0},)]
    answer = ({"Yes": 0.9, "No": 0.09},)
    assert margin(*thought, answer, text="<think>No</think>\n\nYes") == pytest.approx(math.log(10))
    # A template may open the thought itself.
    assert margin(*thought[1:], answer, text="No</think>\n\nYes") == pytest.approx(math.log(10))


@pytest.mark.parametrize("text", ["<think>No, it", "\n<think>No, it</think> Yes"])
def test_a_thought_that_outlasts_the_recorded_positions_leaves_it_undefined(margin, text):
    assert margin(({"<think>": 0.8, "Yes": 0.1},), ({"No": 0.9, "Yes": 0.1},), text=text) is None


def test_control_tokens_are_no_words(margin):
    assert margin(({"<|message|>": 1.0},), ({"Yes": 0.5, "No": 0.25},)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    "token", ["Yes", " yes", "YES", "**Yes", "__Yes", "Yes,", "Yes.", "`yes`", "\n\nYes", "▁Yes", "“Yes"]
)
def test_what_is_around_a_word_does_not_change_it(token):
    assert bare(token) == "yes"


@pytest.mark.parametrize(("token", "left"), [("Yesterday", "yesterday"), ("None", "none"), ("Not", "not"), ("n", "n")])
def test_longer_words_stay_themselves(token, left):
    assert bare(token) == left
