"""What a coder may see of an answer, and in which order: nothing that tells the model. Knows no file format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.thoughts import answer_after_thought
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.records import Record, Results

SIMULATED = "SIMULATED: not an answer of the model under study"


@dataclass(frozen=True, slots=True)
class BlindItem:
    """One answer as its coder sees it.

    Args:
        item: the opaque id.
        gold: what is known of the matter, as lines; empty where the prompt file does not say.
        simulated: the watermark, or empty.
    """

    item: str
    prompt: str
    answer: str
    gold: str
    simulated: str


def blind_items(records: Sequence[Record], opaque: Mapping[str, str], *, seed: int, coder: str) -> list[BlindItem]:
    """`records`, which are answers, in the order that `seed` and `coder` draw.

    An item's place among others depends on nothing else, so that answers which come later leave the order of those
    before as it is.
    """
    systems: dict[str, set[str | None]] = {}
    answered_by: dict[str, set[str]] = {}
    for record in records:
        systems.setdefault(record["prompt_id"], set()).add(record["system"])
        answered_by.setdefault(record["prompt_id"], set()).add(record["variant"])
    variants = {record["variant"] for record in records}

    def tells_nothing(prompt_id: str) -> bool:
        return len(systems[prompt_id]) == 1 and answered_by[prompt_id] == variants

    return [
        BlindItem(
            opaque[record["item_id"]],
            # One that not every variant had would tell them apart.
            _asked(record, with_system=tells_nothing(record["prompt_id"])),
            # A thought tells the model, wherever it stands.
            answer_after_thought(record["full_response"] or ""),
            gold_text(record["prompt_metadata"] or {}),
            SIMULATED if record["simulated"] else "",
        )
        for record in sorted(records, key=lambda record: _rank(seed, coder, record["item_id"]))
    ]


def answers_of(results: Results) -> tuple[Record, ...]:
    """What there is to label.

    Raises:
        UsageError: nothing.
    """
    if not results.answers:
        raise UsageError(f"{results.folder} holds failures only, and no answer to label. Run it again first.")
    return results.answers


def gold_text(metadata: Mapping[str, Any]) -> str:
    """Every field of a prompt's metadata whose name begins with `gold`, as lines to read; empty where there is none."""
    return "\n\n".join(
        f"{name.replace('_', ' ')}\n" + "\n".join(_lines(value))
        for name, value in metadata.items()
        if name.startswith("gold") and value not in (None, "", [], {})
    )


def _lines(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        return [f"{name}: {_shown(inner)}" for name, inner in value.items()]
    if isinstance(value, list):
        return [f"• {_shown(inner)}" for inner in value]
    return [_shown(value)]


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _asked(record: Record, *, with_system: bool) -> str:
    turns = record["messages"] or [{"role": "user", "content": record["prompt"]}]
    if with_system and record["system"]:
        turns = [{"role": "system", "content": record["system"]}, *turns]
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _rank(seed: int, coder: str, item_id: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{coder}\0{item_id}".encode(), digest_size=16).digest()
