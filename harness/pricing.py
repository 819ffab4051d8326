"""What a request costs: a model's own price from the config, else the one that genai-prices lists. Knows no budget.

The package's data come with it and its updater, which would fetch newer ones, is never started: nothing here touches
the network. It is imported when the first price is looked up, since that takes a third of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from harness.config.lanes import is_simulated
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from decimal import Decimal

    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

    from harness.config import ModelConfig
    from harness.schema import Usage

_OWN_PROVIDER = {
    ProviderType.CLAUDE: "anthropic",
    ProviderType.GEMINI: "google",
    ProviderType.OPENAI: "openai",
}
_SERVICE_WORDS = ("service_tier", "speed")
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of a request with more than `above` input tokens, in USD per million tokens.

    Args:
        cached_input: of input that the provider found in its cache; `written_input` of what it put there.
        thinking: of the thinking among the output.
        request: USD for the request itself, whatever its tokens.
    """

    input: float
    output: float
    cached_input: float
    written_input: float
    thinking: float
    request: float = 0.0
    above: int = -1


class Pricing:
    """What requests to one model cost.

    Args:
        source: where the prices come from, for people.
        rates: the prices in force now, by `above` ascending; never empty, the first one holding from no tokens on.
    """

    __slots__ = ("_rates", "source")

    def __init__(self, source: str, rates: Callable[[], Sequence[Rates]]) -> None:
        self.source = source
        self._rates = rates

    def cost(self, usage: Usage) -> float | None:
        """USD for an answer, None where the provider did not say how many tokens it took.

        A long prompt's rates hold for all of its tokens, not only for those beyond the threshold.
        """
        if usage.input is None or usage.output is None:
            return None
        at = self._at(usage.input)
        cached = min(usage.cached_input or 0, usage.input)
        thinking = min(usage.thinking or 0, usage.output)
        tokens = (
            (usage.input - cached) * at.input
            + cached * at.cached_input
            + (usage.output - thinking) * at.output
            + thinking * at.thinking
        )
        return tokens / _MILLION + at.request

    def expected(self, input_tokens: int, output_tokens: float) -> float:
        """USD for a request with so many tokens on average, none of them from a cache."""
        at = self._at(input_tokens)
        return (input_tokens * at.input + output_tokens * at.output) / _MILLION + at.request

    def bound(self, input_tokens: int, output_tokens: int) -> float:
        """USD that a request with at most these tokens can cost at most, at the prices of now.

        Nothing comes from a cache, and all of the input is written to one where that costs more: some providers do so
        unasked.
        """
        return max(
            (
                input_tokens * max(at.input, at.cached_input, at.written_input)
                + output_tokens * max(at.output, at.thinking)
            )
            / _MILLION
            + at.request
            for at in self._rates()
            if input_tokens > at.above
        )

    def _at(self, input_tokens: int) -> Rates:
        return next(rates for rates in reversed(self._rates()) if input_tokens > rates.above)


def utc_now() -> datetime:
    """The time at which a price is looked up."""
    return datetime.now(UTC)


def pricing_for(
    model: ModelConfig, base_url: str | None = None, *, now: Callable[[], datetime] = utc_now
) -> Pricing | None:
    """The prices of `model`, None where nobody knows them and for local models.

    The config's own `price` comes first. A simulated model has the price of the one that it stands for: what the run
    would have cost.

    Args:
        base_url: where requests go; None for the provider's own host. Of no account for a simulated model.
        now: prices change with the date, and some with the hour.
    """
    if model.price is not None:
        cached = model.price.input if model.price.cached_input is None else model.price.cached_input
        rates = Rates(model.price.input, model.price.output, cached, model.price.input, model.price.output)
        return Pricing("config", lambda: (rates,))
    if model.type is ProviderType.LOCAL:
        return None
    return _listed(model, base_url, now)


