"""Finds credentials in bytes: the values of this machine's own variables, and known forms of keys. Knows no pack.

The forms are precise enough for hashes, token ids and ordinary prose never to match: each has a literal beginning, and
a length that the provider's keys have at least. What is found is told by file, line and kind, never by its text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from harness.config.environment import Environment, names_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_SECRET_NAME = re.compile(r"API_?KEY|ACCESS_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|_KEY$", re.IGNORECASE)
_SHORTEST_VALUE = 8


class Form(NamedTuple):
    """A known form of key: no line without one of the `needles` can hold it."""

    kind: str
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def _form(kind: str, pattern: bytes, *needles: bytes) -> Form:
    return Form(kind, needles, re.compile(pattern))


# A key never follows a letter, a digit or a dash (`task-…` is a word and no key), unless they escape something in JSON.
_START = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))"
# At least one digit: slugs and the placeholders of manuals have none.
_DIGIT = rb"(?=[A-Za-z._~+/=-]*[0-9])"
_IN_KEY = rb"(?=[A-Za-z_-]*[0-9])"
# `Aladdin:open sesame`, `username:password` and `user:pass…`, as manuals have them.
_MANUALS = rb"(?!QWxhZGRpbjpvcGVu|dXNlcm5hbWU6cGFzc3dvcmQ|dXNlcjpwYXNz)"
FORMS = (
    _form("an Anthropic key (sk-ant-…)", _START + rb"sk-ant-[A-Za-z0-9_-]{16,}", b"sk-ant-"),
    _form("a key of OpenAI's form (sk-…)", _START + rb"sk-(?!ant-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}", b"sk-"),
    _form("a Google key (AIza…)", _START + rb"AIza[A-Za-z0-9_-]{30,}", b"AIza"),
    _form("a Hugging Face token (hf_…)", _START + rb"hf_[A-Za-z0-9]{20,}", b"hf_"),
    _form(
        "a GitHub token (ghp_…)",
        _START + rb"(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
        *(b"gho_", b"ghp_", b"ghr_", b"ghs_", b"ghu_", b"github_pat_"),
    ),
    # The one that stands in Amazon's manuals opens nothing, and models know it by heart.
    _form(
        "an AWS access key (AKIA…)",
        _START + rb"(?!AKIAIOSFODNN7EXAMPLE)(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])",
        *(b"AKIA", b"ASIA"),
    ),
    _form("a Slack token (xox…)", _START + rb"xox[abeoprs]-" + _DIGIT + rb"[A-Za-z0-9-]{10,}", b"xox"),
    _form("a Groq key (gsk_…)", _START + rb"gsk_[A-Za-z0-9]{30,}", b"gsk_"),
    _form("an xAI key (xai-…)", _START + rb"xai-[A-Za-z0-9]{30,}", b"xai-"),
    _form("a GitLab token (glpat-…)", _START + rb"glpat-" + _DIGIT + rb"[A-Za-z0-9_-]{20,}", b"glpat-"),
    _form("a Perplexity key (pplx-…)", _START + rb"pplx-" + _IN_KEY + rb"[A-Za-z0-9]{30,}", b"pplx-"),
    _form("an NVIDIA key (nvapi-…)", _START + rb"nvapi-" + _IN_KEY + rb"[A-Za-z0-9_-]{30,}", b"nvapi-"),
    _form("a Cerebras key (csk-…)", _START + rb"csk-" + _IN_KEY + rb"[A-Za-z0-9]{30,}", b"csk-"),
    _form("a Fireworks key (fw_…)", _START + rb"fw_" + _IN_KEY + rb"[A-Za-z0-9]{20,}", b"fw_"),
    _form("a Replicate token (r8_…)", _START + rb"r8_" + _IN_KEY + rb"[A-Za-z0-9]{30,}", b"r8_"),
    # The one of jwt.io, of subject 1234567890, opens nothing.
    _form(
        "a JSON Web Token (eyJ….eyJ….…)",
        _START + rb"eyJ[A-Za-z0-9_-]{8,}\.(?!eyJzdWIiOiIxMjM0NTY3ODkwIi)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}",
        b".eyJ",
    ),
    # In JSON the lines of a key are parted by an escaped newline. A header that is only spoken of has no key behind it.
    _form(
        "a private key (PEM)",
        rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:\s*$|(?:\\[rn]|\s)*(?:Proc-Type:|[A-Za-z0-9+/]{10}))",
        b"PRIVATE KEY-----",
    ),
    _form(
        "an Authorization header with its token",
        rb"(?i:authorization)\W{1,8}(?i:bearer|basic|token)\s+" + _MANUALS + _DIGIT + rb"[A-Za-z0-9._~+/=-]{16,}",
        *(b"uthorization", b"UTHORIZATION"),
    ),
    # A reference such as ${NAME} has no key behind it, and what is called is a function.
    _form(
        "a key by the name before it (api_key, access_token, ?key=)",
        rb"(?:(?i:api[_-]?key|access_?token)[\s\"'\\:=]{1,8}|(?:[?&]|\\u0026)key=)"
        + _IN_KEY
        + rb"[A-Za-z0-9_-]{20,}(?![\w(\[-])",
        *(b"api_key", b"api-key", b"apikey", b"apiKey", b"ApiKey", b"Api-Key", b"API_KEY", b"API-KEY", b"APIKEY"),
        *(b"access_token", b"accessToken", b"ACCESS_TOKEN", b"key="),
    ),
    _form(
        "a password in a URL (://user:password@)",
        rb"://(?!user(?:name)?:pass(?:word)?@)[A-Za-z0-9._~%+-]*:(?![$<{*(\[])[^\s/?#@:\"'<>\\]{3,}@[A-Za-z0-9\[]",
        b"://",
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A credential's place. `certain` where it is the value of a variable of this machine."""

    file: str
    line: int
    kind: str
    certain: bool

    @property
    def place(self) -> str:
        """`results.jsonl:17`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class SecretFinder:
    """Looks for `values` (the name of a variable by its value) and for `FORMS`."""

    values: Mapping[bytes, str] = field(repr=False)

    @classmethod
    def of_environment(cls, environment: Environment, references: Iterable[str] = ()) -> SecretFinder:
        """With the values of all variables whose name speaks of a key, token or secret.

        Args:
            references: texts of a config; a variable that one names as `${NAME}` counts whatever it is called.
        """
        referred = {name for text in references for name in names_in(text)}
        values = {}
        for name, value in environment.variables.items():
            if len(value.strip()) >= _SHORTEST_VALUE and (name in referred or _SECRET_NAME.search(name)):
                # As it stands, and as JSON writes it.
                for text in (value.strip(), json.dumps(value.strip())[1:-1]):
                    values[text.encode("utf-8", "surrogateescape")] = name
        return cls(values)

    def find(self, file: str, lines: Iterable[bytes]) -> Iterator[Found]:
        """Every line of `file` with a credential in it, once for each kind; lines count from 1."""
        for number, line in enumerate(lines, 1):
            for kind in {name: None for value, name in self.values.items() if value in line}:
                yield Found(file, number, f"the value of {kind}", certain=True)
            for form in FORMS:
                if any(needle in line for needle in form.needles) and form.pattern.search(line):
                    yield Found(file, number, form.kind, certain=False)


def standing(found: Iterable[Found], not_keys: Collection[str]) -> list[Found]:
    """What of `found` still stands in the way.

    Args:
        not_keys: places (`results.jsonl:17`) that somebody has looked at: a model made it up. They never excuse the
            value of a variable.
    """
    return [one for one in found if one.certain or one.place not in not_keys]
