from __future__ import annotations

import pytest

from harness.analysis.agreement.alpha import krippendorff_alpha
from harness.analysis.agreement.estimate import estimates
from harness.analysis.agreement.kappa import cohen_kappa
from harness.analysis.agreement.percent import percent_agreement
from harness.analysis.bootstrap import clustered

MEASURES = (percent_agreement, cohen_kappa, krippendorff_alpha)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_hold_the_value_and_are_those_of_the_bootstrap_over_prompts(random_ratings, seed):
    table = random_ratings(seed)
    found = estimates(table.prompts, [measure(table) for measure in MEASURES], seed=seed)
    assert all(one.low < one.value < one.high for one in found)
    same = (table.codes[:, 0] == table.codes[:, 1]).astype(float)
    drawn = clustered(table.prompts, lambda rows: same[rows].mean(), seed=seed)
    assert (found[0].low, found[0].high) == pytest.approx((drawn.low, drawn.high))


def test_items_of_a_prompt_are_drawn_together(ratings):
    apart = ratings("aabbabbaab", "abbbabaaab")
    thrice = ratings("aabbabbaab" * 3, "abbbabaaab" * 3, prompts=[f"p{row}" for row in range(10)] * 3)
    one, other = (
        estimates(table.prompts, [percent_agreement(table), cohen_kappa(table)], seed=0) for table in (apart, thrice)
    )
    assert [(e.value, e.low, e.high) for e in one] == [pytest.approx((e.value, e.low, e.high)) for e in other]


def test_one_prompt_has_a_value_and_no_interval(ratings):
    [found] = estimates(["p"] * 3, [percent_agreement(ratings("aab", "abb"))], seed=0)
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == (None, None)
    assert "too few prompts" in found.reason


def test_a_seed_draws_the_same_again(random_ratings):
    table = random_ratings(1)
    measures = [measure(table) for measure in MEASURES]
    assert estimates(table.prompts, measures, seed=3) == estimates(table.prompts, measures, seed=3)
    assert estimates(table.prompts, measures, seed=3) != estimates(table.prompts, measures, seed=4)


def test_an_interval_without_width_is_none(ratings):
    [found] = estimates(("p0", "p1", "p2"), [percent_agreement(ratings("aab", "aab"))], seed=0)
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert "every drawn sample" in found.reason


def test_what_is_undefined_keeps_its_place_and_reason(ratings):
    table = ratings("aaab", "aaba", "aaaa")
    percent, kappa, alpha = estimates(table.prompts, [measure(table) for measure in MEASURES], seed=0)
    assert (kappa.value, kappa.low, kappa.high) == (None, None, None)
    assert "two coders" in kappa.reason
    assert percent.value == pytest.approx(2 / 3)
    assert alpha.value < 0
