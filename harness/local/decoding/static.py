"""Static batches through transformers' `generate`: for models whose state is no window of keys, and as a reference.

`generate` runs greedy, and one last logits processor does the rest: temperature and warpers of each row, the evidence
as `output_scores` would hold it, and the row's own noise, so that greedy's argmax is the drawn token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.local.decoding.steps import Choose, Ended, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.local.decoding.rows import Row
    from harness.local.worker.jobs import Batch

_hf: Any = transformers  # partly untyped


def together(rows: Sequence[Row], most: int | None, room: Callable[[int], int]) -> Iterator[Sequence[Row]]:
    """`rows` in their order, in batches that do not reach further than `most` tokens; a row that does is alone.

    A row that has ended is computed on until its batch ends. Past the context that is an IndexError where positions are
    entries of a table, and on CUDA one that no process recovers from.

    Args:
        room: how many rows there may be that reach so many tokens.
    """
    batch: list[Row] = []
    for row in rows:
        reach = _reach([*batch, row])
        if batch and ((most is not None and reach > most) or len(batch) >= room(reach)):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _reach(rows: Sequence[Row]) -> int:
    """How many tokens the longest prompt of `rows` may have come to by the end of the longest answer."""
    longest = max(row.request.variant.sampling.max_tokens for row in rows)
    return longest + max(len(row.prompt.token_ids) for row in rows)


def run_static(
    model: Any, device: torch.device, batch: Batch, rows: Sequence[Row], deliver: Callable[[Batch, Row], None]
) -> None:
    """Answer `rows`, each of them delivered at the step that ends it; the batch ends with its last one."""
    width = max(len(row.prompt.token_ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)  # (B, T), left-padded; what a masked id is has no effect
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        length = len(row.prompt.token_ids)
        ids[i, width - length :] = torch.tensor(row.prompt.token_ids)
        mask[i, width - length :] = 1
    steps = Steps(batch, rows, device, deliver)
    model.generate(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        generation_config=_hf.GenerationConfig(
            do_sample=False,
            use_cache=True,
            max_new_tokens=max(row.request.variant.sampling.max_tokens for row in rows),
        ),
        logits_processor=_hf.LogitsProcessorList([Choose(steps)]),
        stopping_criteria=_hf.StoppingCriteriaList([Ended(steps)]),
    )
