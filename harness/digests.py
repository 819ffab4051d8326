"""Digests that stand for items, and a set of them that stays small at a million. Knows nothing of what is digested."""

from __future__ import annotations

from hashlib import blake2b
from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST_SIZE = 16
_PREFIX = 2
_SUFFIX = DIGEST_SIZE - _PREFIX


def digest16(*parts: str | bytes) -> bytes:
    """The 128-bit blake2b of the parts, each preceded by its length: `("ab", "c")` and `("a", "bc")` differ.

    A string counts as its UTF-8 bytes. Lone surrogates, which JSON can hold and UTF-8 cannot, pass as they are.
    """
    state = blake2b(digest_size=DIGEST_SIZE)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.digest()


class DigestSet:
    """An exact set of 16-byte digests in about 20 MB per million; a `set` of `bytes` takes 98 MB.

    A digest's first two bytes choose one of 65 536 buckets, and the bucket holds the other fourteen, end to end.
    That is quick as long as digests are evenly spread, as a hash's are. Iteration follows no useful order.
    """

    __slots__ = ("_buckets", "_length")

    def __init__(self) -> None:
        self._buckets = [b""] * (1 << 8 * _PREFIX)
        self._length = 0

    def add(self, digest: bytes) -> bool:
        """Whether the digest was new.

        Raises:
            ValueError: it is not 16 bytes long.
        """
        if len(digest) != DIGEST_SIZE:
            raise ValueError(f"a digest has {DIGEST_SIZE} bytes, not {len(digest)}")
        index = digest[0] << 8 | digest[1]
        bucket = self._buckets[index]
        suffix = digest[_PREFIX:]
        if _holds(bucket, suffix):
            return False
        self._buckets[index] = bucket + suffix
        self._length += 1
        return True

    def __contains__(self, digest: bytes) -> bool:
        return len(digest) == DIGEST_SIZE and _holds(self._buckets[digest[0] << 8 | digest[1]], digest[_PREFIX:])

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for index in compress(range(len(self._buckets)), self._buckets):
            prefix, bucket = index.to_bytes(_PREFIX, "big"), self._buckets[index]
            for start in range(0, len(bucket), _SUFFIX):
                yield prefix + bucket[start : start + _SUFFIX]


def _holds(bucket: bytes, suffix: bytes) -> bool:
    """Whether the suffix stands in the bucket where one begins, not across two neighbours."""
    # `find`, because `suffix in bucket` first tries to read the suffix as a number and takes twice as long.
    at = bucket.find(suffix)
    while at != -1 and at % _SUFFIX:
        at = bucket.find(suffix, at + 1)
    return at != -1
