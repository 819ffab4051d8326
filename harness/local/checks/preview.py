"""What a local model will see of the prompts: its chat template rendered, and the longest prompts in tokens.

Loads the tokenizer, which takes seconds, and no weights. Knows no device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ModelUnavailable, RejectedError
from harness.findings import Finding, Level
from harness.local.checks.inspection import without_template
from harness.local.context import context_length
from harness.local.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from harness.local.spec import LocalModelSpec
    from harness.schema import Request, Variant

_SANE_TOKENS = 10**9  # tokenizers without a limit say 10**30
_QUOTED = 120


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tokenizer, and what the model's configuration says with its defaults filled in."""

    tokenizer: Any
    config: Mapping[str, Any]
    template: Template

    @property
    def context(self) -> int | None:
        """How many tokens a prompt and its answer may have together; None where the model sets no bound."""
        return context_length(self.config)


@dataclass(frozen=True, slots=True)
class Preview:
    """What was found, and the tokens of the longest prompt that the template takes (0: it takes none)."""

    findings: tuple[Finding, ...]
    longest: int


def load_tokenizer(spec: LocalModelSpec, folder: Path) -> Loaded:
    """The tokenizer and the configuration in `folder`, as a run loads them.

    Raises:
        LaneError: they cannot be loaded.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 - seconds of import, only where it is used
    from transformers.utils import logging  # noqa: PLC0415

    quiet: Callable[[], None] = logging.set_verbosity_error
    quiet()
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
        return Loaded(tokenizer, config.get_text_config().to_dict(), Template(tokenizer, spec.day))
    except Exception as exc:  # whatever a library makes of a folder's files
        said = " ".join(str(exc).split())
        raise ModelUnavailable(
            f"The tokenizer or the configuration of {spec.model_name} could not be loaded: {said}. Fetch the model "
            "again, tokenizer files included.",
            sent=False,
        ) from exc


def preview(loaded: Loaded, name: str, requests: Sequence[Request]) -> Preview:
    """What the model called `name` will see of `requests`, which are all of one variant.

    Args:
        requests: some of the run's, the longest among them.
    """
    template = loaded.template
    refused: list[tuple[Request, RejectedError]] = []
    rendered: list[tuple[int, Request]] = []
    for request in requests:
        try:
            rendered.append((len(template.render(request).token_ids), request))
        except RejectedError as error:
            refused.append((request, error))
    findings = _refusals(name, refused, len(requests))
    if not rendered:
        return Preview(tuple(findings), 0)
    if template.hash is None:
        findings.append(without_template(name))
    else:
        findings += _template(loaded, name, [request for _, request in rendered])
    findings.append(_context(loaded, name, rendered))
    return Preview(tuple(findings), max(length for length, _ in rendered))


def _refusals(name: str, refused: Sequence[tuple[Request, RejectedError]], count: int) -> list[Finding]:
    if not refused:
        return []
    request, error = refused[0]
    if len(refused) == count:
        return [Finding(Level.PROBLEM, "template", f"{name}: {error.message}")]
    message = f"{name}: the prompt {request.prompt.id} and those like it will fail. {error.message}"
    return [Finding(Level.WARNING, "template", message)]


def _template(loaded: Loaded, name: str, requests: Sequence[Request]) -> list[Finding]:
    template, first = loaded.template, requests[0]
    text = template.text(first.messages, first.system, first.variant)
    findings = [Finding(Level.OK, "template", f"{name}: the prompt {first.prompt.id} reads “{_quoted(text)}”.")]
    if _gets_two_beginnings(loaded.tokenizer, text):
        message = f"{name}: its chat template writes the beginning of the sequence and its tokenizer adds another one."
        findings.append(Finding(Level.NOTE, "template", f"{message} One is kept."))
    if any(request.system is None for request in requests):
        added = template.own_system(first.variant)
        if added:
            message = f"{name}: its chat template adds a system text of its own: “{_quoted(added)}”."
            findings.append(Finding(Level.NOTE, "template", f"{message} Give `system:` to say your own."))
    if template.writes_date and any(template.render(request).record["date"] for request in requests):
        findings.append(Finding(Level.NOTE, "template", _dated(template, name, first.variant)))
    return findings


def _gets_two_beginnings(tokenizer: Any, text: str) -> bool:
    bos = tokenizer.bos_token_id
    return bos is not None and tokenizer(text)["input_ids"][:2] == [bos, bos]


def _dated(template: Template, name: str, variant: Variant) -> str:
    told = f"{name}: its chat template asks for the date and is told"
    if variant.template_date is not None:
        return f"{told} {variant.template_date}, the template_date of the config."
    return (
        f"{told} the day on which the run began, also when it goes on later ({template.day_of(variant)} here). Set "
        "template_date to choose one, so that runs of several days ask the same."
    )


def _context(loaded: Loaded, name: str, rendered: Sequence[tuple[int, Request]]) -> Finding:
    length, longest = max(rendered, key=lambda pair: pair[0])
    limit, context = longest.variant.sampling.max_tokens, loaded.context
    told = f"{name}: the longest prompt ({longest.prompt.id}) has {length} tokens"
    over = sum(count + asked.variant.sampling.max_tokens > context for count, asked in rendered) if context else 0
    others = f"Too long with an answer: {over} of the {len(rendered)} prompts counted."
    if context is not None and length >= context:
        message = f"{told} and the context {context}. Shorten the prompt, or choose a model with a longer one. {others}"
        return Finding(Level.PROBLEM, "context", message)
    if context is not None and limit >= context:
        message = f"{name}: max_tokens is {limit} and the context {context}. Set max_tokens to {context - length}."
        return Finding(Level.PROBLEM, "context", message)
    if context is not None and length + limit > context:
        message = (
            f"{told} and may be answered with {limit}, and the context is {context}: it would be refused. Set "
            f"max_tokens to {context - length} or less. {others}"
        )
        return Finding(Level.WARNING, "context", message)
    trained = loaded.tokenizer.model_max_length
    if trained < _SANE_TOKENS and length > trained:
        message = f"{told} and its tokenizer says that {trained} are the most. Shorten the prompt, or be wary."
        return Finding(Level.WARNING, "context", message)
    bound = "sets no bound" if context is None else f"of {context} holds both"
    return Finding(Level.OK, "context", f"{told}, its answer up to {limit}; the context {bound}.")


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 20]} … {text[-17:]}"
