"""Whether an answer holds the logprobs that a variant asks for. Knows records; knows no folder and no run.

A record does not say what was asked for when it was made, but it shows it: the longest of its top lists, how many
positions there are, and of what. What it does not show it lacks, since asking again costs less than evidence that is
missing from a study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.schema import LogprobsSpec

_WARPERS = ("top_k", "top_p", "min_p")


def lacks(record: Mapping[str, Any], wanted: LogprobsSpec | None, asked: Mapping[str, Any] | None) -> str | None:
    """Why the logprobs of `record`, an answer, are not what is `wanted`; None where they are.

    Args:
        wanted: None wants none.
        asked: what the record's run says that it asked for, as run.json has it; None where it does not say.
    """
    if wanted is None or _is_empty(record):
        return None
    positions = record.get("token_logprobs") or ()
    if not positions:
        return "without logprobs"
    kind = record.get("logprobs_of")
    if record.get("provider") == ProviderType.LOCAL and kind != wanted.of:
        return f"with logprobs of {kind} instead of {wanted.of}"
    if len(positions) < (wanted.positions or len(positions) + 1) and not _is_whole(record, positions):
        return "with logprobs of fewer tokens"
    most = max(len(one.get("top_logprobs") or ()) for one in positions)
    if most < wanted.top and not _cut_short(record, wanted, asked):
        return "with fewer alternatives for each token"
    return None


def _is_empty(record: Mapping[str, Any]) -> bool:
    """Whether there is nothing in the answer that could have a logprob."""
    return not record.get("full_response") and not record.get("output_token_ids")


def _is_whole(record: Mapping[str, Any], positions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `positions` are all of the answer's, by their number or, since an API may count its end too, by text."""
    ids = record.get("output_token_ids")
    if ids is not None:
        return len(positions) >= len(ids)
    used = record.get("tokens_used") or {}
    spoken = None if used.get("output") is None else used["output"] - (used.get("thinking") or 0)
    if spoken is not None and len(positions) >= spoken:
        return True
    text = "".join(str(one.get("token") or "") for one in positions)
    return text.strip() == (record.get("full_response") or "").strip()


def _cut_short(record: Mapping[str, Any], wanted: LogprobsSpec, asked: Mapping[str, Any] | None) -> bool:
    """Whether as much was asked for, and the lists are shorter because sampling had excluded the tokens beyond them."""
    if record.get("logprobs_of") != "scores" or asked is None:
        return False
    sent = record.get("sampling_params") or {}
    excludes = any(sent.get(name) is not None for name in _WARPERS)
    return excludes and asked.get("of") == "scores" and (asked.get("top") or 0) >= wanted.top
