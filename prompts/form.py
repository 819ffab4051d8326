"""The form of a benchmark's prompts: which fields, of which types. Knows nothing of what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = {
    "id": "a text",
    "category": "a text",
    "prompt": "a text",
    "is_synthetic_probe": "true or false",
    "gold_label": "an object with exists (true or false) and description (a text)",
    "gold_refs": "a list of texts",
    "template": "a text",
    "entity": "a text",
    "pair_id": "a text or null",
    "probe_type": "a text or null",
    "why_fictitious": "a text or null",
    "source": "a text",
    "gold_points": "a list of texts",
}
"""What every prompt has, in this order."""


def rows(prompts: Any) -> Iterator[str]:
    """The form of each prompt: its fields and their types. Where it is broken, nothing else can be looked at."""
    if not isinstance(prompts, list) or not prompts:
        yield "prompts must be a list of prompts."
        return
    for number, prompt in enumerate(prompts, start=1):
        if not isinstance(prompt, dict):
            yield f"prompt number {number} is no object."
            continue
        name = prompt.get("id", f"prompt number {number}")
        if tuple(prompt) != tuple(FIELDS):
            yield f"{name} has the fields {', '.join(prompt)}; it must have {', '.join(FIELDS)}."
            continue
        for field, kind in FIELDS.items():
            if not _is_of(kind, prompt[field]):
                yield f"{name}: {field} must be {kind}, not {prompt[field]!r}."


def _is_of(kind: str, value: Any) -> bool:
    match kind:
        case "a text":
            return isinstance(value, str)
        case "a text or null":
            return value is None or isinstance(value, str)
        case "true or false":
            return isinstance(value, bool)
        case "a list of texts":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case _:
            facts = value if isinstance(value, dict) else {}
            return isinstance(facts.get("exists"), bool) and isinstance(facts.get("description"), str)