def _listed(model: ModelConfig, base_url: str | None, now: Callable[[], datetime]) -> Pricing | None:
    from genai_prices import Usage, __version__, calc_price  # noqa: PLC0415

    nothing = Usage(input_tokens=0, output_tokens=0)
    name = model.name.removeprefix("models/") if model.type is ProviderType.GEMINI else model.name
    context = {word: said for word in _SERVICE_WORDS if isinstance(said := model.extra_body.get(word), str)}
    for place in _places(model, base_url):
        look_up: Callable[..., PriceCalculation] = partial(calc_price, nothing, name, price_context=context, **place)
        try:
            found = look_up(genai_request_timestamp=now())
        except LookupError:
            continue
        if (rates := _rates(found.model_price, found.model.id)) is not None:
            source = f"genai-prices {__version__}: {found.provider.id} {found.model.id}"
            return Pricing(source, _RatesOfNow(look_up, rates, now))
    return None


def _places(model: ModelConfig, base_url: str | None) -> Iterator[dict[str, str]]:
    """Where to look for the model's price, the best first: at its host, then at its type's own provider.

    Another host that speaks OpenAI's protocol does not ask OpenAI's prices; one that speaks Anthropic's or Google's
    does where it is a gateway to them. Of what a simulator stands for only the name is known.
    """
    simulated = is_simulated(model)
    if base_url is not None and not simulated:
        yield {"provider_api_url": base_url}
    if base_url is None or simulated or model.type is not ProviderType.OPENAI:
        yield {"provider_id": _OWN_PROVIDER[model.type]}
    if simulated:
        yield {}
        yield {"provider_id": "openrouter"}


class _RatesOfNow:
    """The listed prices, looked up anew when the minute changes: prices change on whole minutes.

    The package's own calculation takes 300 µs an answer, on the event loop; from these rates it takes four.
    """

    __slots__ = ("_look_up", "_minute", "_now", "_rates")

    def __init__(
        self, look_up: Callable[..., PriceCalculation], rates: tuple[Rates, ...], now: Callable[[], datetime]
    ) -> None:
        self._look_up = look_up
        self._now = now
        self._rates = rates
        self._minute: float | None = None

    def __call__(self) -> tuple[Rates, ...]:
        now = self._now()
        minute = now.timestamp() // 60
        if minute != self._minute:
            self._minute = minute
            found = self._look_up(genai_request_timestamp=now)
            # A price that ends without a successor goes on.
            self._rates = _rates(found.model_price, found.model.id) or self._rates
        return self._rates


def _rates(price: ModelPrice, model_id: str) -> tuple[Rates, ...] | None:
    """A listed price as rates by length of the prompt; None where it is not one of text in and text out."""
    if model_id.endswith(":free"):
        return (Rates(0.0, 0.0, 0.0, 0.0, 0.0),)
    if price.input_mtok is None or price.output_mtok is None:
        return None
    read = price.input_mtok if price.cache_read_mtok is None else price.cache_read_mtok
    written = price.input_mtok if price.cache_write_mtok is None else price.cache_write_mtok
    thinking = price.output_mtok if price.output_reasoning_mtok is None else price.output_reasoning_mtok
    listed = (price.input_mtok, price.output_mtok, read, written, thinking, price.requests_kcount)
    starts = sorted({tier.start for item in listed for tier in getattr(item, "tiers", ())})
    return tuple(_rates_beyond(listed, above) for above in (-1, *starts))


def _rates_beyond(listed: Sequence[Decimal | TieredPrices | None], above: int) -> Rates:
    tokens_in, tokens_out, read, written, thinking, thousand_requests = (_beyond(item, above) for item in listed)
    return Rates(tokens_in, tokens_out, read, written, thinking, thousand_requests / 1000, above)


def _beyond(price: Decimal | TieredPrices | None, above: int) -> float:
    """The price for a prompt just longer than `above` tokens; 0 where nothing is asked."""
    from genai_prices.types import TieredPrices  # noqa: PLC0415

    if not isinstance(price, TieredPrices):
        return float(price or 0)
    return float(next((tier.price for tier in reversed(price.tiers) if above >= tier.start), price.base))
