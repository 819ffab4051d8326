"""What a model is known to accept, so that a run says what it cannot honour before it costs anything.

Knows model names only. A name that it does not know may send everything: the provider then has the last word.

Sources, as of November 2026: Anthropic's migration guides (sampling parameters, retirements), Google's "latest model"
and deprecation pages (temperature, top_p and top_k are ignored from Gemini 3.6 Flash and 3.5 Flash-Lite on), OpenAI's
reasoning guide. None of it was tried live.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.providers.extra_body import refused_keys
from harness.schema import ProviderType

if TYPE_CHECKING:
    from harness.schema import SamplingParams, Variant

DEFAULT_TEMPERATURE = 1.0


@dataclass(frozen=True, slots=True)
class _Family:
    """Models of one provider type whose name matches, and why their sampling cannot be set."""

    provider: ProviderType
    names: re.Pattern[str]
    why: str
    instead: str


_FIXED_SAMPLING = (
    _Family(
        ProviderType.CLAUDE,
        re.compile(r"(opus|sonnet|haiku)-(4-([7-9]|[1-9]\d)(?!\d)|[5-9](?!\d)|[1-9]\d(?!\d))|fable|mythos"),
        "Claude models from 4.7 on answer 400 to it",
        "claude-sonnet-4-6 or claude-haiku-4-5",
    ),
    _Family(
        ProviderType.GEMINI,
        re.compile(r"gemini-(3\.5-flash-lite|3\.[6-9]|[4-9]|[1-9]\d)"),
        "Gemini ignores it from 3.5 Flash-Lite and 3.6 Flash on, so that every value gives the same answers",
        "gemini-3.5-flash or gemini-3.1-flash-lite",
    ),
    _Family(
        ProviderType.OPENAI,
        re.compile(r"(^|/)(o[1-9]|gpt-[5-9])(?!.*-chat)"),
        "OpenAI's reasoning models answer 400 to it",
        "gpt-4.1, or give a model that allows it `extra_body: {reasoning_effort: none}`",
    ),
)
_ONE_OF_TEMPERATURE_AND_TOP_P = re.compile(r"(opus|sonnet|haiku)-4-[1-6](?!\d)")
_OPENAI_OWN = re.compile(r"(^|/)(o[1-9]|gpt-[3-9]|chatgpt)")  # not gpt-oss, which others serve
_OPENAI_REASONING = re.compile(r"(^|/)(o[1-9]|gpt-[5-9])")
_NO_LOGPROBS_GEMINI = re.compile(r"gemini-([3-9]|[1-9]\d)")
_HOTTEST = {ProviderType.CLAUDE: 1.0, ProviderType.GEMINI: 2.0, ProviderType.OPENAI: 2.0}
_RETIREMENTS = (
    (re.compile(r"claude-(instant|[123]([-.]|$))"), "has been retired"),
    (re.compile(r"claude-(opus|sonnet)-4-(0|20250514)$"), "was retired on 15 June 2026"),
    (re.compile(r"claude-mythos-preview"), "was retired on 30 June 2026"),
    (re.compile(r"claude-sonnet-4-5"), "is retired on 30 November 2026"),
    (re.compile(r"gemini-(1\.|2\.0|2\.5|pro$)"), "was to be shut down by October 2026"),
)


def complaints(variant: Variant) -> list[str]:
    """What `variant` asks for and cannot have, each as a sentence that says what to write instead."""
    sampling, found = variant.sampling, refused_keys(variant)
    family = _fixed_sampling(variant)
    if family is not None:
        found += [
            f"{variant.name}: {variant.model} cannot honour {name} {value:g}: {family.why}. Write `{name}: null` to "
            f"ask it at its default, or choose {family.instead}."
            for name, value in _beyond_default(sampling)
        ]
    hottest = _HOTTEST.get(variant.provider)
    if hottest is not None and sampling.temperature is not None and not 0 <= sampling.temperature <= hottest:
        found.append(
            f"{variant.name}: {variant.model} takes a temperature from 0 to {hottest:g}, not {sampling.temperature:g}. "
            f"Choose one in that range, or write `temperature: null`."
        )
    both = sampling.temperature is not None and sampling.top_p is not None
    if both and variant.provider is ProviderType.CLAUDE and _ONE_OF_TEMPERATURE_AND_TOP_P.search(variant.model):
        found.append(
            f"{variant.name}: {variant.model} answers 400 to temperature and top_p together. "
            "Write `top_p: null` or `temperature: null`."
        )
    if sampling.top_k is not None and variant.provider is ProviderType.OPENAI and _OPENAI_OWN.search(variant.model):
        found.append(f"{variant.name}: OpenAI's models take no top_k. Write `top_k: null`.")
    return found + _only_local(variant)


def notes(variant: Variant) -> list[str]:
    """What a reader of `variant`'s records should know and no run need stop for."""
    found = [
        f"{variant.model} {fate}; if it answers 404, choose another model."
        for names, fate in _RETIREMENTS
        if names.search(variant.model)
    ]
    if variant.provider is ProviderType.CLAUDE:
        if variant.logprobs is not None:
            found.append("Claude gives no logprobs: token_logprobs is null in its records.")
        if variant.run_seed is not None:
            found.append("Claude takes no seed: a repeat of a run may answer differently even at temperature 0.")
    elif variant.logprobs is not None and _lacks_logprobs(variant):
        found.append(f"{variant.model} is not known to give logprobs: if it answers 400, write `logprobs: null`.")
    return found


def wants_max_completion_tokens(model: str) -> bool:
    """Whether a chat-completions server knows the answer's bound as `max_completion_tokens` for this model.

    OpenAI's reasoning models refuse `max_tokens`; other servers may not know the newer name.
    """
    return _OPENAI_REASONING.search(model) is not None


def _fixed_sampling(variant: Variant) -> _Family | None:
    for family in _FIXED_SAMPLING:
        if family.provider is variant.provider and family.names.search(variant.model):
            reasons = variant.extra_body.get("reasoning_effort") != "none"
            return family if reasons else None
    return None


def _beyond_default(sampling: SamplingParams) -> list[tuple[str, float]]:
    temperature = None if sampling.temperature == DEFAULT_TEMPERATURE else sampling.temperature
    asked = (("temperature", temperature), ("top_p", sampling.top_p), ("top_k", sampling.top_k))
    return [(name, value) for name, value in asked if value is not None]


def _only_local(variant: Variant) -> list[str]:
    if variant.provider is ProviderType.LOCAL:
        return []
    sampling = variant.sampling
    asked = {"min_p": sampling.min_p, "repetition_penalty": sampling.repetition_penalty}
    elsewhere = ", and put it into the model's `extra_body` if the server knows it"
    return [
        f"{variant.name}: {name} is for local models. Write `{name}: null` in this one"
        f"{elsewhere if variant.provider is ProviderType.OPENAI else ''}."
        for name, value in asked.items()
        if value is not None
    ]


def _lacks_logprobs(variant: Variant) -> bool:
    lacking = {ProviderType.GEMINI: _NO_LOGPROBS_GEMINI, ProviderType.OPENAI: _OPENAI_REASONING}
    names = lacking.get(variant.provider)
    return names is not None and names.search(variant.model) is not None
