"""From messages to token ids: the chat template, or a plain form where a tokenizer has none. Knows no model.

What was rendered is recorded, because templates inject system texts and dates that nobody wrote. The clock that a
template sees stands still, so that a run of two days asks one question.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from harness.errors import RejectedError
from harness.schema import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.schema import Request, Variant

_SENTINEL = "\x02the system text\x03"
_QUESTION, _ANSWER = "\x02the question\x03", "\x02the answer\x03"
_MARKUP = re.compile(r"<{1,2}[^<>\s]{1,40}>{1,2}|\[/?[A-Z_]+\]")
_ROLE = re.compile(r"\W*(system|developer)\b[\s:]*", re.IGNORECASE)

# A template gets data only, no function of ours, so its clock is a macro, which goes before transformers' own. Of the
# line break after it nothing is left (trim_blocks), and the template begins a line as it would without.
_MACRO = (
    "{% macro strftime_now(format) %}{% set shown = namespace(text=format) %}"
    "{% for code, value in harness_clock %}{% set shown.text = shown.text.replace(code, value) %}{% endfor %}"
    "{{ shown.text }}{% endmacro %}\n"
)
_LETTERS = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ"
_FLAGS = ("", "-", "_", "0", "^", "#")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model sees it. `record` is the record's `template` field."""

    token_ids: tuple[int, ...]
    record: Mapping[str, Any]


