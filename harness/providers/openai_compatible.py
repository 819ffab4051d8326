"""Chat completions over HTTP, as OpenAI, vLLM, Ollama, llama.cpp, OpenRouter and LiteLLM serve them. No SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import orjson

from harness.providers.answers import as_dict, as_int, as_list, as_text, token_logprob
from harness.providers.capabilities import wants_max_completion_tokens
from harness.providers.failures import Failures
from harness.providers.guards import BodyTooLongError, checked_key
from harness.providers.headers import lowered, rate_signal, utc_now
from harness.providers.http import tuned_client
from harness.schema import Completion, FinishReason, Usage
from harness.urls import checked_base_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from harness.provider import Endpoint
    from harness.schema import LogprobsSpec, Request, TokenLogprob

_FOREIGN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, BodyTooLongError, OSError)
_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "tool_calls": FinishReason.TOOL_USE,
    "function_call": FinishReason.TOOL_USE,
}
_LOGPROB_KEYS = ("token", "id", "logprob")


class OpenAICompatibleProvider:
    """One model behind one `/chat/completions`; every variant of the model shares its connections.

    Args:
        endpoint: `base_url` up to and including the version, e.g. `https://api.openai.com/v1`.
        now: the wall clock, for hints that are dates.

    Raises:
        ConfigError: the base URL or the key is unusable.
    """

    def __init__(self, endpoint: Endpoint, model: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._model = model
        self._failures = Failures("The server", model, endpoint, now)
        self._now = now
        # Parsed once: a string would be parsed again for every request.
        self._url = httpx.URL(f"{checked_base_url(endpoint.base_url)}/chat/completions")
        self._client = tuned_client(endpoint)
        self._client.headers["content-type"] = "application/json"
        key = checked_key(endpoint)
        if key is not None:
            self._client.headers["authorization"] = f"Bearer {key}"
        self._timeout = {"timeout": self._client.timeout.as_dict()}

    async def generate(self, request: Request) -> Completion:
        """Answer `request` with exactly one HTTP request.

        Raises:
            ProviderError: as `harness.errors` sorts them; no exception of httpx or aiohttp comes through.
        """
        sent = self._body(request)
        try:
            # Built by hand: merging the client's defaults anew for every request costs as much again.
            post = httpx.Request(
                "POST", self._url, headers=self._client.headers, content=orjson.dumps(sent), extensions=self._timeout
            )
            response = await self._client.send(post)
        except _FOREIGN as exc:
            raise self._failures.unreachable(exc) from self._failures.cause(exc)
        headers = lowered(response.headers.raw)
        if not response.is_success:
            raise self._failures.refused(response.status_code, headers, response.content)
        answer = self._failures.read(response.content, headers, response.status_code)
        return self._completion(request, sent, answer, headers)

    async def aclose(self) -> None:
        await self._client.aclose()

    def _body(self, request: Request) -> dict[str, Any]:
        variant, sampling = request.variant, request.variant.sampling
        system = [{"role": "system", "content": request.system}] if request.system is not None else []
        limit = "max_completion_tokens" if wants_max_completion_tokens(self._model) else "max_tokens"
        body: dict[str, Any] = {
            "model": self._model,
            "messages": system + [{"role": turn.role, "content": turn.content} for turn in request.messages],
            limit: sampling.max_tokens,
        }
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            body["top_p"] = sampling.top_p
        if sampling.top_k is not None:
            body["top_k"] = sampling.top_k
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if variant.run_seed is not None:
            body["seed"] = request.seed
        if variant.logprobs is not None:
            body["logprobs"] = True
            body["top_logprobs"] = variant.logprobs.top
        body.update(variant.extra_body)
        return body

    def _completion(
        self, request: Request, sent: Mapping[str, Any], answer: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Completion:
        choices = as_list(answer.get("choices"))
        choice = as_dict(choices[0]) if choices else {}
        message = choice.get("message")
        finish = as_text(choice.get("finish_reason"))
        if choice.get("error"):
            raise self._failures.inside(choice, headers)
        if not isinstance(message, dict) or finish == "error":
            raise self._failures.no_answer("JSON that holds no message")
        refusal = as_text(message.get("refusal"))
        text = _text(message.get("content"))
        if text is None:
            raise self._failures.no_answer("a message whose content is neither text nor null")
        logprobs = _logprobs(choice, request.variant.logprobs)
        fingerprint = as_text(answer.get("system_fingerprint"))
        return Completion(
            text=text or refusal or "",
            thinking=as_text(message.get("reasoning_content")) or as_text(message.get("reasoning")) or None,
            finish_reason=FinishReason.REFUSAL if refusal else _finish(finish, choice),
            finish_detail=finish,
            usage=_usage(answer.get("usage")),
            model_version=as_text(answer.get("model")),
            sent=_sampling_sent(sent),
            request_id=headers.get("x-request-id") or as_text(answer.get("id")),
            token_logprobs=logprobs,
            logprobs_of="provider" if logprobs is not None else None,
            runtime={"system_fingerprint": fingerprint} if fingerprint else None,
            rate=rate_signal(headers, self._now),
        )


def _text(content: object) -> str | None:
    """A message's text: null is the empty string, a list is its text parts, None stands for neither."""
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [as_dict(part) for part in content]
        return "".join(as_text(part.get("text")) or "" for part in parts if part.get("type") == "text")
    return as_text(content)


def _finish(reason: str | None, choice: Mapping[str, Any]) -> FinishReason:
    if reason == "stop" and isinstance(choice.get("stop_reason"), str):
        return FinishReason.STOP_SEQUENCE  # vLLM names the stop string that it met
    return _FINISH.get(reason or "", FinishReason.OTHER)


def _usage(value: object) -> Usage:
    usage = as_dict(value)
    return Usage(
        input=as_int(usage.get("prompt_tokens")),
        output=as_int(usage.get("completion_tokens")),
        total=as_int(usage.get("total_tokens")),
        cached_input=as_int(as_dict(usage.get("prompt_tokens_details")).get("cached_tokens")),
        thinking=as_int(as_dict(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _logprobs(choice: Mapping[str, Any], spec: LogprobsSpec | None) -> tuple[TokenLogprob, ...] | None:
    content = as_dict(choice.get("logprobs")).get("content")
    if spec is None or not isinstance(content, list):
        return None
    return tuple(
        token_logprob(position, entry, as_list(entry.get("top_logprobs")), spec.top, _LOGPROB_KEYS)
        for position, entry in enumerate(map(as_dict, content[: spec.positions]))
    )


def _sampling_sent(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "temperature": body.get("temperature"),
        "max_tokens": body.get("max_completion_tokens", body.get("max_tokens")),
        "seed": body.get("seed"),
        "top_p": body.get("top_p"),
        "top_k": body.get("top_k"),
        "stop": body.get("stop"),
        # Not every server knows them: where one does, they come from `extra_body`.
        **{name: body[name] for name in ("min_p", "repetition_penalty") if name in body},
    }
