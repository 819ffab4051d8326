"""How many tokens a model's configuration allows a prompt and its answer together. Knows no torch and no tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


def context_length(config: Mapping[str, Any]) -> int | None:
    """How many tokens a prompt and its answer may have together; None where the model sets no bound, as Bloom.

    Args:
        config: a text configuration of transformers, with its defaults filled in: `get_text_config().to_dict()`.
    """
    found = (config.get(name) for name in _NAMES)
    return next((length for length in found if isinstance(length, int) and length > 0), None)


def steady_length(config: Mapping[str, Any]) -> int | None:
    """How long texts may become that are computed together; None where there is no bound.

    A text never becomes longer than its context. With LongRoPE (Ding et al., 2024; Phi-3) there is a smaller bound,
    past which one text changes the rotations of all others in its pass, and of its own keys.

    Args:
        config: as for `context_length`.
    """
    rope = config.get("rope_parameters") or {}
    kinds = [kind for kind in (rope, *rope.values()) if isinstance(kind, dict) and kind.get("rope_type") == "longrope"]
    bounds = [context_length(config), *(kind.get("original_max_position_embeddings") for kind in kinds)]
    return min((bound for bound in bounds if bound), default=None)
