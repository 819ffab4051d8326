"""A model's forward pass as the decoding loop calls it, whatever the architecture's signature. Knows no row."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers.cache_utils import DynamicCache

if TYPE_CHECKING:
    from transformers.cache_utils import Cache

_NARROWING = ("window", "chunk", "local", "sparse")
_HARMLESS = {
    "max_window_layers",  # of Qwen, which says with `sliding_window` whether there are any
    "num_local_experts",  # of Mixtral, whose experts have nothing to do with attention
}
_MASKED = ("sdpa", "eager")


class Forward(Protocol):
    """One pass of a causal language model over `n` rows of `t` new tokens each."""

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Logits of each row's last token, (n, V).

        Args:
            ids: (n, t) int64.
            mask: (n, columns in the cache + t) int64, 0 where a row has no token.
            positions: (n, t) int64, counted from 0 in each row.
            cache: takes the new keys and values up.
        """
        ...


class ModelForward:
    """`Forward` of a transformers model.

    Args:
        makes_mask: let the model make the mask of a decoding step out of ours, as it always does for prompts. Where
            every layer looks at every column, ours is all there is to say, and making it took a tenth of a small
            model's step: see `needs_own_mask`.
    """

    def __init__(self, model: Any, *, makes_mask: bool = True) -> None:
        takes = inspect.signature(model.forward).parameters
        self._model = model
        self._makes_mask = makes_mask
        self._lowest = torch.finfo(model.dtype).min
        # Bloom counts positions itself, from the mask.
        self._takes_positions = "position_ids" in takes
        # Without it a model computes logits for every token of a prompt, of which the last is wanted.
        self._fixed = {"use_cache": True} | ({"logits_to_keep": 1} if "logits_to_keep" in takes else {})

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
        """See `Forward`."""
        if not self._makes_mask and ids.shape[1] == 1:
            mask = (1 - mask).to(self._model.dtype).mul_(self._lowest)[:, None, None]  # (n, 1, 1, columns), added
        where = {"position_ids": positions} if self._takes_positions else {}
        output = self._model(input_ids=ids, attention_mask=mask, past_key_values=cache, **where, **self._fixed)
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def plain_cache() -> DynamicCache:
    """A cache that keeps all columns of every layer.

    Made without the model's config, by which layers with a sliding window would keep their last columns only; the mask
    says what such a layer looks at.
    """
    return DynamicCache()


def needs_own_mask(model: Any) -> bool:
    """Whether a model has to make the mask of a decoding step itself.

    So it is where layers look at a part of the columns, where positions or biases are read out of the mask, and where
    attention is computed by a kernel that takes no mask.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    said = {name for name, value in config.to_dict().items() if value and name not in _HARMLESS}
    narrowed = kinds != {"full_attention"} or any(word in name for name in said for word in _NARROWING)
    reads_mask = "position_ids" not in inspect.signature(model.forward).parameters or getattr(config, "alibi", False)
    return bool(narrowed or reads_mask or getattr(config, "_attn_implementation", None) not in _MASKED)
