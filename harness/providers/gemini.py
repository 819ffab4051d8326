"""Gemini, through Google's own SDK on an aiohttp session of ours.

The SDK builds and sends the request; its answer is taken raw, because the SDK turns an empty or foreign body under
status 200 into an empty response without a word.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
from google import genai
from google.genai import errors, types

from harness.providers.aiohttp_connector import ImpatientConnector
from harness.providers.aiohttp_response import CappedResponse, response_class
from harness.providers.answers import as_dict, as_int, as_list, as_text, token_logprob
from harness.providers.failures import Failures
from harness.providers.guards import KEEPALIVE_S, BodyTooLongError, checked_key, connect_timeout_s, trust_environment
from harness.providers.headers import lowered, rate_signal, utc_now
from harness.schema import Completion, FinishReason, Usage
from harness.urls import checked_base_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from harness.provider import Endpoint
    from harness.schema import LogprobsSpec, Request, TokenLogprob, Variant

API_VERSION = "v1beta"
_NO_KEY = "no-key"
_FOREIGN = (errors.UnknownApiResponseError, aiohttp.ClientError, BodyTooLongError, OSError)
_FINISH = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
} | dict.fromkeys(
    ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "ESCALATION"),
    FinishReason.CONTENT_FILTER,
)
_LOGPROB_KEYS = ("token", "tokenId", "logProbability")


class GeminiProvider:
    """One Gemini model; every variant of it shares the session. Use and close it within one event loop.

    Args:
        endpoint: `base_url` without a version, e.g. `https://generativelanguage.googleapis.com`.
        now: the wall clock, for hints that are dates.

    Raises:
        ConfigError: the base URL or the key is unusable.
    """

    def __init__(self, endpoint: Endpoint, model: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._endpoint = endpoint
        self._base_url = checked_base_url(endpoint.base_url)
        self._key = checked_key(endpoint) or _NO_KEY
        self._model = model
        self._failures = Failures("Gemini", model, endpoint, now)
        self._now = now
        self._tls = httpx.create_ssl_context(trust_env=True)
        self._session: aiohttp.ClientSession | None = None
        self._client: genai.Client | None = None
        self._configs: dict[str, types.GenerateContentConfig] = {}

    async def generate(self, request: Request) -> Completion:
        """Answer `request` with exactly one HTTP request.

        Raises:
            ProviderError: as `harness.errors` sorts them; no exception of the SDK or what it stands on comes through.
        """
        client = self._client or self._open()
        try:
            response = await client.aio.models.generate_content(
                model=self._model, contents=_contents(request), config=self._config(request)
            )
        except errors.APIError as exc:
            raise self._refused(exc) from self._failures.cause(exc)
        except UnicodeDecodeError as exc:
            raise self._failures.no_answer("bytes that are not UTF-8") from exc
        except _FOREIGN as exc:
            raise self._failures.unreachable(exc) from self._failures.cause(exc)
        http = response.sdk_http_response or types.HttpResponse()
        headers = {name.lower(): value for name, value in (http.headers or {}).items()}
        answer = self._failures.read(http.body or "", headers)
        return self._completion(request, answer, headers)

    async def aclose(self) -> None:
        session, client = self._session, self._client
        self._session = self._client = None
        if session is not None:
            await session.close()
        if client is not None:
            await client.aio.aclose()
            client.close()

    def _open(self) -> genai.Client:
        """The client, made on first use because an aiohttp session belongs to a running event loop."""
        endpoint = self._endpoint
        self._session = aiohttp.ClientSession(
            connector=ImpatientConnector(
                connect_timeout_s(endpoint), limit=endpoint.connections, keepalive_timeout=KEEPALIVE_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_environment(self._base_url),
            response_class=response_class(endpoint.max_body_bytes),
        )
        self._client = genai.Client(
            vertexai=False,
            api_key=self._key,
            http_options=types.HttpOptions(
                base_url=self._base_url,
                api_version=API_VERSION,
                timeout=int(endpoint.timeout_s * 1000),
                headers={"accept-encoding": "identity"},
                aiohttp_client=self._session,
                # Without `allow_redirects` a redirect to another host takes the key along. One TLS context serves the
                # clients that the SDK makes beside ours: it would load the trust store for each of them.
                async_client_args={"allow_redirects": False, "ssl": self._tls, "verify": self._tls},
                client_args={"verify": self._tls},
                # Without this a failed connection is tried a second time inside the SDK.
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )
        return self._client

    def _config(self, request: Request) -> types.GenerateContentConfig:
        """What the variant asks for, validated once, with what is the item's own."""
        variant = request.variant
        if variant.name not in self._configs:
            self._configs[variant.name] = _variant_config(variant)
        seed = request.seed if variant.run_seed is not None else None
        return self._configs[variant.name].model_copy(update={"seed": seed, "system_instruction": request.system})

    def _refused(self, exc: errors.APIError) -> Exception:
        response = exc.response
        if not isinstance(response, CappedResponse):
            return self._failures.refused(exc.code, {}, json.dumps(exc.details, default=str))
        return self._failures.refused(response.status, lowered(response.raw_headers), response.received)

    def _completion(self, request: Request, answer: Mapping[str, Any], headers: Mapping[str, str]) -> Completion:
        candidates = as_list(answer.get("candidates"))
        blocked = as_text(as_dict(answer.get("promptFeedback")).get("blockReason"))
        candidate = as_dict(candidates[0]) if candidates else {}
        if not candidate and blocked is None:
            raise self._failures.no_answer("JSON that holds neither a candidate nor a reason for blocking the prompt")
        parts = [as_dict(part) for part in as_list(as_dict(candidate.get("content")).get("parts"))]
        finish = as_text(candidate.get("finishReason"))
        logprobs = _logprobs(candidate, request.variant.logprobs)
        return Completion(
            text=_joined(parts, thoughts=False),
            thinking=_joined(parts, thoughts=True) or None,
            finish_reason=_FINISH.get(finish or "", FinishReason.OTHER) if candidate else FinishReason.CONTENT_FILTER,
            finish_detail=finish if candidate else f"blockReason {blocked}",
            usage=_usage(answer.get("usageMetadata")),
            model_version=as_text(answer.get("modelVersion")),
            sent=_sampling_sent(request),
            request_id=as_text(answer.get("responseId")),
            token_logprobs=logprobs,
            logprobs_of="provider" if logprobs is not None else None,
            rate=rate_signal(headers, self._now),
        )


