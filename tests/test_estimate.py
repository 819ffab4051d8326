"""What is left of a plan: counted once over the prompts, priced request by request, timed by pool."""

from __future__ import annotations

import pytest

from harness.config import RunConfig, expand
from harness.estimate import PlannedLane, PoolCaps, estimate
from harness.plan import requests_for
from harness.pricing import Pricing, Rates
from harness.schema import Prompt
from harness.tokens import estimated_tokens

PRICING = Pricing("config", lambda: (Rates(1.0, 10.0, 0.1, 1.0, 10.0),))
LONG_PROMPTS_COST_MORE = Pricing(
    "config", lambda: (Rates(1.0, 10.0, 0.1, 1.0, 10.0), Rates(2.0, 20.0, 0.2, 2.0, 20.0, above=1000))
)


def lanes(*models: dict, **whole) -> list:
    config = {"models": [{"type": "openai", "max_tokens": 100, **model} for model in models], **whole}
    return expand(RunConfig.model_validate(config))


def planned(models: list, pricing: Pricing | None = PRICING, pool: str = "pool", **caps) -> list[PlannedLane]:
    return [PlannedLane(lane, pricing, pool, PoolCaps(**caps)) for lane in models]


def prompts(count: int, text: str = "a question") -> list[Prompt]:
    return [Prompt(f"p{index}", text) for index in range(count)]


def test_requests_are_prompts_times_repeats():
    row = estimate(planned(lanes({"name": "a", "repeats": 3})), prompts(2000)).total

    assert row.requests == 6000
    assert row.max_output_tokens == 600_000


def test_input_tokens_are_those_of_all_turns_and_the_system_text():
    run = estimate(planned(lanes({"name": "a", "system": "Be brief."})), prompts(10))

    assert run.total.input_tokens == 10 * estimated_tokens(["Be brief.", "a question"])


def test_what_has_an_answer_is_left_out():
    (lane,) = lanes({"name": "a", "repeats": 2})
    done = {bytes.fromhex(r.item_id) for r in requests_for(lane.variant, lane.seed, prompts(3))}

    run = estimate(planned([lane]), prompts(5), done)

    assert run.total.requests == 4
    assert run.total.max_cost_usd == pytest.approx(4 * PRICING.bound(estimated_tokens(["a question"]), 100))


def test_prompts_are_read_once_for_all_variants_and_not_kept():
    alive = 0

    class Counted(str):
        __slots__ = ()

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def source():
        nonlocal alive
        for index in range(5000):
            alive += 1
            assert alive < 2500
            yield Prompt(f"p{index}", Counted("a question"))

    run = estimate(planned(lanes({"name": "a"}, {"name": "b"})), source())

    assert [row.requests for row in run.variants] == [5000, 5000]


def test_without_answers_the_most_is_expected():
    row = estimate(planned(lanes({"name": "a"})), prompts(10)).variants[0]

    assert not row.from_answers
    assert row.expected_output_tokens == row.max_output_tokens
    assert row.expected_cost_usd == row.max_cost_usd


def test_answers_so_far_tell_what_to_expect():
    row = estimate(planned(lanes({"name": "a"})), prompts(10), mean_output={"a@default": 2.5}).variants[0]

    assert row.from_answers
    assert row.expected_output_tokens == 25
    assert row.expected_cost_usd == pytest.approx(10 * PRICING.expected(estimated_tokens(["a question"]), 2.5))
    assert row.max_output_tokens == 1000


def test_no_answer_is_expected_to_be_longer_than_it_may_be():
    run = estimate(planned(lanes({"name": "a"})), prompts(1), mean_output={"a@default": 900.0})

    assert run.total.expected_output_tokens == 100


def test_a_long_prompt_has_its_own_price():
    some = [Prompt("short", "x" * 30), Prompt("long", "x" * 6000)]

    run = estimate(planned(lanes({"name": "a"}), LONG_PROMPTS_COST_MORE), some)

    tokens = [estimated_tokens([prompt.text]) for prompt in some]
    assert run.total.max_cost_usd == pytest.approx((tokens[0] + 2 * tokens[1] + 100 * 10 + 100 * 20) / 1e6)


def test_an_unknown_price_is_named_and_left_out_of_the_sum():
    known, unknown, local = lanes({"name": "a"}, {"name": "b"}, {"name": "c", "type": "local"})

    run = estimate([*planned([known]), *planned([unknown, local], pricing=None)], prompts(2))

    assert run.unpriced == ("b@default",)
    assert run.total.max_cost_usd == run.variants[0].max_cost_usd
    assert run.variants[1].max_cost_usd is run.variants[2].max_cost_usd is None


@pytest.mark.parametrize(
    ("caps", "seconds"),
    [
        ({}, None),
        ({"requests_per_minute": 20}, 60.0),
        ({"requests_per_minute": 1000, "output_tokens_per_minute": 500}, 240.0),
        ({"input_tokens_per_minute": 110}, 120.0),
    ],
)
def test_the_narrowest_cap_gives_the_time(caps, seconds):
    run = estimate(planned(lanes({"name": "a"}), **caps), prompts(20, text="x" * 9))

    assert run.total.seconds == (seconds if seconds is None else pytest.approx(seconds))


def test_variants_of_one_pool_share_its_caps():
    hot_and_cold = lanes({"name": "a", "temperature": [0.0, 1.0]})

    run = estimate(planned(hot_and_cold, requests_per_minute=10), prompts(20))

    assert [row.seconds for row in run.variants] == [120.0, 120.0]
    assert run.total.seconds == 240.0


def test_shares_of_a_pool_are_of_the_cap_that_is_narrowest_for_all_of_it():
    wordy, terse = lanes({"name": "a", "max_tokens": 1000}, {"name": "b", "max_tokens": 1})

    caps = {"requests_per_minute": 100.0, "output_tokens_per_minute": 1000.0}
    run = estimate(planned([wordy, terse], **caps), prompts(10))

    assert [row.seconds for row in run.variants] == pytest.approx([600.0, 0.6])
    assert run.total.seconds == pytest.approx(600.6)


def test_pools_work_at_the_same_time():
    slow, fast = lanes({"name": "a"}, {"name": "b"})

    run = estimate(
        [
            *planned([slow], pool="slow", requests_per_minute=10),
            *planned([fast], pool="fast", requests_per_minute=100),
        ],
        prompts(20),
    )

    assert run.total.seconds == 120.0


def test_nothing_left_costs_nothing_and_takes_no_time():
    (lane,) = lanes({"name": "a"})
    done = {bytes.fromhex(r.item_id) for r in requests_for(lane.variant, lane.seed, prompts(3))}

    run = estimate(planned([lane], requests_per_minute=10), prompts(3), done)

    assert (run.total.requests, run.total.max_cost_usd, run.total.seconds) == (0, 0.0, 0.0)
