"""File names made of names that somebody else chose. Knows nothing of what is in the files."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 60
_HASH_BYTES = 3


def slug(name: str) -> str:
    """`name` as a part of a file name: letters, digits, dots, hyphens and underscores, then six hex digits of its hash.

    `Qwen/Qwen2.5-14B` becomes `Qwen-Qwen2.5-14B-` and the digits. Two names that look alike once their other
    characters are gone still differ, and none is a path, a hidden file or too long.
    """
    plain = _plain(name)
    digits = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
    return f"{plain}-{digits}" if plain else digits


def short_slug(name: str) -> str:
    """`name` where it can stand in a file name as it is, else its `slug`.

    Two of these may be the same, or differ in their capitals only.
    """
    return name if name and name == _plain(name) else slug(name)


def _plain(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+|\.{2,}", "-", name)
    return re.sub(r"-{2,}", "-", plain)[:_LONGEST].strip(".-")