def _contents(request: Request) -> Any:
    return [
        {"role": "model" if turn.role == "assistant" else turn.role, "parts": [{"text": turn.content}]}
        for turn in request.messages
    ]


def _variant_config(variant: Variant) -> types.GenerateContentConfig:
    sampling = variant.sampling
    return types.GenerateContentConfig(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_output_tokens=sampling.max_tokens,
        stop_sequences=list(sampling.stop) or None,
        response_logprobs=True if variant.logprobs is not None else None,
        logprobs=variant.logprobs.top if variant.logprobs is not None else None,
        http_options=types.HttpOptions(extra_body=dict(variant.extra_body)) if variant.extra_body else None,
        should_return_http_response=True,
        # Each of these would let the SDK send more than one request for one answer.
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _joined(parts: list[dict[str, Any]], *, thoughts: bool) -> str:
    return "".join(as_text(part.get("text")) or "" for part in parts if bool(part.get("thought")) is thoughts)


def _usage(value: object) -> Usage:
    """Thoughts are counted apart from the candidates, and a count of zero is left out of the JSON."""
    usage = as_dict(value)
    prompt, thinking = as_int(usage.get("promptTokenCount")), as_int(usage.get("thoughtsTokenCount"))
    answered = as_int(usage.get("candidatesTokenCount"))
    return Usage(
        input=prompt,
        output=(answered or 0) + (thinking or 0) if usage else None,
        total=as_int(usage.get("totalTokenCount")),
        cached_input=as_int(usage.get("cachedContentTokenCount")),
        thinking=thinking,
    )


def _logprobs(candidate: Mapping[str, Any], spec: LogprobsSpec | None) -> tuple[TokenLogprob, ...] | None:
    result = as_dict(candidate.get("logprobsResult"))
    chosen = result.get("chosenCandidates")
    if spec is None or not isinstance(chosen, list):
        return None
    ranked = [as_list(as_dict(step).get("candidates")) for step in as_list(result.get("topCandidates"))]
    return tuple(
        token_logprob(
            position, as_dict(token), ranked[position] if position < len(ranked) else (), spec.top, _LOGPROB_KEYS
        )
        for position, token in enumerate(chosen[: spec.positions])
    )


def _sampling_sent(request: Request) -> dict[str, Any]:
    variant, sampling = request.variant, request.variant.sampling
    extra = as_dict(variant.extra_body.get("generationConfig"))
    return {
        "temperature": extra.get("temperature", sampling.temperature),
        "max_tokens": extra.get("maxOutputTokens", sampling.max_tokens),
        "seed": extra.get("seed", request.seed if variant.run_seed is not None else None),
        "top_p": extra.get("topP", sampling.top_p),
        "top_k": extra.get("topK", sampling.top_k),
        "stop": extra.get("stopSequences", list(sampling.stop) or None),
    }
