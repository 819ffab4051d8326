"""The k largest numbers of each row, quickly on a CPU too. Knows nothing of what they stand for."""

from __future__ import annotations

import numpy as np
import torch

_BLOCK = 128
_WORTH_IT = 16_384


def largest(rows: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values, descending, and places of the `k` largest of each row, both (n, k), of `rows` (n, V); as `topk`.

    On a CPU `topk` looks at a large row one number at a time. The k largest are in the k blocks with the largest
    maxima, and maxima are found with vector instructions: only those blocks are looked at one by one.
    """
    blocks = rows.shape[1] // _BLOCK
    if rows.device.type != "cpu" or rows.shape[1] < _WORTH_IT or 2 * k > blocks:
        values, places = rows.topk(k)
        return values, places
    whole = blocks * _BLOCK
    maxima = rows[:, :whole].reshape(-1, blocks, _BLOCK).amax(-1)  # (n, blocks)
    starts = maxima.topk(k).indices.mul_(_BLOCK)
    candidates = (starts[:, :, None] + torch.arange(_BLOCK)).flatten(1)
    rest = torch.arange(whole, rows.shape[1]).expand(len(rows), -1)
    candidates = torch.cat([candidates, rest], dim=1)
    values, at = rows.gather(1, candidates).topk(k)
    return values, candidates.gather(1, at)


def kth_largest(rows: torch.Tensor, k: torch.Tensor, most: int) -> torch.Tensor:
    """The k-th largest value of each row, (n, 1); the smallest where a row has fewer.

    Args:
        rows: (n, V).
        k: (n, 1) int64.
        most: the largest of `k`, known on the host.
    """
    vocabulary = rows.shape[1]
    k = k.clamp(max=vocabulary)
    if rows.device.type == "cpu":
        # numpy partitions values with vector instructions, torch sorts them together with their places.
        places = vocabulary - k
        return torch.from_numpy(np.partition(rows.numpy(), np.unique(places), axis=-1)).gather(1, places)
    return rows.topk(min(most, vocabulary)).values.gather(1, k - 1)


def argmax(scores: torch.Tensor) -> torch.Tensor:
    """The first place of the largest number of each row, (B,) int64; of a NaN where there is one."""
    if scores.device.type == "cpu":
        # numpy's takes a tenth of the time.
        return torch.from_numpy(scores.numpy().argmax(axis=-1))
    return scores.argmax(dim=-1)
