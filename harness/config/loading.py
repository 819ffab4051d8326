"""A config file → `RunConfig`, or one sentence for everything that is wrong with it."""

from __future__ import annotations

import difflib
import json
import math
import typing
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from harness.config.model import ModelConfig, RunConfig
from harness.config.parts import AsyncSettings, FieldsConfig, LogprobsConfig, PoolConfig, PriceConfig
from harness.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails


class _NoDuplicates(yaml.SafeLoader):
    """YAML silently keeps the last of two equal keys; a config in which one value hides another is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise ConfigError(f"line {key_node.start_mark.line + 1}: the key `{key}` stands here twice. Keep one.")
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_config(path: Path) -> RunConfig:
    """Read and validate `path` (.json is JSON, anything else YAML).

    Raises:
        ConfigError: missing, unreadable, malformed; names the file, the key's path and the nearest valid key.
    """
    try:
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError:
        raise ConfigError(f"There is no config file {path}. Name one with --config; configs/ holds examples.") from None
    except OSError as error:
        raise ConfigError(f"The config {path} cannot be read: {error.strerror}.") from error
    data = _parse(path, raw)
    if isinstance(data, dict):
        data.setdefault("output_dir", f"out/{path.stem}")
    return config_of(data, str(path))


def config_of(data: Any, where: str) -> RunConfig:
    """The config that plain values make, as a file would hold them; `where` names them in messages.

    Raises:
        ConfigError: as `load_config`.
    """
    if not isinstance(data, dict):
        raise ConfigError(
            f"{where}: a config is a mapping of keys to values, with a list `models`. See configs/pilot.yaml."
        )
    try:
        _refuse_unwritable(data)
    except ConfigError as error:
        raise ConfigError(f"{where}, {error}") from None
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        lines = "\n".join(f"  {_sentence(detail)}" for detail in error.errors(include_url=False))
        raise ConfigError(f"{where} has {error.error_count()} mistake(s); nothing was sent:\n{lines}") from None


def _parse(path: Path, raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not valid UTF-8. Save the file as UTF-8.") from None
    try:
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
        return yaml.load(text, Loader=_NoDuplicates)  # noqa: S506 - a SafeLoader
    except ConfigError as error:
        raise ConfigError(f"{path}, {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deep. A config is a mapping with a list of models in it.") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place}: not valid YAML: {getattr(error, 'problem', None) or error}.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ConfigError(f"the key `{key}` stands twice in one object. Keep one.")
        data[key] = value
    return data


def _no_constant(word: str) -> Any:
    raise ConfigError(f"{word} is no JSON number. Write a finite one.")


def _refuse_unwritable(value: Any, where: str = "config") -> None:
    """What JSON cannot hold could be sent nowhere and stored nowhere."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{where}: the key {key!r} is not text. Put it in quotes.")
            _refuse_unwritable(item, f"{where}.{key}".removeprefix("config."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unwritable(item, f"{where}[{index}]")
    elif (problem := _unwritable(value)) is not None:
        raise ConfigError(f"{where}: {problem}")


def _unwritable(value: Any) -> str | None:
    match value:
        case str() if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return "holds a NUL or half a character. Write it anew."
        case int() if not -(2**63) <= value < 2**63:
            return "the number has more than 64 bits."
        case float() if not math.isfinite(value):
            return f"{value} is not a finite number."
        case str() | int() | float() | None:
            return None
    return f"{value!r} is no text, number or list. Put it in quotes if it is meant as text."


def _sentence(detail: ErrorDetails) -> str:
    location = detail["loc"]
    where = _dotted(location)
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no such key.{_nearest(location)}"
    if detail["type"] == "missing":
        return f"{where}: this key is required."
    given = detail.get("input")
    # A credential that has the wrong form is still a credential.
    shown = "" if "api_key" in location or isinstance(given, dict | list) else f" (given: {str(given)[:80]!r})"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        message = "A mapping of keys to values belongs here"
    sentence = f"{message[0].lower() + message[1:]}{shown}."
    return f"{where}: {sentence}" if where else sentence


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _nearest(location: tuple[int | str, ...]) -> str:
    fields = list(_owner(location).model_fields)
    close = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.5)
    return f" Did you mean `{close[0]}`?" if close else f" Valid keys here: {', '.join(sorted(fields))}."


def _owner(location: tuple[int | str, ...]) -> type[BaseModel]:
    owners: dict[str, type[BaseModel]] = {
        "models": ModelConfig,
        "logprobs": LogprobsConfig,
        "pools": PoolConfig,
        "price": PriceConfig,
        "async_settings": AsyncSettings,
        "fields": FieldsConfig,
    }
    for part in reversed(location[:-1]):
        if isinstance(part, str) and part in owners:
            return owners[part]
    return typing.cast("type[BaseModel]", RunConfig)
