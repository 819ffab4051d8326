"""What a flattened record is: objects in it spread over names with dots. Knows no file format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OBJECTS = frozenset(
    ("prompt_metadata", "tokens_used", "sampling_params", "runtime", "template", "reused_from", "error_detail")
)
_LEVELS = 4


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """`record` with `{"tokens_used": {"input": 9}}` as `{"tokens_used.input": 9}`, and so on; lists stay lists.

    An object stays one where a name in it has a dot, so that every name here says where its value stood, and below four
    levels. Of the fields that hold objects, those that are empty or null are left out.
    """
    return {
        name: value
        for field, held in record.items()
        if not (field in _OBJECTS and not held)
        for name, value in _spread(field, held, _LEVELS)
    }


def _spread(name: str, value: Any, levels: int) -> Iterator[tuple[str, Any]]:
    if levels and isinstance(value, dict) and value and not any("." in key for key in value):
        for key, inner in value.items():
            yield from _spread(f"{name}.{key}", inner, levels - 1)
    else:
        yield name, value
