from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.answers import Question, answer
from harness.simulator.logprobs import MOST_ALTERNATIVES, token_choices


def answered(prompt="Explain the CVSS vector.", temperature=1.0, long_share=0.0):
    question = Question(model="m", turns=(("user", prompt),), temperature=temperature, seed=1, max_tokens=1_000)
    return answer(question, input_tokens=question.count_input(), refusal_share=0, long_share=long_share, nonce=0)


@given(prompt=st.text(min_size=1), top=st.integers(0, MOST_ALTERNATIVES), greedy=st.booleans())
def test_every_position_is_a_proper_distribution(prompt, top, greedy):
    simulated = answered(prompt)
    choices = list(token_choices(simulated, top, greedy=greedy))
    assert [choice.token for choice in choices] == list(simulated.tokens)
    for choice in choices:
        names = [token for token, _ in choice.top]
        logprobs = [logprob for _, logprob in choice.top]
        assert len(set(names)) == len(names) == top
        assert logprobs == sorted(logprobs, reverse=True)
        seen = dict(choice.top) | {choice.token: choice.logprob}
        assert sum(math.exp(logprob) for logprob in seen.values()) <= 1


@given(prompt=st.text(min_size=1), top=st.integers(1, MOST_ALTERNATIVES))
def test_a_chosen_token_among_the_top_has_one_logprob(prompt, top):
    for choice in token_choices(answered(prompt), top, greedy=False):
        assert dict(choice.top).get(choice.token, choice.logprob) == choice.logprob


def test_greedy_choices_are_the_likeliest_everywhere():
    for choice in token_choices(answered(), 5, greedy=True):
        assert choice.top[0] == (choice.token, choice.logprob)


def test_drawn_choices_are_usually_but_not_always_among_the_top_5():
    choices = list(token_choices(answered(long_share=1.0), 5, greedy=False))
    share = sum(choice.token in dict(choice.top) for choice in choices) / len(choices)
    assert 0.95 < share < 1
    best = sum(choice.token == choice.top[0][0] for choice in choices) / len(choices)
    assert best == pytest.approx(0.8, abs=0.05)


def test_the_same_answer_always_has_the_same_logprobs():
    assert list(token_choices(answered(), 5, greedy=False)) == list(token_choices(answered(), 5, greedy=False))


def test_the_number_of_alternatives_changes_no_value():
    few, many = (list(token_choices(answered(), top, greedy=False)) for top in (2, 9))
    assert [choice.logprob for choice in few] == [choice.logprob for choice in many]