class Template:
    """Renders requests with one tokenizer.

    Args:
        tokenizer: of transformers.
        day: what a template that asks for the date is told (ISO 8601) where the variant has no `template_date`; None
            is today.
        today: the calendar.
    """

    def __init__(self, tokenizer: Any, day: str | None = None, *, today: Callable[[], date] = date.today) -> None:
        self._tokenizer = tokenizer
        self._source: str | None = tokenizer.get_chat_template() if tokenizer.chat_template else None
        self._day = day
        self._today = today
        self._injected: dict[tuple[str, str], str | None] = {}

    @property
    def hash(self) -> str | None:
        """sha256 of the chat template, None where the tokenizer has none."""
        return None if self._source is None else _sha256(self._source)

    @property
    def writes_date(self) -> bool:
        """Whether the chat template may write a date into a prompt."""
        return self._source is not None and "strftime_now" in self._source

    def day_of(self, variant: Variant) -> str:
        """The day that the template is told for `variant` where it asks, as ISO 8601."""
        return variant.template_date or self._day or self._today().isoformat()

    def render(self, request: Request) -> Rendered:
        """The token ids of `request`, with one beginning-of-sequence token where the tokenizer has one.

        A conversation that ends with an assistant's turn is continued, not answered.

        Raises:
            RejectedError: the template refuses these messages.
        """
        kwargs, day = request.variant.chat_template_kwargs, self.day_of(request.variant)
        asked = False
        if self._source is None:
            text = _plain(request.messages, request.system)
            ids, system = self._tokenizer(text)["input_ids"], request.system
        else:
            text = self._render(request.messages, request.system, kwargs, day)
            asked = self._asks_for_the_date(request)
            ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            system = self._injected_system(kwargs, day) if request.system is None else request.system
        record = {
            "form": "plain" if self._source is None else "chat_template",
            "hash": self.hash,
            "kwargs": dict(kwargs) or None,
            "system": system,
            "date": day if asked else None,
            "prompt_hash": _sha256(text),
        }
        return Rendered(tuple(self._with_one_bos(ids)), record)

    def text(self, messages: Sequence[Message], system: str | None, variant: Variant) -> str:
        """What the chat template makes of `messages` for `variant`; there has to be one.

        Raises:
            RejectedError: it refuses them.
        """
        return self._render(messages, system, variant.chat_template_kwargs, self.day_of(variant))

    def own_system(self, variant: Variant) -> str | None:
        """The system text that the chat template writes for `variant` where none is given; None where it writes none.

        Exact where a given text would take its place. Else the words before the first question, without markup.
        """
        return self._injected_system(variant.chat_template_kwargs, self.day_of(variant))

    def _render(
        self, messages: Sequence[Message], system: str | None, kwargs: Mapping[str, Any], day: str | None
    ) -> str:
        """As `text`, on `day`; where that is None the template fails if it asks for the date."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        if system is not None:
            turns.insert(0, {"role": "system", "content": system})
        continued = bool(messages) and messages[-1].role == "assistant"
        try:
            text: str = self._tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=not continued,
                continue_final_message=continued,
                **self._calendar(day) | dict(kwargs),
            )
        except Exception as exc:  # a template is a program and raises what it likes, jinja2's errors among it
            said = str(exc).removesuffix(".")
            hint = " Leave the system text out, or put it into the prompt." if system is not None else ""
            raise RejectedError(f"The model's chat template refuses these messages: {said}.{hint}", sent=False) from exc
        return text

    def _calendar(self, day: str | None) -> dict[str, Any]:
        # What has no use for these arguments may not know them: some tokenizers bring a renderer of their own.
        if self._source is None or not self.writes_date:
            return {}
        if day is None:
            return {"strftime_now": None}
        return {"chat_template": _MACRO + self._source, "harness_clock": _clock(day)}

    def _asks_for_the_date(self, request: Request) -> bool:
        if not self.writes_date:
            return False
        try:
            self._render(request.messages, request.system, request.variant.chat_template_kwargs, None)
        except RejectedError:
            return True
        return False

    def _injected_system(self, kwargs: Mapping[str, Any], day: str) -> str | None:
        key = json.dumps(dict(kwargs), sort_keys=True, default=repr), day
        if key not in self._injected:
            self._injected[key] = self._find_replaced(kwargs, day) or self._find_prepended(kwargs, day)
        return self._injected[key]

    def _find_replaced(self, kwargs: Mapping[str, Any], day: str) -> str | None:
        """What stands where a given system text would."""
        user = [Message("user", "x")]
        try:
            marked = self._render(user, _SENTINEL, kwargs, day)
            bare = self._render(user, None, kwargs, day)
        except RejectedError:
            return None
        before, found, after = marked.partition(_SENTINEL)
        if not found or not bare.startswith(before) or not bare.endswith(after) or len(bare) < len(before + after):
            return None
        return bare[len(before) : len(bare) - len(after)] or None

    def _find_prepended(self, kwargs: Mapping[str, Any], day: str) -> str | None:
        """The words before a first question that stand before no other one.

        What is before the second question is the turn's own markup, which the first one has as well.
        """
        asked, answered = Message("user", _QUESTION), Message("assistant", _ANSWER)
        try:
            once = self._render([asked], None, kwargs, day)
            twice = self._render([asked, answered, asked], None, kwargs, day)
        except RejectedError:
            return None
        first = self._bare(once.partition(_QUESTION)[0])
        turn = self._bare(twice.partition(_ANSWER)[2].partition(_QUESTION)[0])
        both = zip(reversed(first), reversed(turn), strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
        return _ROLE.sub("", first[: len(first) - shared], count=1).strip() or None

    def _bare(self, text: str) -> str:
        for token in self._tokenizer.all_special_tokens:
            text = text.replace(token, " ")
        return _MARKUP.sub(" ", text)

    def _with_one_bos(self, ids: list[int]) -> list[int]:
        # A template that writes the token and a tokenizer that adds it make two, which the model was not trained on.
        bos = self._tokenizer.bos_token_id
        start = 0
        while bos is not None and ids[start : start + 2] == [bos, bos]:
            start += 1
        return ids[start:]


def _clock(day: str) -> list[tuple[str, str]]:
    """What `_MACRO` replaces in a format, in order: each code of strftime by what it says at midnight of `day`."""
    midnight = datetime.combine(date.fromisoformat(day), time())
    codes = [f"%{flag}{letter}" for letter in _LETTERS for flag in _FLAGS]
    return [("%%", "\0"), *((code, midnight.strftime(code)) for code in codes), ("\0", "%")]


def _plain(messages: Sequence[Message], system: str | None) -> str:
    turns = [f"System: {system}"] if system is not None else []
    turns += [f"{'Assistant' if message.role == 'assistant' else 'User'}: {message.content}" for message in messages]
    if not messages or messages[-1].role != "assistant":
        turns.append("Assistant:")
    return "\n\n".join(turns)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
