"""What the local models of a run did, added up for run.json. Knows no thread and no engine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(slots=True)
class ModelTotals:
    """Of one model. The thread that works adds to it in place; whoever else has one has a copy.

    Args:
        loads: how often its weights were loaded, in `load_seconds` together.
        prompt_tokens: read in `prefill_seconds`; those of prompts that had to be read again count again.
        generated_tokens: all of them, in `decode_seconds` and so many `steps`, each of which gives every row in use
            one; `first_tokens` of them came with reading their prompts instead.
        most_kv_bytes: the most memory that was set aside for keys and values.
        halvings: how often the number of slots was halved because memory ran out.
    """

    loads: int = 0
    load_seconds: float = 0.0
    prompt_tokens: int = 0
    prefill_seconds: float = 0.0
    generated_tokens: int = 0
    first_tokens: int = 0
    decode_seconds: float = 0.0
    steps: int = 0
    most_kv_bytes: int = 0
    halvings: int = 0

    @property
    def mean_rows(self) -> float:
        """How many rows were in use, over all steps."""
        return (self.generated_tokens - self.first_tokens) / self.steps if self.steps else 0.0

    def copy(self) -> ModelTotals:
        """As it is now."""
        return replace(self)

    def __add__(self, other: ModelTotals) -> ModelTotals:
        mine, theirs = asdict(self), asdict(other)
        added = {name: mine[name] + theirs[name] for name in mine}
        return ModelTotals(**added | {"most_kv_bytes": max(self.most_kv_bytes, other.most_kv_bytes)})

    def facts(self) -> dict[str, Any]:
        """As run.json has it: seconds to the millisecond."""
        facts = {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return facts | {"mean_rows": round(self.mean_rows, 2)}


def added_up(totals: Iterable[Mapping[str, ModelTotals]]) -> dict[str, ModelTotals]:
    """The totals of several threads, by the name of the model."""
    together: dict[str, ModelTotals] = {}
    for each in totals:
        for name, model in each.items():
            together[name] = together.get(name, ModelTotals()) + model
    return together
