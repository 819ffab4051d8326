from __future__ import annotations

import pytest

from harness.analysis.bootstrap import clustered
from harness.analysis.rates import rates_of
from harness.errors import UsageError


def by_outcome(group):
    return {rate.outcome.value: rate for rate in group.rates}


def counts(group):
    return {name: rate.count for name, rate in by_outcome(group).items()}


def test_counts_rates_and_denominators(study):
    total = rates_of(*study(m="hhhccart..")).total
    assert counts(total) == {"refused": 1, "hallucinated": 3, "abstained": 1, "truncated": 1, "correct": 2}
    assert (total.resolved, total.unlabelled, total.prompts) == (8, 2, 8)
    assert by_outcome(total)["hallucinated"].rate == 3 / 8
    assert sum(rate.rate for rate in total.rates) == pytest.approx(1)


def test_what_is_left_out_is_counted_by_its_reason(record, act, annotations):
    records = [
        record(0),
        record(1),
        record(2),
        record(3, simulated=True),
        record(4, simulated=True),
        record(5),
        record(6),
    ]
    told = annotations(
        act(0, "yes"), act(1, "yes"), act(1, "no", coder="bob"), act(3, "yes"), act(5, "yes"), act(6, "yes")
    )
    total = rates_of(records, told, training=[records[5]["item_id"], records[6]["item_id"]]).total
    assert (total.resolved, total.unresolved, total.unlabelled, total.simulated, total.training) == (1, 1, 1, 2, 2)
    assert counts(total)["hallucinated"] == 1


def test_simulated_answers_never_enter_a_rate(study):
    records, told = study(m="hhcc")
    [group] = rates_of([one | {"simulated": True} for one in records], told, by=()).groups
    assert (group.simulated, group.resolved, group.labelled) == (4, 0, False)
    assert {(rate.count, rate.rate, rate.low, rate.high) for rate in group.rates} == {(0, None, None, None)}
    assert {rate.reason for rate in group.rates} == {"no real answer here is labelled and settled"}


def test_there_is_a_group_for_each_combination_and_for_all_of_each(study):
    def by(prompt):
        return {"prompt_category": "cve" if prompt < 2 else "malware", "is_synthetic_probe": prompt % 2 == 0}

    rates = rates_of(*study(a="hcch", b="hhhc", by=by))
    found = {tuple(group.names.items()): counts(group)["hallucinated"] for group in rates.groups}
    assert len(rates.groups) == len(found) == 3 * 3 * 3
    assert found[()] == 5
    assert (rates.total.resolved, rates.total.prompts) == (8, 4)
    assert found[(("variant", "a"),)] == 2
    assert found[(("variant", "b"),)] == 3
    assert found[(("prompt_category", "cve"),)] == 3
    assert found[(("is_synthetic_probe", "synthetic"),)] == 3
    assert found[("variant", "b"), ("prompt_category", "malware"), ("is_synthetic_probe", "synthetic")] == 1
    assert found[("variant", "a"), ("prompt_category", "malware")] == 1


def test_rows_say_all_where_a_group_takes_all(study):
    rows = rates_of(*study(a="hc"), by=("variant",)).rows()
    assert [(row["variant"], row["outcome"], row["count"]) for row in rows if row["count"]] == [
        ("all", "hallucinated", 1), ("all", "correct", 1), ("a", "hallucinated", 1), ("a", "correct", 1),
    ]  # fmt: skip
    assert rows[0] == {
        "variant": "all", "outcome": "refused", "count": 0, "denominator": 2, "rate": 0.0, "low": None, "high": None,
        "prompts": 2, "unresolved": 0, "unlabelled": 0, "simulated": 0, "training": 0,
        "reason": "no interval: every drawn sample of prompts says the same",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("is_synthetic_probe", True, "synthetic"), ("is_synthetic_probe", False, "real"),
        ("is_synthetic_probe", None, "unknown"), ("prompt_category", None, "unknown"), ("prompt_category", 3, "3"),
    ],
)  # fmt: skip
def test_values_of_fields_are_words(record, annotations, name, value, text):
    groups = rates_of([record(0, **{name: value})], annotations(), by=(name,)).groups
    assert groups[1].names == {name: text}


def test_a_category_called_all_is_not_everything(study):
    records, told = study(a="hc", by=lambda prompt: {"prompt_category": "all" if prompt else "cve"})
    groups = rates_of(records, told, by=("prompt_category",)).groups
    assert [(group.names, group.resolved) for group in groups] == [
        ({}, 2), ({"prompt_category": "all"}, 1), ({"prompt_category": "cve"}, 1),
    ]  # fmt: skip


def test_intervals_are_those_of_the_bootstrap_over_prompts(study):
    records, told = study(a="hhhcchcchc", b="hchhcchch.")
    rate = by_outcome(rates_of(records, told, seed=5).total)["hallucinated"]
    letters = [one for pair in zip("hhhcchcchc", "hchhcchch.", strict=True) for one in pair][:-1]
    prompts = [row // 2 for row in range(19)]
    drawn = clustered(prompts, lambda rows: sum(letters[row] == "h" for row in rows) / len(rows), seed=5)
    assert (rate.low, rate.high) == pytest.approx((drawn.low, drawn.high))
    assert rate.low < rate.rate < rate.high


def test_answers_to_one_prompt_alone_have_no_interval(study):
    total = rates_of(*study(a="h", b="c")).total
    assert by_outcome(total)["hallucinated"].rate == 0.5
    assert by_outcome(total)["hallucinated"].low is None
    assert by_outcome(total)["hallucinated"].reason == "no interval: all of these answers are to one prompt"


def test_a_seed_draws_the_same_again(study):
    records, told = study(a="hhhcchcchc.rt", b="chhrcatccchtc")
    assert rates_of(records, told, seed=1) == rates_of(records, told, seed=1)
    assert rates_of(records, told, seed=1) != rates_of(records, told, seed=2)


def test_a_folder_without_answers_has_an_empty_total(annotations):
    [total] = rates_of([], annotations()).groups
    assert (total.names, total.resolved, total.rates[0].rate) == ({}, 0, None)


def test_an_unknown_field_is_refused(record, annotations):
    with pytest.raises(UsageError, match="no field modle"):
        rates_of([record(0)], annotations(), by=("modle",))
