"""Agreement and confusions as tables for people. Counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.agreement.measured import ALL, BY_CATEGORY
from harness.analysis.rates.tables import reason_lines
from harness.analysis.sheets import Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.agreement.confusion import Confusion
    from harness.analysis.agreement.estimate import Estimate
    from harness.analysis.agreement.measured import Agreement, FieldAgreement

_SCALES = {"nominal": "", "ordinal": " (ordinal)", "sets": " (sets; alpha with the MASI distance)"}


def agreement_sheets(agreement: Agreement) -> list[Sheet]:
    """For each field one with all its groups, then what each pair of coders said against each other."""
    fields: dict[str, list[FieldAgreement]] = {}
    for one in agreement.fields:
        fields.setdefault(one.field, []).append(one)
    confused: dict[str, dict[tuple[str, str], list[Confusion]]] = {}
    for table in agreement.confusions:
        confused.setdefault(table.field, {}).setdefault(table.coders, []).append(table)
    sheets = []
    for name, groups in fields.items():
        sheets.append(_field_sheet(name, groups))
        sheets += [
            _confusion_sheet(tables[0]) if tables[0].option is None else _options_sheet(tables)
            for tables in confused.get(name, {}).values()
        ]
    return sheets


def _field_sheet(name: str, groups: Sequence[FieldAgreement]) -> Sheet:
    columns = [
        Column("items", [str(one.items) for one in groups]),
        Column("prompts", [str(one.prompts) for one in groups], 4),
        Column("coders", [str(one.coders) for one in groups], 3),
        Column("agreement", [_cell(one.percent) for one in groups]),
        Column("Cohen's kappa", [_cell(one.kappa) for one in groups], 1),
    ]
    if weighted := [_cell(one.kappa_quadratic) for one in groups if one.kappa_quadratic is not None]:
        columns.append(Column("quadratic kappa", weighted, 2))
    columns.append(Column("Krippendorff's alpha", [_cell(one.alpha) for one in groups]))
    return Sheet(
        f"Agreement on {name}{_SCALES[groups[0].scale]}, with 95 % intervals",
        [Column("answers", [_group_name(one) for one in groups])],
        columns,
        reason_lines(estimate.reason for one in groups for estimate in one.measures.values()),
    )


def _confusion_sheet(table: Confusion) -> Sheet:
    one, other = table.coders
    return Sheet(
        f"{table.field}: rows by {one}, columns by {other}",
        [Column("", list(table.values))],
        [
            Column(value, [str(counts[position]) for counts in table.counts])
            for position, value in enumerate(table.values)
        ],
    )


def _options_sheet(tables: Sequence[Confusion]) -> Sheet:
    """Of a field with several choices: who chose each of them."""
    one, other = tables[0].coders
    cells = [table.counts for table in tables]
    return Sheet(
        f"{tables[0].field}: chosen by {one} and by {other}",
        [Column("", [str(table.option) for table in tables])],
        [
            Column("both", [str(both) for (both, _), _ in cells]),
            Column(f"only {one}", [str(alone) for (_, alone), _ in cells]),
            Column(f"only {other}", [str(alone) for _, (alone, _) in cells]),
            Column("neither", [str(neither) for _, (_, neither) in cells]),
        ],
    )


def _group_name(one: FieldAgreement) -> str:
    if one.by == ALL:
        return ALL
    return f"category {one.group}" if one.by == BY_CATEGORY else one.group


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} [-]"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
