"""Prices: the config's before the package's, what a request may cost at most, and no network."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from harness.config.model import ModelConfig
from harness.pricing import Pricing, Rates, _rates, pricing_for
from harness.schema import ProviderType, Usage

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def model(name: str, kind: str = "claude", **settings) -> ModelConfig:
    return ModelConfig(name=name, type=kind, **settings)


def used(input_tokens: int, output: int, cached: int | None = None, thinking: int | None = None) -> Usage:
    return Usage(input_tokens, output, input_tokens + output, cached, thinking)


def source(*args, **settings) -> str:
    pricing = pricing_for(*args, **settings)
    assert pricing is not None
    return pricing.source


def listed_rates() -> list[tuple[Rates, ...]]:
    """The rates of every text model that the package lists."""
    rates = [_rates(m.get_prices(NOON), m.id) for provider in get_snapshot().providers for m in provider.models]
    return [found for found in rates if found is not None]


def test_the_configs_own_price_comes_first():
    pricing = pricing_for(model("claude-opus-4-5", price={"input": 1.0, "output": 2.0}))

    assert pricing.source == "config"
    assert pricing.cost(used(1_000_000, 1_000_000)) == pytest.approx(3.0)


def test_cached_input_of_a_config_costs_what_it_says_and_else_as_much_as_input():
    usage = used(1_000_000, 0, cached=400_000)

    plain = pricing_for(model("x", price={"input": 1.0, "output": 2.0}))
    discounted = pricing_for(model("x", price={"input": 1.0, "output": 2.0, "cached_input": 0.1}))

    assert plain.cost(usage) == pytest.approx(1.0)
    assert discounted.cost(usage) == pytest.approx(0.64)


def test_a_price_of_zero_is_a_known_price():
    pricing = pricing_for(model("my-own", "openai", base_url="http://127.0.0.1:8000/v1", price=0))

    assert pricing.cost(used(10, 10)) == 0.0
    assert pricing.bound(10, 10) == 0.0


def test_what_is_local_or_unheard_of_has_no_price():
    assert pricing_for(model("Qwen/Qwen2.5-0.5B-Instruct", "local")) is None
    assert pricing_for(model("claude-of-no-such-name")) is None
    assert pricing_for(model("gpt-5", "openai"), "https://models.example.com/v1") is None


def test_each_type_has_its_own_provider():
    assert source(model("claude-sonnet-4-6")).endswith("anthropic claude-sonnet-4-6")
    assert source(model("models/gemini-2.5-pro", "gemini")).endswith("google gemini-2.5-pro")
    assert source(model("gpt-4.1-mini", "openai")).endswith("openai gpt-4.1-mini")


@pytest.mark.parametrize(
    ("kind", "name", "url", "expected"),
    [
        ("openai", "gpt-4.1-mini", "https://api.openai.com/v1", "openai gpt-4.1-mini"),
        ("openai", "meta-llama/llama-3.3-70b-instruct", "https://openrouter.ai/api/v1", "openrouter"),
        ("openai", "llama-3.3-70b-versatile", "https://api.groq.com/openai/v1", "groq"),
        ("openai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "https://api.together.xyz/v1", "together"),
        ("claude", "glm-4.6", "https://api.z.ai/api/anthropic", "zai"),
        ("claude", "claude-sonnet-4-6", "https://gateway.example.com", "anthropic"),
    ],
)
def test_a_host_that_the_package_knows_asks_its_own_price(kind, name, url, expected):
    assert f": {expected}" in source(model(name, kind), url)


def test_what_a_host_offers_for_nothing_is_not_unknown():
    pricing = pricing_for(model("deepseek/deepseek-r1:free", "openai"), "https://openrouter.ai/api/v1")

    assert pricing.cost(used(1000, 1000)) == 0.0


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("claude", "claude-sonnet-4-6", "anthropic"),
        ("openai", "gpt-4.1-mini", "openai"),
        ("openai", "deepseek-chat", "deepseek"),
        ("openai", "meta-llama/llama-3.3-70b-instruct", "openrouter"),
    ],
)
def test_a_simulated_model_has_the_price_of_the_one_it_stands_for(kind, name, expected):
    simulated = model(name, kind, base_url="simulator")

    assert f": {expected} " in source(simulated, "http://127.0.0.1:8800/v1")


def test_an_answer_without_counts_has_no_cost():
    pricing = pricing_for(model("claude-sonnet-4-6"))

    assert pricing.cost(Usage(None, 10, None)) is None
    assert pricing.cost(Usage(10, None, None)) is None


def test_counts_that_contradict_each_other_still_have_a_cost():
    pricing = pricing_for(model("claude-sonnet-4-6"))

    assert pricing.cost(used(100, 10, cached=500, thinking=50)) == pricing.cost(used(100, 10, cached=100, thinking=10))


@pytest.mark.parametrize("tokens", [0, 1, 99_999, 200_000, 200_001, 272_001, 1_000_000])
def test_costs_are_what_the_package_itself_calculates(tokens):
    usage = used(tokens, 777, cached=tokens // 3, thinking=333)
    listed = ListedUsage(
        input_tokens=tokens, output_tokens=777, cache_read_tokens=tokens // 3, output_reasoning_tokens=333
    )
    for kind, name in [
        ("claude", "claude-sonnet-4-5"),
        ("claude", "claude-haiku-4-5"),
        ("gemini", "gemini-2.5-pro"),
        ("gemini", "gemini-3.5-flash"),
        ("openai", "gpt-4.1-mini"),
        ("openai", "gpt-5.5"),
    ]:
        pricing = pricing_for(model(name, kind), now=lambda: NOON)
        provider = {"claude": "anthropic", "gemini": "google", "openai": "openai"}[kind]
        theirs = calc_price(listed, name, provider_id=provider, genai_request_timestamp=NOON).total_price

        assert pricing.cost(usage) == pytest.approx(float(theirs), rel=1e-12), name


def test_every_listed_text_model_costs_what_the_package_calculates():
    usage = used(250_000, 777, cached=1000, thinking=333)
    listed = ListedUsage(input_tokens=250_000, output_tokens=777, cache_read_tokens=1000, output_reasoning_tokens=333)
    compared = 0
    for provider in get_snapshot().providers:
        for found in provider.models[:: 1 if len(provider.models) < 40 else 7]:
            price = found.get_prices(NOON)
            rates = _rates(price, found.id)
            if rates is None or found.id.endswith(":free"):
                continue
            compared += 1
            ours, theirs = Pricing("", lambda rates=rates: rates).cost(usage), price.calc_price(usage=listed)
            assert ours == pytest.approx(float(theirs["total_price"]), rel=1e-12), (provider.id, found.id)
    assert compared > 300


LISTED = listed_rates()


@given(
    rates=st.sampled_from(LISTED),
    most=st.tuples(st.integers(0, 2_000_000), st.integers(0, 200_000)),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_no_answer_within_its_tokens_costs_more_than_the_bound(rates, most, shares):
    pricing = Pricing("", lambda: rates)
    tokens_in, tokens_out = int(most[0] * shares[0]), int(most[1] * shares[1])
    usage = used(tokens_in, tokens_out, int(tokens_in * shares[2]), int(tokens_out * shares[3]))

    assert pricing.cost(usage) <= pricing.bound(*most) * (1 + 1e-12)


def test_what_is_expected_lies_between_nothing_and_the_bound():
    pricing = pricing_for(model("claude-sonnet-4-5"))

    assert pricing.expected(1000, 0.5) == pytest.approx(0.003 + 0.5 * 15e-6)
    assert pricing.expected(300_000, 2048) <= pricing.bound(300_000, 2048)


def test_a_price_changes_with_the_hour():
    now = datetime(2026, 11, 2, 16, 29, 59, tzinfo=UTC)
    pricing = pricing_for(model("deepseek-chat", "openai"), "https://api.deepseek.com/v1", now=lambda: now)
    by_day = pricing.cost(used(1000, 1000))

    now = datetime(2026, 11, 2, 16, 30, tzinfo=UTC)

    assert pricing.cost(used(1000, 1000)) < by_day


def test_a_service_tier_that_the_config_asks_for_has_its_own_price():
    plain = pricing_for(model("gpt-5", "openai"), now=lambda: NOON)
    flex = pricing_for(model("gpt-5", "openai", extra_body={"service_tier": "flex"}), now=lambda: NOON)

    assert flex.cost(used(1000, 1000)) == pytest.approx(plain.cost(used(1000, 1000)) / 2)


def test_the_package_is_imported_only_for_a_price_that_it_has_to_tell_and_starts_no_thread():
    code = (
        "import sys, threading\n"
        "from harness.config.model import ModelConfig\n"
        "from harness.pricing import pricing_for\n"
        "pricing_for(ModelConfig(name='x', type='claude', price={'input': 1, 'output': 2}))\n"
        "pricing_for(ModelConfig(name='x', type='local'))\n"
        "early = 'genai_prices' in sys.modules\n"
        "assert pricing_for(ModelConfig(name='claude-sonnet-4-6', type='claude')).bound(1, 1) > 0\n"
        "print(early, 'genai_prices' in sys.modules, threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True", "1"]


def test_every_api_type_has_a_provider_to_ask():
    for kind in set(ProviderType) - {ProviderType.LOCAL}:
        assert pricing_for(ModelConfig(name="no-such-model", type=kind)) is None
