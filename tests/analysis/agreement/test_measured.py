from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from harness.analysis.agreement import agreement_of
from harness.analysis.bootstrap import clustered
from harness.analysis.rubric import read_rubric

RUBRIC = read_rubric()
MEASURES = ["percent_agreement", "cohen_kappa", "krippendorff_alpha"]


@pytest.fixture
def labelled(record, act, annotations):
    """Twenty answers of two variants and two categories; ann and bob disagree on three."""
    ann = ["yes" if number % 3 else "no" for number in range(20)]
    bob = [{"yes": "no", "no": "yes"}[said] if number in {2, 9, 15} else said for number, said in enumerate(ann)]
    records = [record(number, prompt_category="cve" if number < 8 else "malware") for number in range(20)]
    acts = [act(number, "ann", ann[number]) for number in range(20)]
    acts += [act(number, "bob", bob[number]) for number in reversed(range(20))]
    return records, annotations(*acts), (ann, bob)


def test_it_is_what_scikit_learn_computes_in_all_by_variant_and_by_category(labelled):
    records, told, (ann, bob) = labelled
    found = agreement_of(records, told, RUBRIC)
    groups = {(one.by, one.group): one for one in found.fields if one.field == "hallucination"}
    members = {
        ("all", "all"): range(20),
        ("variant", "m@0"): range(0, 20, 2),
        ("variant", "m@1"): range(1, 20, 2),
        ("prompt_category", "cve"): range(8),
        ("prompt_category", "malware"): range(8, 20),
    }
    assert set(groups) == set(members)
    for name, rows in members.items():
        one = groups[name]
        kappa = cohen_kappa_score([ann[row] for row in rows], [bob[row] for row in rows])
        assert one.kappa.value == pytest.approx(kappa)
        assert one.percent.value == pytest.approx(1 - sum(ann[row] != bob[row] for row in rows) / len(rows))
        assert (one.items, one.prompts, one.coders) == (len(rows), len({row // 2 for row in rows}), 2)


def test_every_field_but_texts_has_its_measures(labelled):
    records, told, _ = labelled
    found = agreement_of(records, told, RUBRIC)
    assert {one.field: list(one.measures) for one in found.fields if one.by == "all"} == {
        "hallucination": MEASURES,
        "abstained": MEASURES,
        "types": MEASURES,
        "severity": [*MEASURES[:2], "cohen_kappa_quadratic", MEASURES[2]],
        "citations": MEASURES,
    }


def test_what_nobody_labelled_is_undefined_and_never_a_number(labelled):
    records, told, _ = labelled
    rows = [row for row in agreement_of(records, told, RUBRIC).rows() if row["field"] == "severity"]
    assert len(rows) == 4
    assert all(row["value"] is row["low"] is row["high"] is None for row in rows)
    assert {row["reason"] for row in rows} == {"nobody labelled it"}


def test_rows_name_their_group(labelled):
    records, told, _ = labelled
    rows = [row for row in agreement_of(records, told, RUBRIC).rows() if row["field"] == "hallucination"]
    assert len(rows) == 15
    assert {(row["variant"], row["prompt_category"]) for row in rows} == {
        ("all", "all"), ("m@0", "all"), ("m@1", "all"), ("all", "cve"), ("all", "malware"),
    }  # fmt: skip
    assert rows[0] | {"low": None, "high": None} == {
        "field": "hallucination", "scale": "nominal", "variant": "all", "prompt_category": "all",
        "measure": "percent_agreement", "value": 0.85, "low": None, "high": None, "items": 20, "prompts": 10, "coders": 2,
        "reason": None,
    }  # fmt: skip


def test_training_items_are_left_out(labelled):
    records, told, _ = labelled
    practised = {records[number]["item_id"] for number in (2, 9, 15)}
    [everything, *_] = agreement_of(records, told, RUBRIC, training=practised).fields
    assert (everything.items, everything.percent.value) == (17, 1.0)
    assert sum(map(sum, agreement_of(records, told, RUBRIC, training=practised).confusions[0].counts)) == 17


def test_agreement_is_of_coders_before_anybody_decided(labelled, act, annotations):
    records, told, _ = labelled
    decided = annotations(*told.acts, act(2, "eve", "yes", role="adjudicator"))
    assert agreement_of(records, decided, RUBRIC).rows() == agreement_of(records, told, RUBRIC).rows()


def test_a_seed_draws_the_same_again(labelled):
    records, told, _ = labelled
    assert agreement_of(records, told, RUBRIC, seed=1) == agreement_of(iter(records), told, RUBRIC, seed=1)
    assert agreement_of(records, told, RUBRIC, seed=1) != agreement_of(records, told, RUBRIC, seed=2)


def test_simulated_answers_that_two_labelled_are_told(labelled, annotations):
    records, told, _ = labelled
    assert agreement_of(records, told, RUBRIC).simulated == 0
    played = [made | {"simulated": number < 4} for number, made in enumerate(records)]
    assert agreement_of(played, told, RUBRIC).simulated == 4
    alone = annotations(*(one for one in told.acts if one.coder == "ann"))
    assert agreement_of(played, alone, RUBRIC).simulated == 0


def test_intervals_are_those_of_the_bootstrap_over_prompts(labelled):
    records, told, (ann, bob) = labelled
    [found, *_] = agreement_of(records, told, RUBRIC, seed=6).fields
    drawn = clustered(
        [row // 2 for row in range(20)], lambda rows: sum(ann[row] == bob[row] for row in rows) / len(rows), seed=6
    )
    assert (found.percent.low, found.percent.high) == pytest.approx((drawn.low, drawn.high))
    apart = clustered(range(20), lambda rows: sum(ann[row] == bob[row] for row in rows) / len(rows), seed=6)
    assert (drawn.low, drawn.high) != (apart.low, apart.high)
