"""What coders said of one field, as a matrix of items by coders. Knows no measure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.labels import Labels
    from harness.analysis.records import Record
    from harness.analysis.rubric import Rubric, RubricField

Scale = Literal["nominal", "ordinal", "sets"]
Value = str | frozenset[str]
Codes = np.ndarray[Any, np.dtype[np.intp]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
UNKNOWN = "unknown"
_SCALES: dict[str, Scale] = {"multi": "sets", "ordinal": "ordinal"}
_MISSING = -1


@dataclass(frozen=True, slots=True)
class Ratings:
    """One field over some items.

    Args:
        scale: `sets` for several choices at once; each set that occurs is a value then.
        values: what may be said, in the rubric's order.
        codes: shape (items, coders), positions in `values`; -1 where a coder was not asked or said nothing.
        prompts: by item, as `variants` and `categories`.
    """

    field: str
    scale: Scale
    values: tuple[Value, ...]
    coders: tuple[str, ...]
    codes: Codes
    prompts: tuple[str, ...]
    variants: tuple[str, ...]
    categories: tuple[str, ...]

    def where(self, rows: Sequence[bool] | Flags) -> Ratings:
        """The items for which `rows`, shape (items,), is true."""
        kept = np.flatnonzero(np.asarray(rows, dtype=bool))
        return dataclasses.replace(
            self,
            codes=self.codes[kept],
            prompts=tuple(self.prompts[row] for row in kept),
            variants=tuple(self.variants[row] for row in kept),
            categories=tuple(self.categories[row] for row in kept),
        )

    @property
    def said(self) -> Flags:
        """Where there is a label, shape (items, coders)."""
        return np.not_equal(self.codes, _MISSING)

    @property
    def compared(self) -> Ratings:
        """The items that at least two coders labelled, and the coders who labelled any of those."""
        kept = self.where(self.said.sum(axis=1) > 1)
        present = np.flatnonzero(kept.said.any(axis=0))
        return dataclasses.replace(
            kept, coders=tuple(self.coders[one] for one in present), codes=kept.codes[:, present]
        )

    @property
    def counts(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """How many coders gave each value, shape (items, values)."""
        counted = np.zeros((len(self.codes), len(self.values)))
        rows, columns = np.nonzero(self.said)
        np.add.at(counted, (rows, self.codes[rows, columns]), 1.0)
        return counted

    @property
    def not_comparable(self) -> str | None:
        """Why nothing can be compared, None where something can."""
        present = [self.coders[one] for one in np.flatnonzero(self.said.any(axis=0))]
        if not present:
            return "nobody labelled it"
        if len(present) == 1:
            return f"only {present[0]} labelled it"
        return None if len(self.compared.prompts) else "no item was labelled by two coders"

    @property
    def one_class(self) -> str | None:
        """Why chance cannot be told from agreement: there is one value only. None where there are several."""
        used = np.unique(self.codes[self.said])
        return f"undefined, since every label is {shown(self.values[used[0]])}" if len(used) == 1 else None


def shown(value: Value) -> str:
    """A value as text; a set as its members by name."""
    return value if isinstance(value, str) else "{" + ", ".join(sorted(value)) + "}"


def ratings_of(
    field: RubricField, records: Mapping[str, Record], coded: Mapping[str, Mapping[str, Labels]], rubric: Rubric
) -> Ratings:
    """What `coded` (labels by item, then coder) says of `field`, over the items of `records` that anybody labelled.

    A coder whom the rubric did not ask (`when`) said nothing, whatever stands there.

    Raises:
        UsageError: a label that the rubric does not have.
    """
    said: dict[str, dict[str, Value]] = {}
    for item_id, by_coder in coded.items():
        if item_id not in records:
            continue
        for coder, labels in by_coder.items():
            label = labels.get(field.name)
            if label is None or field not in rubric.asked(labels):
                continue
            if problem := field.problem(label):
                raise UsageError(f"{coder}'s label of the item {item_id} is not of this rubric: {problem}. Mend it.")
            said.setdefault(item_id, {})[coder] = frozenset(label) if isinstance(label, list) else label
    coders = tuple(sorted({coder for by_coder in said.values() for coder in by_coder}))
    used = {value for by_coder in said.values() for value in by_coder.values()}
    values = tuple(sorted(used, key=shown)) if field.type == "multi" else field.values
    code: dict[Value, int] = {value: position for position, value in enumerate(values)}
    codes = [[code[row[coder]] if coder in row else _MISSING for coder in coders] for row in said.values()]
    return Ratings(
        field=field.name,
        scale=_SCALES.get(field.type, "nominal"),
        values=values,
        coders=coders,
        codes=np.array(codes, dtype=np.intp).reshape(len(said), len(coders)),
        prompts=tuple(str(records[item_id]["prompt_id"]) for item_id in said),
        variants=tuple(str(records[item_id]["variant"]) for item_id in said),
        categories=tuple(str(records[item_id]["prompt_category"] or UNKNOWN) for item_id in said),
    )
