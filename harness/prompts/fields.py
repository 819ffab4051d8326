"""A raw row to a `Prompt`: names, types, turns and the id of a row without one. Knows no file format."""

from __future__ import annotations

import hashlib
import reprlib
from typing import TYPE_CHECKING, Any

import orjson

from harness.prompt_template import Unfilled
from harness.prompts.columns import DEFAULT_NAMES, Columns
from harness.prompts.decoding import Problem
from harness.schema import Message, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

AS_THEY_ARE = Columns()
"""The columns that are known by default, and the text as it stands."""

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}

_reprs = reprlib.Repr()
_reprs.maxstring = _reprs.maxother = 80


def shown(value: object) -> str:
    """A value as an error message may show it: cut short, with control characters escaped."""
    return _reprs.repr(value)


def to_prompt(row: Any, columns: Columns = AS_THEY_ARE) -> tuple[Prompt, bool]:
    """The prompt that a row describes, and whether the row gave its id. A dictionary is used up: the rest is metadata.

    A row is a dictionary of fields or a bare text. Null and blank optional fields are as if absent. A conversation of
    one user turn is a single prompt, whichever way it was written, so that both get the same content hash. What a
    template makes the text of stays in the metadata.

    Args:
        columns: which field is what, and the template.

    Raises:
        Problem: a field is missing, empty or of the wrong type, or cannot be carried into a result.
    """
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, dict):
        raise Problem(f'is {_kind(row)}, not an object or a string: write {{"prompt": "…"}}.')
    _check_writable(row)
    text = None if columns.template is None else _rendered(row, columns)
    name, given = _pop(row, columns, "id")
    # An empty cell that a template may use is still no id.
    identity = _identity(name, None if given == "" and columns.template is not None else given)
    if text is None:
        field, given = _pop(row, columns, "prompt")
        text = _optional_text(field, given)
        if "instruction" in row and columns.names.prompt is None and (text is None or field == "input"):
            raise Problem('has an "instruction": write what is to be asked into "prompt", or set prompt_template.')
    category = _category(*_pop(row, columns, "category"))
    probe = _flag(*_pop(row, columns, "probe"), by_name=columns.names.probe is not None)
    system = _optional_text(*_pop(row, columns, "system"))
    messages = None
    name, turns = _pop(row, columns, "messages")
    if turns is not None and not (turns == "" and columns.template is not None):
        if columns.template is not None:
            raise Problem(f'has "{name}", and prompt_template makes one text of a row: leave one of them out.')
        messages, system = _conversation(turns, text, system)
        text = messages[-1].content
    if text is None:
        raise Problem(_no_text(columns))
    prompt = Prompt(
        id=content_id(text, messages, system) if identity is None else identity,
        text=text,
        category=category,
        is_synthetic_probe=probe,
        messages=messages if messages is not None and len(messages) > 1 else None,
        system=system,
        metadata=row,
    )
    return prompt, identity is not None


def content_id(text: str, messages: Sequence[Message] | None, system: str | None) -> str:
    """The id of a prompt whose row gives none: `p-` and 80 bits of blake2b, in hex, over what is said."""
    turns = [["user", text]] if messages is None else [[turn.role, turn.content] for turn in messages]
    return f"p-{hashlib.blake2b(orjson.dumps([system, turns]), digest_size=10).hexdigest()}"


def _rendered(row: dict[str, Any], columns: Columns) -> str:
    assert columns.template is not None
    try:
        text = columns.template.render(row)
    except Unfilled as problem:
        raise Problem(str(problem)) from problem
    if not text.strip():
        raise Problem("fills prompt_template with nothing but white space: give its fields some text.")
    return text


def _pop(row: dict[str, Any], columns: Columns, role: str) -> tuple[str, Any]:
    names = columns.of(role)
    for name in names:
        if name in row:
            return name, row.pop(name)
    return names[0] if names else role, None


def _no_text(columns: Columns) -> str:
    if (name := columns.names.prompt) is not None:
        return f'has no text as "{name}", which `fields` names as the prompt: give it some, or remove the row.'
    names = ", ".join(f'"{name}"' for name in (*DEFAULT_NAMES["prompt"][1:], *columns.of("messages")))
    return (
        f'has no prompt: give "prompt" (or {names}) some text, remove the row, or name the column with '
        "`fields: {prompt: COLUMN}` in the config."
    )


