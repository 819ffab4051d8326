from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.digests import DigestSet, digest16

# Two different bytes, in runs: digests that share buckets and whose neighbours there look like a third.
close_digests = st.tuples(st.sampled_from([0, 1]), st.integers(0, 14)).map(
    lambda made: bytes(2) + bytes([made[0]]) * made[1] + bytes([1 - made[0]]) * (14 - made[1])
)


def test_a_digest_is_pinned():
    assert digest16("prompt", b"\x00").hex() == "409ca1a33f8a5e413027ab0581617b2b"


def test_where_a_part_ends_matters():
    assert len({digest16("ab", "c"), digest16("a", "bc"), digest16("abc"), digest16("abc", "")}) == 4


def test_a_string_counts_as_its_utf8_bytes():
    assert digest16("é") == digest16("é".encode())


def test_lone_surrogates_are_told_apart():
    assert digest16("\ud800") != digest16("\ud801")


@given(st.lists(close_digests, max_size=20))
@settings(max_examples=50)
def test_it_behaves_as_a_set(digests):
    packed, plain = DigestSet(), set()
    for digest in digests:
        assert packed.add(digest) == (digest not in plain)
        plain.add(digest)
        assert digest in packed
    assert len(packed) == len(plain)


def test_iterating_gives_back_each_digest_once():
    digests = {digest16(str(number)) for number in range(1000)} | {bytes(16), b"\xff" * 16}
    packed = DigestSet()
    for digest in digests:
        packed.add(digest)
    assert sorted(packed) == sorted(digests)


def test_two_neighbours_in_a_bucket_do_not_make_a_third():
    packed = DigestSet()
    packed.add(bytes(2) + b"A" * 7 + b"B" * 7)
    packed.add(bytes(2) + b"C" * 7 + b"D" * 7)
    across = bytes(2) + b"B" * 7 + b"C" * 7
    assert across not in packed
    assert packed.add(across)
    assert across in packed


def test_a_digest_of_another_length_is_refused_and_is_in_no_set():
    packed = DigestSet()
    with pytest.raises(ValueError, match="16 bytes, not 15"):
        packed.add(bytes(15))
    assert bytes(15) not in packed
    assert b"" not in packed


def test_a_million_digests_take_less_than_26_megabytes():
    packed = DigestSet()
    sample = 50_000
    for number in range(sample):
        packed.add(digest16(str(number)))
    empty = sys.getsizeof(b"")
    pointers = sys.getsizeof(packed._buckets)
    contents = sum(sys.getsizeof(bucket) - empty for bucket in packed._buckets)
    # The allocator rounds each bucket up to a multiple of 16 bytes.
    headers = len(packed._buckets) * (empty + 15)
    assert contents / sample * 1_000_000 + pointers + headers < 26_000_000
