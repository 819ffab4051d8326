"""Digests that stand for items; a set and a map of them, small at a million. Knows nothing of what is digested."""

from __future__ import annotations

from hashlib import blake2b
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

DIGEST_SIZE = 16
_PREFIX = 2
_SUFFIX = DIGEST_SIZE - _PREFIX
_BUCKETS = 1 << 8 * _PREFIX
_NUMBER = 6
_ENTRY = _SUFFIX + _NUMBER
# From here on, importing numpy costs less than it saves.
_MANY = 1 << 16


class Digests(Protocol):
    """Whatever can say of a digest whether it is in it."""

    def __contains__(self, digest: bytes, /) -> bool:
        """Whether the digest is in it."""
        ...


def digest16(*parts: str | bytes) -> bytes:
    """The 128-bit blake2b of the parts, each preceded by its length: `("ab", "c")` and `("a", "bc")` differ.

    A string counts as its UTF-8 bytes. Lone surrogates, which JSON can hold and UTF-8 cannot, pass as they are.
    """
    framed = b""
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        framed += len(data).to_bytes(8, "big") + data
    return blake2b(framed, digest_size=DIGEST_SIZE).digest()


class DigestSet:
    """An exact set of 16-byte digests in about 20 MB per million; a `set` of `bytes` takes 98 MB.

    A digest's first two bytes choose one of 65 536 buckets, and the bucket holds the other fourteen, end to end.
    That is quick as long as digests are evenly spread, as a hash's are. Iteration follows no useful order.
    """

    __slots__ = ("_buckets", "_length")

    def __init__(self) -> None:
        self._buckets = [b""] * _BUCKETS
        self._length = 0

    @classmethod
    def of(cls, packed: bytes | bytearray) -> Self:
        """The set of the digests that stand in `packed` end to end, in any order and any number of times.

        Raises:
            ValueError: the last of them is not whole.
        """
        if len(packed) % DIGEST_SIZE:
            raise ValueError(f"{len(packed)} bytes are no whole number of digests")
        made = cls()
        if len(packed) < _MANY * DIGEST_SIZE:
            for start in range(0, len(packed), DIGEST_SIZE):
                made.add(bytes(packed[start : start + DIGEST_SIZE]))
        else:
            made._buckets, made._length = _sorted_into_buckets(packed)
        return made

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
        if _at(bucket, suffix, _SUFFIX) != -1:
            return False
        self._buckets[index] = bucket + suffix
        self._length += 1
        return True

    def __contains__(self, digest: bytes) -> bool:
        if len(digest) != DIGEST_SIZE:
            return False
        return _at(self._buckets[digest[0] << 8 | digest[1]], digest[_PREFIX:], _SUFFIX) != -1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for index in compress(range(len(self._buckets)), self._buckets):
            prefix, bucket = index.to_bytes(_PREFIX, "big"), self._buckets[index]
            for start in range(0, len(bucket), _SUFFIX):
                yield prefix + bucket[start : start + _SUFFIX]

    def union(self, others: Iterable[bytes]) -> DigestSet:
        """Another set, of the digests in this one and `others`."""
        made = DigestSet()
        made._buckets, made._length = list(self._buckets), self._length
        for digest in others:
            made.add(digest)
        return made


class DigestMap:
    """A number from 0 to 2⁴⁸ − 1 for each 16-byte digest, in about 26 MB per million. Kept as a `DigestSet` is."""

    __slots__ = ("_buckets", "_length")

    def __init__(self) -> None:
        self._buckets = [b""] * _BUCKETS
        self._length = 0

    def add(self, digest: bytes, number: int) -> bool:
        """Whether the digest was new; the number of one that was not stays as it is.

        Raises:
            ValueError: the digest is not 16 bytes long.
            OverflowError: the number is too large.
        """
        if len(digest) != DIGEST_SIZE:
            raise ValueError(f"a digest has {DIGEST_SIZE} bytes, not {len(digest)}")
        index = digest[0] << 8 | digest[1]
        bucket, suffix = self._buckets[index], digest[_PREFIX:]
        if _at(bucket, suffix, _ENTRY) != -1:
            return False
        self._buckets[index] = bucket + suffix + number.to_bytes(_NUMBER, "big")
        self._length += 1
        return True

    def get(self, digest: bytes) -> int | None:
        """The number of the digest, None where there is none."""
        if len(digest) != DIGEST_SIZE:
            return None
        bucket = self._buckets[digest[0] << 8 | digest[1]]
        at = _at(bucket, digest[_PREFIX:], _ENTRY)
        return None if at == -1 else int.from_bytes(bucket[at + _SUFFIX : at + _ENTRY], "big")

    def __len__(self) -> int:
        return self._length


def _sorted_into_buckets(packed: bytes | bytearray) -> tuple[list[bytes], int]:
    """The buckets that adding one by one would make, but for the order within each, and how many digests they hold."""
    import numpy as np  # noqa: PLC0415 - only large sets pay for the import

    halves = np.frombuffer(packed, ">u8").reshape(-1, 2)
    high = halves[:, 0].astype(np.uint64)
    prefixes = (high >> np.uint64(64 - 8 * _PREFIX)).astype(np.uint16)
    high.sort()
    if np.all(high[1:] != high[:-1]):
        # A radix sort, several times as fast as sorting whole digests, which only equal ones need.
        order = np.argsort(prefixes, kind="stable")
    else:
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        ordered = halves[order]
        order = order[np.concatenate(([True], np.any(ordered[1:] != ordered[:-1], axis=1)))]
        prefixes = prefixes[order]
    del high
    suffixes = np.ndarray(len(halves), f"V{_SUFFIX}", packed, _PREFIX, (DIGEST_SIZE,))[order].tobytes()
    ends = np.bincount(prefixes, minlength=_BUCKETS).cumsum() * _SUFFIX
    return [suffixes[start:end] for start, end in pairwise([0, *ends.tolist()])], len(order)


def _at(bucket: bytes, suffix: bytes, width: int) -> int:
    """Where the suffix begins an entry of `width` bytes in the bucket, -1 where none does: never across neighbours."""
    # `find`, because `suffix in bucket` first tries to read the suffix as a number and takes twice as long.
    at = bucket.find(suffix)
    while at != -1 and at % width:
        at = bucket.find(suffix, at + 1)
    return at
