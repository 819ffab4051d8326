from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.digests import DigestMap, DigestSet, digest16

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


@pytest.fixture(params=["one by one", "all at once"])
def packed_set(request, monkeypatch):
    """`DigestSet.of`, as for few and as for many."""
    monkeypatch.setattr("harness.digests._MANY", 1 if request.param == "all at once" else 1 << 30)
    return lambda digests: DigestSet.of(b"".join(digests))


@pytest.mark.parametrize("repeated", [1, 3])
def test_a_set_of_packed_digests_holds_each_once(packed_set, repeated):
    digests = [digest16(str(number)) for number in range(1000)] + [bytes(16), b"\xff" * 16]
    made = packed_set(digests * repeated)
    assert len(made) == len(digests)
    assert sorted(made) == sorted(digests)
    assert all(digest in made for digest in digests)
    assert digest16("another") not in made


def test_packed_digests_that_share_a_half_are_told_apart(packed_set):
    halves = [bytes(8), b"\0" * 7 + b"\1", b"\xff" * 8]
    digests = [first + second for first in halves for second in halves]
    assert sorted(packed_set([*digests, *digests[::-1]])) == sorted(digests)


def test_a_set_of_packed_digests_can_grow(packed_set):
    made = packed_set([digest16("a"), digest16("b")])
    assert not made.add(digest16("a"))
    assert made.add(digest16("c"))
    assert len(made) == 3


def test_no_digests_make_an_empty_set(packed_set):
    assert len(packed_set([])) == 0


def test_half_a_digest_is_refused(packed_set):
    with pytest.raises(ValueError, match="no whole number of digests"):
        packed_set([bytes(24)])


@given(st.lists(st.tuples(close_digests, st.integers(0, 2**48 - 1)), max_size=20))
@settings(max_examples=50)
def test_a_map_keeps_the_first_number_of_each_digest(pairs):
    packed, plain = DigestMap(), {}
    for digest, number in pairs:
        assert packed.add(digest, number) == (digest not in plain)
        plain.setdefault(digest, number)
    assert {digest: packed.get(digest) for digest in plain} == plain
    assert len(packed) == len(plain)


def test_a_map_tells_no_number_of_a_digest_that_it_lacks():
    packed = DigestMap()
    packed.add(bytes(2) + b"A" * 14, 0x4141_4141_4141)
    # The number and the digest before it make neither this one nor one that is not whole.
    assert packed.get(bytes(2) + b"A" * 13 + b"B") is None
    assert packed.get(b"A" * 15) is None
    assert packed.get(bytes(2) + b"A" * 14) == 0x4141_4141_4141


def test_a_map_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="16 bytes"):
        DigestMap().add(b"short", 1)
    with pytest.raises(OverflowError):
        DigestMap().add(bytes(16), 2**48)


def test_a_union_holds_both_and_leaves_them_as_they_were():
    ones = [digest16(str(number)) for number in range(10)]
    first, second = DigestSet.of(b"".join(ones[:6])), DigestSet.of(b"".join(ones[4:]))
    both = first.union(second)
    assert (sorted(both), len(both)) == (sorted(ones), 10)
    assert (len(first), ones[9] in first) == (6, False)
