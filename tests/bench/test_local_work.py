from __future__ import annotations

import statistics
from collections import Counter

import pytest

from tests.bench.local_generation import CONTESTS, static_parts
from tests.bench.local_work import (
    LONGEST_ANSWER,
    MEDIAN_ANSWER,
    SHORTEST_ANSWER,
    TEMPERATURES,
    Item,
    answer_length,
    batches,
    mean_context,
    prompt_length,
    sample,
    tokens,
    useful_share,
    workload,
)


def _items(*answers: int, temperature: float = 0.0, prompt: int = 20) -> list[Item]:
    return [Item(prompt, answer, temperature, seed) for seed, answer in enumerate(answers)]


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.shape.title)
def test_most_answers_are_far_below_the_longest_and_static_batches_waste_more_than_half_of_their_rows(contest):
    items = workload(contest.answers)
    answers = [item.answer_tokens for item in items]
    assert len(items) == contest.answers
    assert statistics.median(answers) == pytest.approx(MEDIAN_ANSWER, abs=2)
    assert statistics.quantiles(answers, n=5)[-1] < max(answers) / 2
    assert 0.33 <= useful_share(static_parts(items, 2 * contest.answers)) <= 0.5


def test_prompts_are_between_20_and_200_tokens_and_half_of_them_below_the_geometric_middle():
    assert [prompt_length(quantile) for quantile in (1e-9, 0.5, 1 - 1e-9)] == [20, 63, 200]


def test_an_answer_is_clipped_at_both_ends():
    assert (answer_length(1e-9), answer_length(1 - 1e-9)) == (SHORTEST_ANSWER, LONGEST_ANSWER)


def test_every_length_is_generated_once_greedily_and_once_sampled():
    greedy, sampled = (
        sorted(item.answer_tokens for item in workload(32) if item.temperature == temperature)
        for temperature in TEMPERATURES
    )
    assert greedy == sampled


def test_a_workload_is_the_same_in_every_run():
    assert workload(16) == workload(16)


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.shape.title)
def test_samples_share_no_item_and_have_both_temperatures_and_about_the_lengths_of_the_whole(contest):
    items = workload(contest.answers)
    drawn = [sample(items, contest.singles, number, contest.rounds) for number in range(contest.rounds)]
    assert len({item for part in drawn for item in part}) == contest.rounds * contest.singles
    for part in drawn:
        assert Counter(item.temperature for item in part) == dict.fromkeys(TEMPERATURES, contest.singles // 2)
    mean = statistics.fmean(tokens(part) / len(part) for part in drawn)
    assert mean == pytest.approx(tokens(items) / len(items), rel=0.1)


def test_more_samples_than_there_are_items_are_refused():
    with pytest.raises(ValueError, match="take fewer"):
        sample(workload(8), 3, 0, 3)


def test_a_static_batch_has_one_temperature_and_the_order_given():
    cold, warm = _items(1, 2, 3), _items(4, 5, 6, temperature=0.7)
    assert batches([*cold, *warm], 2) == [(cold[0], cold[1]), (warm[0], warm[1]), (cold[2],), (warm[2],)]


def test_of_the_rows_of_a_batch_those_are_useful_that_are_shorter_than_its_longest_by_nothing():
    assert useful_share([_items(10, 30), _items(8, 8)]) == pytest.approx((40 / 60 + 1) / 2)


def test_the_mean_context_counts_every_generated_token_once():
    """Five tokens that look back on 20 to 24, and one that looks back on 20."""
    assert mean_context(_items(5)) == 22
    assert mean_context(_items(1)) == 20
    assert mean_context(_items(3, 1)) == round((20 + 21 + 22 + 20) / 4)
