from __future__ import annotations

import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from harness.analysis.bootstrap import clustered
from harness.analysis.rates import differences_of

A, B, C = "hhhhhhcchhcc", "hccchhccccch", "cccccccccccc"


def of(found, outcome="hallucinated"):
    return {(one.variant_a, one.variant_b): one for one in found.pairs if one.outcome.value == outcome}


def test_variants_are_paired_by_prompt(study):
    one = of(differences_of(*study(a=A, b=B)))["a", "b"]
    assert (one.pairs, one.prompts, one.only_a, one.only_b) == (12, 12, 5, 1)
    assert one.difference == pytest.approx(4 / 12)
    assert one.low < one.difference < one.high


def test_only_prompts_that_are_settled_for_both_count(study, act):
    records, told = study(a="hhc.", b="h.hc")
    found = of(differences_of(records, told))["a", "b"]
    assert (found.pairs, found.only_a, found.only_b) == (2, 0, 1)
    disputed = type(told)((*told.acts, act(1, "no", coder="bob")))
    assert of(differences_of(records, disputed))["a", "b"].pairs == 1
    trained = differences_of(records, told, training=[records[1]["item_id"]])
    assert of(trained)["a", "b"].pairs == 1


def test_p_is_mcnemars_exact_and_holm_is_over_all_pairs_of_one_outcome(study):
    found = differences_of(*study(a=A, b=B, c=C))
    pairs = of(found)
    discordant = {("a", "b"): (5, 1), ("a", "c"): (8, 0), ("b", "c"): (4, 0)}
    assert {names: (one.only_a, one.only_b) for names, one in pairs.items()} == discordant
    expected = [mcnemar([[0, b], [c, 0]], exact=True).pvalue for b, c in discordant.values()]
    assert [pairs[names].p for names in discordant] == pytest.approx(expected)
    assert [pairs[names].p_holm for names in discordant] == pytest.approx(
        list(multipletests(expected, method="holm")[1])
    )
    assert pairs["a", "c"].p_holm == pytest.approx(3 * 2 / 2**8)
    assert [one.p_holm for one in of(found, "refused").values()] == [1.0, 1.0, 1.0]


def test_the_interval_is_that_of_the_bootstrap_over_prompts(study):
    one = of(differences_of(*study(a=A, b=B), seed=4))["a", "b"]
    gaps = [(a == "h") - (b == "h") for a, b in zip(A, B, strict=True)]
    drawn = clustered(range(12), lambda rows: sum(gaps[row] for row in rows) / len(rows), seed=4)
    assert (one.low, one.high) == pytest.approx((drawn.low, drawn.high))


def test_repeats_are_paired_with_their_own_and_drawn_with_their_prompt(study):
    first, told = study(a="hhcc", b="hccc")
    second, more = study(a="hhcc", b="chhc", repeat=1)
    both = differences_of([*first, *second], type(told)((*told.acts, *more.acts)))
    one = of(both)["a", "b"]
    assert (one.pairs, one.prompts, one.only_a, one.only_b) == (8, 4, 2, 1)


def test_without_a_discordant_pair_p_is_one_and_that_is_said(study):
    one = of(differences_of(*study(a="hhcc", b="hhcc")))["a", "b"]
    assert (one.difference, one.low, one.high, one.p, one.p_holm) == (0.0, None, None, 1.0, 1.0)
    assert "p is 1 by the exact test" in one.reason


def test_variants_without_a_common_prompt_have_no_difference_and_do_not_count_for_holm(study):
    found = of(differences_of(*study(a="hhhhhhh...", b="ccccccc...", c=".......hhh")))
    alone = found["a", "c"]
    assert (alone.pairs, alone.difference, alone.p, alone.p_holm) == (0, None, None, None)
    assert alone.reason == "no prompt is settled for both"
    assert found["a", "b"].p_holm == found["a", "b"].p == pytest.approx(2 / 2**7)


def test_where_every_pair_differs_alike_there_is_a_p_and_no_interval(study):
    one = of(differences_of(*study(a="hhhh", b="cccc")))["a", "b"]
    assert (one.difference, one.low, one.p) == (1.0, None, 2 / 2**4)
    assert one.reason.startswith("no interval")


def test_simulated_variants_are_compared_with_nothing(study):
    records, told = study(a="hhcc", b="hccc")
    played = [one | {"simulated": one["variant"] == "b"} for one in records]
    assert differences_of(played, told).pairs == ()


def test_rows_hold_plain_values(study):
    rows = differences_of(*study(a="hc", b="cc")).rows()
    assert [row["outcome"] for row in rows] == ["refused", "hallucinated", "abstained", "truncated", "correct"]
    assert list(rows[0]) == [
        "outcome", "variant_a", "variant_b", "pairs", "prompts", "only_a", "only_b", "difference", "low", "high", "p",
        "p_holm", "reason",
    ]  # fmt: skip
    assert {type(value) for row in rows for value in row.values()} <= {str, int, float, type(None)}


def test_a_seed_draws_the_same_again(study):
    given = study(a=A, b=B, c=C)
    assert differences_of(*given, seed=1) == differences_of(*given, seed=1)
    assert differences_of(*given, seed=1) != differences_of(*given, seed=2)
