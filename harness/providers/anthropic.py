"""Claude, through Anthropic's own SDK on its aiohttp client.

The API version that the SDK sends by itself answers 400 to any temperature; 2023-06-01 takes one, in `extra_body`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import anthropic
import httpx2

from harness.providers.answers import as_dict, as_int, as_text
from harness.providers.failures import Failures
from harness.providers.guards import (
    KEEPALIVE_S,
    BodyTooLongError,
    CappedStream,
    cap_body,
    checked_key,
    connect_timeout_s,
    trust_environment,
)
from harness.providers.headers import lowered, rate_signal, utc_now
from harness.schema import Completion, FinishReason, Usage
from harness.urls import checked_base_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from harness.provider import Endpoint
    from harness.schema import Request

API_VERSION = "2023-06-01"
_NO_KEY = "no-key"
_FOREIGN = (anthropic.AnthropicError, httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, BodyTooLongError)
_FINISH = {
    "end_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "tool_use": FinishReason.TOOL_USE,
    "refusal": FinishReason.REFUSAL,
}


class _Capped(CappedStream, httpx2.AsyncByteStream):
    """`CappedStream` as httpx2 wants it."""


class ClaudeProvider:
    """One Claude model; every variant of it shares the client. It gives no logprobs and takes no seed.

    Args:
        endpoint: `base_url` without a version, e.g. `https://api.anthropic.com`.
        now: the wall clock, for hints that are dates.

    Raises:
        ConfigError: the base URL or the key is unusable.
    """

    def __init__(self, endpoint: Endpoint, model: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._model = model
        self._failures = Failures("Claude", model, endpoint, now)
        self._now = now
        self._client = _client(endpoint)
        self._create = self._client.messages.with_raw_response.create

    async def generate(self, request: Request) -> Completion:
        """Answer `request` with exactly one HTTP request.

        Raises:
            ProviderError: as `harness.errors` sorts them; no exception of the SDK or what it stands on comes through.
        """
        sampling = request.variant.sampling
        wanted = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        extra = {name: value for name, value in wanted.items() if value is not None} | dict(request.variant.extra_body)
        messages: Any = [{"role": turn.role, "content": turn.content} for turn in request.messages]
        try:
            response = await self._create(
                model=self._model,
                max_tokens=sampling.max_tokens,
                messages=messages,
                system=anthropic.omit if request.system is None else request.system,
                stop_sequences=list(sampling.stop) or anthropic.omit,
                extra_body=extra or None,
            )
            body = await response.read()
        except anthropic.APIStatusError as exc:
            raw = exc.response
            raise self._failures.refused(
                raw.status_code, lowered(raw.headers.raw), raw.content
            ) from self._failures.cause(exc)
        except _FOREIGN as exc:
            raise self._failures.unreachable(exc) from self._failures.cause(exc)
        headers = lowered(response.headers.raw)
        answer = self._failures.read(body, headers, response.status_code)
        return self._completion(answer, headers, self._sent(request, extra))

    async def aclose(self) -> None:
        await self._client.close()

    def _sent(self, request: Request, extra: Mapping[str, Any]) -> dict[str, Any]:
        sampling = request.variant.sampling
        return {
            "temperature": extra.get("temperature"),
            "max_tokens": extra.get("max_tokens", sampling.max_tokens),
            "seed": None,
            "top_p": extra.get("top_p"),
            "top_k": extra.get("top_k"),
            "stop": extra.get("stop_sequences", list(sampling.stop) or None),
        }

    def _completion(self, answer: Mapping[str, Any], headers: Mapping[str, str], sent: Mapping[str, Any]) -> Completion:
        content = answer.get("content")
        if answer.get("type") != "message" or not isinstance(content, list):
            raise self._failures.no_answer("JSON that is no message", request_id=headers.get("request-id"))
        blocks = [as_dict(block) for block in content]
        stopped = as_text(answer.get("stop_reason"))
        return Completion(
            text=_joined(blocks, "text"),
            thinking=_joined(blocks, "thinking") or None,
            finish_reason=_FINISH.get(stopped or "", FinishReason.OTHER),
            finish_detail=stopped,
            usage=_usage(answer.get("usage")),
            model_version=as_text(answer.get("model")),
            sent=sent,
            request_id=headers.get("request-id") or as_text(answer.get("id")),
            rate=rate_signal(headers, self._now),
        )


def _client(endpoint: Endpoint) -> anthropic.AsyncAnthropic:
    """The SDK's client with nothing left to the environment but proxies and the trust store.

    A missing key must be given as some key: the SDK would otherwise look for one in the environment and send it.
    """
    base_url = checked_base_url(endpoint.base_url)
    timeout = httpx2.Timeout(endpoint.timeout_s, connect=connect_timeout_s(endpoint), pool=None)
    http_client = anthropic.DefaultAioHttpClient(
        headers={"accept-encoding": "identity"},
        timeout=timeout,
        limits=httpx2.Limits(
            max_connections=endpoint.connections,
            max_keepalive_connections=endpoint.connections,
            keepalive_expiry=KEEPALIVE_S,
        ),
        follow_redirects=False,
        trust_env=trust_environment(base_url),
        event_hooks={"response": [cap_body(endpoint.max_body_bytes, _Capped)]},
    )
    return anthropic.AsyncAnthropic(
        api_key=checked_key(endpoint) or _NO_KEY,
        base_url=base_url,
        timeout=timeout,
        max_retries=0,
        default_headers={"anthropic-version": API_VERSION},
        open_telemetry=False,
        http_client=http_client,
    )


def _joined(blocks: list[dict[str, Any]], kind: str) -> str:
    """The texts of the blocks of one kind: a `text` block holds `text`, a `thinking` block holds `thinking`."""
    return "".join(as_text(block.get(kind)) or "" for block in blocks if block.get("type") == kind)


def _usage(value: object) -> Usage:
    """`input_tokens` leaves out what the prompt cache wrote and read: the whole input is the sum of the three."""
    usage = as_dict(value)
    fresh, output = as_int(usage.get("input_tokens")), as_int(usage.get("output_tokens"))
    cached = as_int(usage.get("cache_read_input_tokens"))
    written = as_int(usage.get("cache_creation_input_tokens"))
    total_input = fresh + (written or 0) + (cached or 0) if fresh is not None else None
    return Usage(
        input=total_input,
        output=output,
        total=total_input + output if total_input is not None and output is not None else None,
        cached_input=cached,
        thinking=as_int(as_dict(usage.get("output_tokens_details")).get("thinking_tokens")),
    )
