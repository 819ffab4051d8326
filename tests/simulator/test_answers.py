from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.answers import Ending, Question, answer, split

QUESTION = Question(
    model="m",
    turns=(("system", "Be brief."), ("user", "How is TLS configured on a web server?")),
    temperature=0.0,
)


def said(question, *, refusal_share=0.0, long_share=0.0, nonce=0):
    return answer(
        question,
        input_tokens=question.count_input(),
        refusal_share=refusal_share,
        long_share=long_share,
        nonce=nonce,
    )


def about(prompt, **changes):
    return replace(QUESTION, turns=(("user", prompt),), **changes)


@given(st.text())
def test_tokens_joined_are_the_text(text):
    assert "".join(split(text)) == text


def test_the_text_says_that_it_is_simulated_and_quotes_the_prompt():
    text = said(about("Which ports does Kerberos use?")).text
    assert text.startswith("Simulated answer: ")
    assert any(word in text for word in ("Which", "ports", "Kerberos"))


def test_at_temperature_0_neither_seed_nor_nonce_matters():
    assert said(QUESTION) == said(replace(QUESTION, seed=5), nonce=9)


def test_a_seed_fixes_the_answer_at_any_temperature():
    warm = replace(QUESTION, temperature=0.7, seed=3)
    assert said(warm, nonce=1) == said(warm, nonce=2)


def test_without_a_seed_the_answer_varies():
    warm = replace(QUESTION, temperature=0.7)
    assert len({said(warm, nonce=nonce).text for nonce in range(20)}) > 10


def test_different_seeds_give_different_answers():
    assert len({said(replace(QUESTION, temperature=0.7, seed=seed)).text for seed in range(20)}) > 10


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"temperature": 0.7, "seed": 1},
        {"turns": QUESTION.turns[1:]},
        {"turns": (*QUESTION.turns, ("assistant", "With care."), ("user", "How is TLS configured on a web server?"))},
    ],
)
def test_the_answer_depends_on(change):
    assert said(replace(QUESTION, **change)).draw != said(QUESTION).draw


@given(limit=st.integers(1, 120), seed=st.integers(0, 50))
def test_a_token_limit_only_cuts(limit, seed):
    free = replace(QUESTION, temperature=0.5, seed=seed)
    whole, cut = said(free), said(replace(free, max_tokens=limit))
    assert cut.tokens == whole.tokens[:limit]
    assert cut.ending is (Ending.LENGTH if whole.output_tokens > limit else Ending.STOP)


@given(seed=st.integers(0, 50), stop=st.sampled_from([".", "the", " a", "Simulated", "zebra", "s"]))
def test_a_stop_string_ends_the_text_before_its_first_occurrence(seed, stop):
    free = replace(QUESTION, temperature=0.5, seed=seed)
    whole, cut = said(free), said(replace(free, stop=(stop,)))
    assert cut.text == whole.text.partition(stop)[0]
    assert cut.ending is (Ending.STOP_STRING if stop in whole.text else Ending.STOP)
    assert cut.stop_string == (stop if stop in whole.text else None)


def test_the_earliest_of_several_stop_strings_counts():
    cut = said(replace(QUESTION, stop=("reply", "answer")))
    assert (cut.text, cut.stop_string) == ("Simulated ", "answer")


def test_a_stop_string_beyond_the_limit_is_never_reached():
    cut = said(replace(QUESTION, max_tokens=2, stop=("reply",)))
    assert cut.ending is Ending.LENGTH


def test_tokens_are_counted_for_every_turn():
    assert said(QUESTION).input_tokens == len(split("Be brief.")) + len(split(QUESTION.turns[1][1]))


def test_a_long_answer_reaches_the_usual_limit_of_2048_tokens():
    cut = said(replace(QUESTION, max_tokens=2048), long_share=1.0)
    assert (cut.output_tokens, cut.ending) == (2048, Ending.LENGTH)


def test_a_long_answer_ends_by_itself_without_a_limit():
    assert said(QUESTION, long_share=1.0).ending is Ending.STOP


def test_about_the_asked_share_of_prompts_is_refused():
    refused = [said(about(f"prompt {number}"), refusal_share=0.01).ending is Ending.REFUSAL for number in range(5_000)]
    assert 25 <= sum(refused) <= 75


def test_refusal_depends_on_the_prompt_alone():
    prompts = [f"prompt {number}" for number in range(200)]

    def refused(**changes):
        return [said(about(prompt, **changes), refusal_share=0.1).ending is Ending.REFUSAL for prompt in prompts]

    assert any(refused())
    assert refused() == refused(model="other", temperature=0.9, seed=4)


def test_a_prompt_without_words_is_answered_too():
    assert said(about("   ")).text.startswith("Simulated answer: ")