def _flag(name: str, value: Any, *, by_name: bool) -> bool | None:
    """A column that the user names may say it in words or as 0 and 1; the one known by default says it in JSON."""
    if value is None or isinstance(value, bool):
        return value
    if not by_name:
        raise Problem(f"has {_kind(value)} as {name}: write true, false or null without quotes.")
    return flag_of(name, str(value))


def flag_of(name: str, text: str) -> bool | None:
    """Whether a word says that a row is a probe; None for no word.

    Raises:
        Problem: it says neither.
    """
    word = text.strip().lower()
    if word not in _FLAGS:
        raise Problem(f"has {shown(text)} as {name}: write true, false, or nothing.")
    return _FLAGS[word]


def _identity(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Problem(f'has {_kind(value)} as "{name}": write text or a whole number.')
    if not value.strip():
        raise Problem(f'has an empty "{name}": fill it, or leave the field out to get one made from the text.')
    return value


def _optional_text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Problem(f'has {_kind(value)} as "{name}": write text, in quotes.')
    return value if value.strip() else None


def _category(name: str, value: Any) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return _optional_text(name, str(value) if is_number else value)


def _conversation(turns: Any, text: str | None, system: str | None) -> tuple[tuple[Message, ...], str | None]:
    if not isinstance(turns, list):
        raise Problem(f'has {_kind(turns)} as "messages": write a list of {{"role": …, "content": …}}.')
    messages = [_message(turn, number) for number, turn in enumerate(turns, 1)]
    if messages and messages[0].role == "system":
        leading = messages.pop(0).content
        if system is not None and system != leading:
            raise Problem('has a "system" and a system message that differ: keep one of them.')
        system = leading
    for number, message in enumerate(messages, 1 + len(turns) - len(messages)):
        if message.role == "system":
            raise Problem(f"has a system turn as message {number}: a system text comes first, and once.")
    if not messages or messages[-1].role != "user":
        raise Problem('has "messages" that do not end with a user turn: the last turn is what the model answers.')
    if text is not None and text != messages[-1].content:
        raise Problem('has a prompt and "messages" whose last turn differs from it: keep one of them.')
    return tuple(messages), system


def _message(turn: Any, number: int) -> Message:
    if not isinstance(turn, dict):
        raise Problem(f'has {_kind(turn)} as message {number}: write {{"role": …, "content": …}}.')
    role, content = turn.get("role"), turn.get("content")
    if role not in ("user", "assistant", "system"):
        raise Problem(f"has the role {shown(role)} in message {number}: write user, assistant or system.")
    if not isinstance(content, str):
        raise Problem(f"has {_kind(content)} as the content of message {number}: write text, in quotes.")
    if not content.strip():
        raise Problem(f"has an empty message {number}: write its text, or remove it.")
    for name, value in turn.items():
        if name not in ("role", "content") and value is not None:
            raise Problem(f"has {shown(name)} in message {number}, which would not be sent: only role and content are.")
    return Message(role, content)


def _check_writable(row: dict[str, Any]) -> None:
    """Write the row as a result would hold it: what cannot come out again must not cost an answer later."""
    try:
        written = _written(row)
    except TypeError as exc:
        raise Problem(
            f"holds in {_blame(row)} what a result cannot carry ({exc}): put an integer over 64 bits in quotes, "
            r"remove half a surrogate pair (\ud800 without its partner), nest less deeply."
        ) from exc
    # An escaped backslash before "u0000" is six harmless characters. (`find` takes half as long as `in` does.)
    if written.find(rb"\u0000") != -1 and rb"\u0000" in written.replace(rb"\\", b""):
        raise Problem(r"holds a NUL character (\u0000): remove it.")


def _written(row: dict[str, Any]) -> bytes:
    return orjson.dumps({"prompt_metadata": row})


def _blame(row: dict[str, Any]) -> str:
    for name, value in row.items():
        try:
            _written({name: value})
        except TypeError:
            return shown(name)
    return "its fields"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case _:
            return "an object"
