"""What a cell of a table says, as a label. Knows one field of the rubric at a time, and no table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.export.annotation_csv import SEPARATOR

if TYPE_CHECKING:
    from harness.analysis.rubric import RubricField


def label_of(field: RubricField, cell: str) -> Any:
    """What a cell says; what the rubric does not know stays as it stands, to be refused. None: nothing."""
    if not cell.strip():
        return None
    if field.type == "text":
        return cell
    if field.type != "multi":
        return _option(field, cell)
    said = [_option(field, part) for part in cell.split(SEPARATOR) if part.strip()]
    return sorted(said, key=lambda value: field.values.index(value) if value in field.values else -1) or None


def _option(field: RubricField, cell: str) -> str:
    if cell in field.values:
        return cell
    said = cell.strip()
    alike = [value for value in field.values if value.casefold() == said.casefold()]
    return said if said in field.values or len(alike) != 1 else alike[0]
