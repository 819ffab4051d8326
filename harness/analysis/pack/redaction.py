"""Takes out of texts what names people and machines: home and project folders, user and host names, servers.

Knows no file of a pack. Paths and servers are unmistakable and go wherever they stand. A bare name may be a word as
well, so it goes only where this program or a library wrote, and names that are words of this program go never.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

TEXTS = frozenset(
    {
        "prompt", "text", "messages", "system", "full_response", "thinking", "token_logprobs", "output_token_ids",
        "prompt_template", "stop", "vocabulary", "tokens",
    }
)  # fmt: skip
"""Keys under which the words of prompts and models stand: evidence, never altered."""
METADATA = frozenset({"prompt_metadata", "metadata"})
"""Keys under which the prompt file's own facts stand: names in it may be words of the subject, paths may not."""

HOME = "home folder"
EMAIL = "e-mail address"
# In a file of JSON that is read as text, a letter before it may be the end of an escape.
_BEFORE = r"(?:(?<![\w.~-])|(?<=\\[bfnrt]))"
_HOMES = rf"{_BEFORE}(?:/(?:home|Users)/[^/\s\"'\\:<>|,;()\[\]{{}}]+|/root(?=/))"
_DOMAIN = r"@(?:[\w-]{1,63}\.)+[a-z]{2,}(?![\w-])"
_EMAIL = rf"(?<![\w.+-])[\w.+-]+{_DOMAIN}"
_HOLDS_EMAIL = re.compile(_DOMAIN, re.IGNORECASE)
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]*")
_WORDS = frozenset(
    {
        "root", "user", "users", "admin", "administrator", "ubuntu", "debian", "ec2-user", "centos", "guest", "nobody",
        "default", "docker", "jovyan", "worker", "node", "localhost", "host", "home", "data", "test", "tests", "demo",
        "claude", "gemini", "openai", "local", "harness", "python", "prompts", "prompt", "results", "run", "out",
        "model", "models", "simulator", "main", "app", "dev", "work", "research", "pilot", "max", "min", "top", "stop",
        "seed", "error", "failed", "coder", "labels", "yes", "none",
    }
)  # fmt: skip
_SHORTEST_NAME = 3


class Identity(NamedTuple):
    """One thing to take out: what it is for people, its text, and what stands in its place."""

    kind: str
    text: str
    placeholder: str


class Replaced(NamedTuple):
    """One kind of replacement in one file."""

    file: str
    kind: str
    text: str
    placeholder: str


class Left(NamedTuple):
    """What stays in a file, on one line: the words of prompts and models, and what may be one of their words."""

    file: str
    line: int
    kind: str


@dataclass(slots=True)
class Redactor:
    """Replaces identities, and counts what it replaced.

    Args:
        unmistakable: paths and servers, whole where they are part of something longer.
        names: of users, people and hosts.
    """

    unmistakable: tuple[Identity, ...]
    names: tuple[Identity, ...]
    replaced: Counter[Replaced] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    _all: re.Pattern[str] = field(init=False, repr=False)
    _places: re.Pattern[str] = field(init=False, repr=False)
    _telling: re.Pattern[str] = field(init=False, repr=False)
    _needles: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.names = tuple(one for one in self.names if is_telling(one.text))
        bare = [rf"(?<![^\W_]){re.escape(one.text)}(?![^\W_])" for one in _longest(self.names)]
        telling = [one for one in self.unmistakable if one.kind != HOME or is_telling(one.text.rpartition("/")[2])]
        self._all = _any([_EMAIL, *map(_whole, _longest(self.unmistakable)), _HOMES, *bare])
        self._places = _any([*map(_whole, _longest(telling)), *(rf"(?<=[/\\]){name}" for name in bare)])
        self._telling = _any([*map(_whole, _longest(telling)), *bare])
        self._needles = (
            "/home/",
            "/users/",
            "/root/",
            *(one.text.lower() for one in (*self.unmistakable, *self.names)),
        )

    def text(self, text: str, file: str, *, names: bool) -> str:
        """`text` without identities; without `names`, bare ones stay, and so do folders that many people have."""
        return (self._all if names else self._places).sub(lambda found: self._note(file, found[0]), text)

    def tree(
        self, value: Any, file: str, *, names: bool, only: Collection[str] | None = None, everything: bool = False
    ) -> Any:
        """A JSON value with every text and key in it cleaned, but for those under `TEXTS`.

        Args:
            only: the keys under which bare names go; None: everywhere.
            everything: no key is spared: what is written there is never a prompt's, a model's or a prompt file's.
        """
        match value:
            case str():
                return self.text(value, file, names=names and only is None)
            case list():
                return [self.tree(item, file, names=names, only=only, everything=everything) for item in value]
            case dict():
                return {
                    self._key(key, file): item
                    if key in TEXTS and not everything
                    else self.tree(
                        item,
                        file,
                        names=names and (everything or key not in METADATA),
                        only=None if only is None or key in only else only,
                        everything=everything,
                    )
                    for key, item in value.items()
                }
        return value

    def holds(self, text: str) -> bool:
        """Whether anything in `text` may have to go; nearly every line is told to hold nothing without a search."""
        lowered = text.lower()
        if any(needle in lowered for needle in self._needles) and self._all.search(text):
            return True
        return bool(_HOLDS_EMAIL.search(text))

    def names_places(self, text: str) -> bool:
        """Whether `text` has what `text(…, names=False)` takes out."""
        return bool(self._places.search(text))

    def note_left(self, text: str, file: str, line: int) -> None:
        """Remember what a cleaned line still tells."""
        if not self.holds(text):
            return
        kinds = (self._identity(found[0]).kind for found in self._telling.finditer(text))
        self.left += [Left(file, line, kind) for kind in dict.fromkeys(kinds)]

    def _key(self, key: str, file: str) -> str:
        """The name of a variant may hold a path; the name of a field is this program's."""
        return key if _PLAIN_KEY.fullmatch(key) else self.text(key, file, names=True)

    def _note(self, file: str, found: str) -> str:
        one = self._identity(found)
        self.replaced[Replaced(file, one.kind, found, one.placeholder)] += 1
        return one.placeholder

    def _identity(self, found: str) -> Identity:
        known = (one for one in (*self.unmistakable, *self.names) if one.text.casefold() == found.casefold())
        other = Identity(EMAIL, found, "EMAIL") if _HOLDS_EMAIL.search(found) else Identity(HOME, found, "HOME")
        return next(known, other)


def is_telling(name: str) -> bool:
    """Whether a name by itself tells who somebody is, and is no word that stands everywhere."""
    return len(name) >= _SHORTEST_NAME and name.casefold() not in _WORDS


def homes_in(text: str) -> list[str]:
    """The home folders that `text` names, each once."""
    return list(dict.fromkeys(re.findall(_HOMES, text)))


def _longest(identities: Iterable[Identity]) -> list[Identity]:
    return sorted(identities, key=lambda one: (-len(one.text), one.text))


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    """One of `patterns`, in their order; what never matches where there are none."""
    return re.compile("|".join(filter(None, patterns)) or r"(?!)", re.IGNORECASE)


def _whole(one: Identity) -> str:
    """A folder or a host, not the beginning of another one's name."""
    return rf"{_BEFORE}{re.escape(one.text)}(?!\.?[\w-])"
