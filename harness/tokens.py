"""How many tokens a request probably has, before anybody has counted them. Knows no tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.schema import Request, Variant

_BYTES_PER_TOKEN = 3.0
"""English has about 4.5, code and other scripts fewer: an estimate that a budget rests on errs upwards."""

_TOKENS_PER_TURN = 8


def estimated_tokens(texts: Iterable[str]) -> int:
    """The tokens of the turns in `texts`, the system text being one of them; rather too many than too few."""
    turns = list(texts)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in turns)
    return round(size / _BYTES_PER_TOKEN) + _TOKENS_PER_TURN * len(turns)


def estimated_input(request: Request) -> int:
    """The input tokens of `request`, its system text included."""
    system = () if request.system is None else (request.system,)
    return estimated_tokens((*system, *(turn.content for turn in request.messages)))


def most_output(variant: Variant) -> int:
    """The most tokens that an answer of `variant` may have, what `extra_body` says of it included."""
    extra: Any = variant.extra_body
    config = extra.get("generationConfig")
    said = [extra.get("max_tokens"), extra.get("max_completion_tokens")]
    said.append(config.get("maxOutputTokens") if isinstance(config, dict) else None)
    limits = [limit for limit in said if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0]
    return max(limits, default=variant.sampling.max_tokens)
