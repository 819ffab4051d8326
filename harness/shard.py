"""An n-th of a plan: which items are in it, and what it may have of a cap. Knows items by their digests only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.digests import Digests

_MOST = 10_000
_WRITTEN = re.compile(r"\s*([0-9]{0,9})\s*/\s*([0-9]{1,9})\s*")
_IN_FOLDERS = re.compile(r"-shard-[0-9]+-of-[0-9]+$")


@dataclass(frozen=True, slots=True)
class Shard:
    """The `index`-th, from 1, of `count` parts of a plan; `Shard()` is all of it.

    An item is in exactly one of the `count`: the one that its own digest says. Neither order nor whatever else is
    asked changes that, so that shards need not know of each other, and a plan may grow under them. The parts are about
    equally large.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that is written `1/3`.

        Raises:
            UsageError: it is none; says how shards are written.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise UsageError(f"--shard {text}: write which of how many, as 1/3.")
        number, count = found[1], int(found[2])
        if not 1 <= count <= _MOST:
            raise UsageError(f"--shard {text}: a run has from 1 to {_MOST} shards.")
        if not number:
            raise UsageError(
                f"--shard {text}: the number before the slash is missing; the shards are 1/{count} to {count}/{count}. "
                "If it was to be a variable of a job array, it is not set here."
            )
        if not 1 <= int(number) <= count:
            counted = f" Of a job array: --array=1-{count}." if int(number) == 0 else ""
            raise UsageError(f"--shard {text}: there is no such shard; they are 1/{count} to {count}/{count}.{counted}")
        return cls(int(number), count)

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole plan."""
        return self.count == 1

    @property
    def folder_suffix(self) -> str:
        """What tells its folder from the others'; empty for the whole plan."""
        return "" if self.is_whole else f"-shard-{self.index}-of-{self.count}"

    def share(self, amount: float) -> float:
        """Its part of what can be divided at will."""
        return amount / self.count

    def part(self, amount: int) -> int:
        """Its part of what comes in pieces, at least one: all parts together are `amount`, or one for each shard."""
        whole, left = divmod(amount, self.count)
        return max(1, whole + (self.index <= left))

    def leaving_out(self, items: Digests) -> Digests:
        """What a run over this shard does not send: `items`, and all that is not in the shard."""
        return items if self.is_whole else _Outside(self, items)

    def __contains__(self, item: bytes) -> bool:
        return int.from_bytes(item[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()


@dataclass(frozen=True, slots=True)
class _Outside:
    """What is not in `shard`, and `items`."""

    shard: Shard
    items: Digests

    def __contains__(self, item: bytes) -> bool:
        return item not in self.shard or item in self.items


def folder_suffix_of(name: str) -> str:
    """The part of a folder's name that says which shard is in it; empty where none does."""
    found = _IN_FOLDERS.search(name)
    return found[0] if found else ""
