"""What extra_body may say and what it may not."""

from __future__ import annotations

import pytest

from harness.providers.capabilities import complaints
from harness.schema import ProviderType, SamplingParams

MODELS = {
    ProviderType.CLAUDE: "claude-sonnet-4-6",
    ProviderType.GEMINI: "gemini-3.5-flash",
    ProviderType.OPENAI: "gpt-4.1",
}


@pytest.fixture
def complained(make_variant):
    """What `check` and the start of a run refuse of an extra_body."""

    def of(provider: str, extra: dict) -> list[str]:
        kind = ProviderType(provider)
        given = {"provider": kind, "model": MODELS[kind], "sampling": SamplingParams(0.0), "extra_body": extra}
        return complaints(make_variant("it", **given))

    return of


@pytest.mark.parametrize(
    ("provider", "extra"),
    [
        ("openai", {"user": "u", "temperature": 0.5, "max_tokens": 7, "seed": 1, "stop": ["x"], "top_p": 0.5}),
        ("openai", {"provider": {"order": ["a"]}, "response_format": {"type": "json_object"}, "n_probs": 3}),
        (
            "claude",
            {"temperature": 0.5, "max_tokens": 7, "metadata": {"user_id": "u"}, "thinking": {"type": "enabled"}},
        ),
        ("gemini", {"generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinking_budget": 0}}}),
        ("gemini", {"safetySettings": [], "labels": {"a_b": "c"}}),
        ("gemini", {"generationConfig": None}),
    ],
)
def test_sampling_and_what_a_provider_knows_besides_may_be_said(complained, provider, extra):
    assert complained(provider, extra) == []


@pytest.mark.parametrize(
    ("provider", "extra", "key", "instead"),
    [
        ("openai", {"model": "other"}, "model", "`name`"),
        ("openai", {"messages": []}, "messages", "prompt file"),
        ("openai", {"stream": True}, "stream", "read whole"),
        ("openai", {"stream": False}, "stream", "read whole"),
        ("openai", {"n": 3}, "n", "`repeats`"),
        ("openai", {"top_logprobs": 20}, "top_logprobs", "`logprobs`"),
        ("claude", {"model": "other"}, "model", "`name`"),
        ("claude", {"messages": []}, "messages", "prompt file"),
        ("claude", {"system": "x"}, "system", "`system`"),
        ("claude", {"stream": True}, "stream", "read whole"),
        ("gemini", {"contents": []}, "contents", "prompt file"),
        ("gemini", {"systemInstruction": {}}, "systemInstruction", "`system`"),
        ("gemini", {"system_instruction": {}}, "system_instruction", "`system`"),
        ("gemini", {"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount", "`repeats`"),
        ("gemini", {"generationConfig": {"candidate_count": 2}}, "generationConfig.candidate_count", "`repeats`"),
        ("gemini", {"generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs", "`logprobs`"),
        ("gemini", {"generationConfig": {"top_p": 1}}, "generationConfig.top_p", "`generationConfig.topP`"),
        ("gemini", {"generation_config": {}}, "generation_config", "`generationConfig`"),
    ],
)
def test_what_the_harness_says_itself_is_refused_with_what_to_write_instead(complained, provider, extra, key, instead):
    (complaint,) = complained(provider, extra)

    assert complaint.startswith(f"it: remove `{key}` from extra_body: ")
    assert instead in complaint


def test_every_such_key_is_named(complained):
    assert len(complained("openai", {"stream": True, "n": 2, "user": "u"})) == 2
