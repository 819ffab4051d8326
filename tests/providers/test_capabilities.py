"""What is refused before a run, what is merely said, and what passes."""

from __future__ import annotations

import pytest

from harness.providers.capabilities import complaints, notes, wants_max_completion_tokens
from harness.schema import LogprobsSpec, ProviderType, SamplingParams

CLAUDE, GEMINI, OPENAI, LOCAL = ProviderType.CLAUDE, ProviderType.GEMINI, ProviderType.OPENAI, ProviderType.LOCAL


@pytest.fixture
def variant(make_variant):
    def make(provider, model, *sampling, **facts):
        return make_variant("it", provider=provider, model=model, sampling=SamplingParams(*sampling), **facts)

    return make


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (CLAUDE, "claude-opus-4-7"),
        (CLAUDE, "claude-opus-4-8"),
        (CLAUDE, "claude-sonnet-5"),
        (CLAUDE, "claude-sonnet-5-5"),
        (CLAUDE, "claude-haiku-5-5"),
        (CLAUDE, "claude-opus-5"),
        (CLAUDE, "claude-fable-5-2"),
        (CLAUDE, "claude-mythos-preview"),
        (CLAUDE, "anthropic/claude-opus-4-7-20260801"),
        (GEMINI, "gemini-3.5-flash-lite"),
        (GEMINI, "gemini-3.6-flash"),
        (GEMINI, "gemini-3.8-flash"),
        (GEMINI, "gemini-4-argon"),
        (OPENAI, "o3-mini"),
        (OPENAI, "gpt-5.4"),
        (OPENAI, "openai/gpt-5-mini"),
    ],
)
def test_a_temperature_that_cannot_be_honoured_is_refused_with_what_to_write(variant, provider, model):
    (complaint,) = complaints(variant(provider, model, 0.0))

    assert model in complaint
    assert "`temperature: null`" in complaint
    assert complaints(variant(provider, model, None)) == []
    assert complaints(variant(provider, model, 1.0)) == []


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (CLAUDE, "claude-sonnet-4-6"),
        (CLAUDE, "claude-opus-4-6"),
        (CLAUDE, "claude-haiku-4-5-20251001"),
        (CLAUDE, "claude-opus-4-20250514"),
        (CLAUDE, "claude-3-opus-20240229"),
        (GEMINI, "gemini-3.5-flash"),
        (GEMINI, "gemini-3.1-flash-lite"),
        (GEMINI, "gemini-3-pro-preview"),
        (GEMINI, "gemini-2.5-pro"),
        (OPENAI, "gpt-4.1"),
        (OPENAI, "gpt-4o"),
        (OPENAI, "gpt-5-chat-latest"),
        (OPENAI, "gpt-oss-120b"),
        (OPENAI, "Qwen/Qwen2.5-14B-Instruct"),
        (LOCAL, "claude-sonnet-5"),
    ],
)
def test_a_temperature_that_is_taken_passes(variant, provider, model):
    assert complaints(variant(provider, model, 0.7)) == []


def test_nucleus_and_top_k_are_refused_with_the_temperature(variant):
    found = complaints(variant(CLAUDE, "claude-sonnet-5", None, 64, 0.9, 40))

    assert ["`top_p: null`" in found[0], "`top_k: null`" in found[1]] == [True, True]


def test_claude_4_takes_temperature_or_top_p_but_not_both(variant):
    assert len(complaints(variant(CLAUDE, "claude-sonnet-4-6", 0.7, 64, 0.9))) == 1
    assert complaints(variant(CLAUDE, "claude-sonnet-4-6", None, 64, 0.9)) == []


def test_a_temperature_beyond_the_scale_is_refused(variant):
    assert "from 0 to 1" in complaints(variant(CLAUDE, "claude-sonnet-4-6", 1.2))[0]
    assert complaints(variant(GEMINI, "gemini-3.5-flash", 1.2)) == []


def test_a_reasoning_model_told_not_to_reason_takes_a_temperature(variant):
    assert complaints(variant(OPENAI, "gpt-5.4", 0.0, extra_body={"reasoning_effort": "none"})) == []


def test_openais_own_models_take_no_top_k(variant):
    assert "`top_k: null`" in complaints(variant(OPENAI, "gpt-4.1", 0.0, 64, None, 40))[0]
    assert complaints(variant(OPENAI, "gpt-oss-20b", 0.0, 64, None, 40)) == []


def test_claudes_missing_logprobs_and_seed_are_said_not_refused(variant):
    asked = variant(CLAUDE, "claude-sonnet-4-6", 0.0, logprobs=LogprobsSpec())

    assert complaints(asked) == []
    assert ["logprobs" in notes(asked)[0], "seed" in notes(asked)[1]] == [True, True]


def test_models_not_known_for_logprobs_are_noted(variant):
    assert "`logprobs: null`" in notes(variant(GEMINI, "gemini-3.5-flash", 0.0, logprobs=LogprobsSpec()))[0]
    assert notes(variant(GEMINI, "gemini-3.5-flash", 0.0)) == []


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (CLAUDE, "claude-3-5-sonnet-20241022"),
        (CLAUDE, "claude-sonnet-4-20250514"),
        (CLAUDE, "claude-sonnet-4-5-20250929"),
        (GEMINI, "gemini-2.5-flash"),
        (GEMINI, "gemini-1.5-pro"),
    ],
)
def test_a_model_near_or_past_its_end_is_noted(variant, provider, model):
    assert "choose another model" in notes(variant(provider, model, 0.0, run_seed=None))[0]


def test_only_openais_reasoning_models_want_the_newer_bound():
    assert wants_max_completion_tokens("gpt-5.4-mini")
    assert wants_max_completion_tokens("openai/o4-mini")
    assert not wants_max_completion_tokens("gpt-4.1")
    assert not wants_max_completion_tokens("gpt-oss-120b")
    assert not wants_max_completion_tokens("llama-3-70b")


@pytest.mark.parametrize(
    ("provider", "model"), [(CLAUDE, "claude-sonnet-4-6"), (GEMINI, "gemini-3.5-flash"), (OPENAI, "llama-3")]
)
def test_what_only_local_models_know_is_refused_for_an_api_with_what_to_write(make_variant, provider, model):
    sampling = SamplingParams(0.5, min_p=0.1, repetition_penalty=1.2)

    found = complaints(make_variant("it", provider=provider, model=model, sampling=sampling))

    assert ["`min_p: null`" in found[0], "`repetition_penalty: null`" in found[1]] == [True, True]
    assert all(("extra_body" in complaint) == (provider is OPENAI) for complaint in found)
    assert complaints(make_variant("it", provider=LOCAL, model=model, sampling=sampling)) == []
