"""Which keys of `extra_body` a run refuses: what the harness says itself, and what it would pay for and throw away.

Sampling parameters are not among them: they are read back into the record. Knows key names only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.providers.answers import as_dict
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.schema import Variant

_MODEL = "the model is the one that `name` says"
_TURNS = "the turns come from the prompt file"
_SYSTEM = "write the text as `system`"
_STREAM = "answers are read whole, not as a stream"
_ONE = "only one answer of a request is kept and all are paid for; write `repeats`"
_LOGPROBS = "write `logprobs`, or they are not recorded"
_CHAT = {
    "model": _MODEL,
    "messages": _TURNS,
    "stream": _STREAM,
    "stream_options": _STREAM,
    "n": _ONE,
    "best_of": _ONE,
    "logprobs": _LOGPROBS,
    "top_logprobs": _LOGPROBS,
}
_CLAUDE = {"model": _MODEL, "messages": _TURNS, "system": _SYSTEM, "stream": _STREAM}
_GEMINI = {"model": _MODEL, "contents": _TURNS, "systemInstruction": _SYSTEM}
_GENERATION_CONFIG = {"candidateCount": _ONE, "responseLogprobs": _LOGPROBS, "logprobs": _LOGPROBS}


def refused_keys(variant: Variant) -> list[str]:
    """What `variant` may not say in its `extra_body`, each as a sentence that says what to do instead."""
    match variant.provider:
        case ProviderType.OPENAI:
            found = _refused(variant.extra_body, _CHAT)
        case ProviderType.CLAUDE:
            found = _refused(variant.extra_body, _CLAUDE)
        case ProviderType.GEMINI:
            found = _refused_by_gemini(variant.extra_body)
        case _:
            found = iter(())
    return [f"{variant.name}: remove `{key}` from extra_body: {why}." for key, why in found]


def _refused(given: Mapping[str, Any], refused: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, refused[key]) for key in given if key in refused)


def _refused_by_gemini(extra: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Google takes a key in either spelling; the harness says, and reads back, the one without underscores."""
    settings = as_dict(extra.get("generationConfig"))
    for path, given, refused in (("", extra, _GEMINI), ("generationConfig.", settings, _GENERATION_CONFIG)):
        for key in given:
            name = _camel(key)
            if name in refused:
                yield path + key, refused[name]
            elif name != key:
                yield path + key, f"write it as `{path}{name}`"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)
