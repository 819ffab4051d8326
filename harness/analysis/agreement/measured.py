"""Agreement of a folder's coders: each field, in all, by variant and by category. Knows no file and no screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.agreement.alpha import krippendorff_alpha
from harness.analysis.agreement.confusion import confusions
from harness.analysis.agreement.estimate import Estimate, estimates
from harness.analysis.agreement.kappa import cohen_kappa
from harness.analysis.agreement.percent import percent_agreement
from harness.analysis.agreement.ratings import ratings_of
from harness.analysis.sources import records_of, training_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.analysis.agreement.confusion import Confusion
    from harness.analysis.agreement.ratings import Ratings, Scale
    from harness.analysis.labels import Annotations
    from harness.analysis.rubric import Rubric
    from harness.analysis.sources import Source

ALL = "all"
BY_VARIANT = "variant"
BY_CATEGORY = "prompt_category"


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """How far coders agree on one field over some answers.

    Args:
        by: `all`, `variant` or `prompt_category`; `group` is which one.
        items: answers with labels of at least two coders, of `prompts` prompts, by `coders` coders.
        kappa_quadratic: of ordinal fields, None for others.
    """

    field: str
    scale: Scale
    by: str
    group: str
    items: int
    prompts: int
    coders: int
    percent: Estimate
    kappa: Estimate
    kappa_quadratic: Estimate | None
    alpha: Estimate

    @property
    def measures(self) -> dict[str, Estimate]:
        """By name, those that there are for this scale."""
        made = {"percent_agreement": self.percent, "cohen_kappa": self.kappa}
        if self.kappa_quadratic is not None:
            made["cohen_kappa_quadratic"] = self.kappa_quadratic
        return made | {"krippendorff_alpha": self.alpha}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a whole folder.

    Args:
        simulated: how many of the answers that two people labelled are simulated; they count, since it is of coders.
    """

    coders: tuple[str, ...]
    fields: tuple[FieldAgreement, ...]
    confusions: tuple[Confusion, ...]
    simulated: int

    def rows(self) -> list[dict[str, Any]]:
        """One per field, group and measure, undefined numbers None.

        `field`, `scale`, `variant` and `prompt_category` (`all` where it takes all), `measure`, `value`, `low`, `high`,
        `items`, `prompts`, `coders`, `reason`.
        """
        return [
            {
                "field": one.field,
                "scale": one.scale,
                "variant": one.group if one.by == BY_VARIANT else ALL,
                "prompt_category": one.group if one.by == BY_CATEGORY else ALL,
                "measure": name,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "items": one.items,
                "prompts": one.prompts,
                "coders": one.coders,
                "reason": estimate.reason,
            }
            for one in self.fields
            for name, estimate in one.measures.items()
        ]


def agreement_of(
    results: Source,
    annotations: Annotations,
    rubric: Rubric,
    *,
    training: Collection[str] | None = None,
    seed: int = 0,
) -> Agreement:
    """How far the coders of `annotations` agree, before anybody decided; texts are never compared.

    Intervals are 95 % percentile intervals of a bootstrap over prompts (`harness.analysis.bootstrap`).

    Args:
        results: the records that the labels are of, one per item.
        training: item ids that coders practised on, which are left out; None: those that the folder of `results` names.
        seed: of what the bootstrap draws.

    Raises:
        UsageError: a label that the rubric does not have, or a library of the extra `analysis` is missing.
    """
    practised = training_of(results, training)
    records = {record["item_id"]: record for record in records_of(results) if record["item_id"] not in practised}
    coded = annotations.coded()
    tables = [ratings_of(one, records, coded, rubric) for one in rubric.fields if one.type != "text"]
    pairs = [item_id for item_id, by_coder in coded.items() if len(by_coder) > 1 and item_id in records]
    return Agreement(
        annotations.coders,
        tuple(_measured(part, by, group, seed) for table in tables for by, group, part in _groups(table)),
        tuple(one for table in tables for one in confusions(table)),
        sum(bool(records[item_id].get("simulated")) for item_id in pairs),
    )


def _groups(table: Ratings) -> list[tuple[str, str, Ratings]]:
    found = [(ALL, ALL, table)]
    for by, names in ((BY_VARIANT, table.variants), (BY_CATEGORY, table.categories)):
        found += [(by, name, table.where([one == name for one in names])) for name in sorted(set(names))]
    return found


def _measured(ratings: Ratings, by: str, group: str, seed: int) -> FieldAgreement:
    compared = ratings.compared
    measures = [percent_agreement(ratings), cohen_kappa(ratings), krippendorff_alpha(ratings)]
    if ratings.scale == "ordinal":
        measures.append(cohen_kappa(ratings, quadratic=True))
    percent, kappa, alpha, *quadratic = estimates(compared.prompts, measures, seed=seed)
    return FieldAgreement(
        field=ratings.field,
        scale=ratings.scale,
        by=by,
        group=group,
        items=len(compared.prompts),
        prompts=len(set(compared.prompts)),
        coders=len(compared.coders),
        percent=percent,
        kappa=kappa,
        kappa_quadratic=quadratic[0] if quadratic else None,
        alpha=alpha,
    )
