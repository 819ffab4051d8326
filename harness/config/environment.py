"""Where credentials come from: `${NAME}` in a credential field, the environment, a `.env` that never overrides it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import SecretStr

from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SAME_KEY = {"GOOGLE_API_KEY": "GEMINI_API_KEY", "GEMINI_API_KEY": "GOOGLE_API_KEY"}


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of this process and of its `.env`; a value never shows in `repr`."""

    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_process(cls, dotenv: Path = Path(".env")) -> Environment:
        """The process's variables, and below them those of `dotenv` where that file exists.

        Raises:
            ConfigError: `dotenv` is no readable text.
        """
        try:
            found = dotenv_values(dotenv) if dotenv.is_file() else {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{dotenv} cannot be read ({error}). Save it as UTF-8 text, or remove it.") from None
        below = {name: value for name, value in found.items() if value}
        for name, value in below.items():
            # The model hub's library and Ray read their tokens, folders and addresses from the process itself.
            if name.startswith(("HF_", "RAY_")):
                os.environ.setdefault(name, value)
        return cls({**below, **os.environ})

    def get(self, name: str) -> str | None:
        """The value of `name` (GOOGLE_API_KEY and GEMINI_API_KEY stand in for each other); None where empty."""
        return self.variables.get(name) or self.variables.get(_SAME_KEY.get(name, ""), None) or None

    def expand(self, text: str, where: str) -> SecretStr:
        """`text` with every `${NAME}` replaced.

        Raises:
            ConfigError: a variable is not set; `where` says which key asked for it.
        """

        def value(match: re.Match[str]) -> str:
            found = self.get(match[1])
            if found is None:
                raise ConfigError(
                    f"{where}: the environment variable {match[1]} is not set. Run `export {match[1]}=…`, or write it "
                    "into a file .env in this folder; to try the config without keys, add --rehearse."
                )
            return found

        expanded = _REFERENCE.sub(value, text).strip()
        if "${" in _REFERENCE.sub("", text):
            raise ConfigError(f"{where}: a variable is written ${{NAME}}, with letters, digits and underscores only.")
        return SecretStr(expanded)


def is_reference(text: str) -> bool:
    """Whether `text` is one `${NAME}` and nothing else, so that it may be shown and stored."""
    return _REFERENCE.fullmatch(text) is not None


def names_in(text: str) -> list[str]:
    """The variables that `text` refers to."""
    return _REFERENCE.findall(text)
