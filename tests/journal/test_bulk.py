from __future__ import annotations

from functools import partial
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.digests import digest16
from harness.errors import JournalCorruptError
from harness.journal import bulk, reader
from harness.journal.bulk import Successes, parts

DIGESTS = [digest16(f"item {n}") for n in range(5)]
FORMS = [
    b'{"item_id":"%b","error":null}\n',
    b'{"item_id":"%b","a":"a line of another length","error":null}\n',
    b'{"item_id":"%b","a":"\\u0000 and {\\"item_id\\":","error":null}\n',
    b'{"item_id":"%b","error_detail":{},"error":"\\"error\\":null}"}\n',
    b'{"item_id":"%b","hollow":"","error":null}\n'.replace(b'""', b'"'),
    b'{"item_id": "%b",\t"error": null}\n',
    b'{"item_id":"%b","error":null}\r\n',
    b'{"item_id":"%b00","error":null}\n',
    b'{"item_id":"%b","a":"\0\0","error":null}\n',
]
OTHERS = [
    b"\n",
    b"\0\0\n",
    b"garbage\n",
    b'{"item_id":","error":null}\n',
    b'{"item_id":"0123","error":null}\n',
    b'{"item_id":"zz000000000000000000000000000000","error":null}\n',
    b'{"item_id":"","error":null}\n',
]

good_lines = st.builds(
    lambda form, digest: form % digest.hex().encode(), st.sampled_from(FORMS[:3]), st.sampled_from(DIGESTS)
)
any_lines = st.builds(
    lambda form, digest: form % digest.hex().encode(), st.sampled_from(FORMS), st.sampled_from(DIGESTS)
)
lines = st.lists(good_lines | good_lines | good_lines | any_lines | st.sampled_from(OTHERS), max_size=12)
tails = st.sampled_from([b"", b"", b"{", b"\0\0\0", FORMS[0][:-1] % DIGESTS[0].hex().encode(), b"\0\n\0\n"])
blocks = st.sampled_from([1, 2, 15, 59, 61, 64, 100, 128, 200, 1000, 1 << 16])


def taken_apart(data: bytes, block: int) -> tuple[list[bytes], int]:
    """What of a file came line by line, and how many bytes came in runs."""
    found = list(parts(BytesIO(data), block))
    return [part for part in found if isinstance(part, bytes)], sum(
        part.size for part in found if isinstance(part, Successes)
    )


def scanned(path, long: int, block: int):
    """Everything a scan finds, or the line of the corruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_LONG", long)
        patch.setattr(bulk, "parts", partial(parts, block=block))
        try:
            found, failed_again = reader._scan(path)
        except JournalCorruptError as error:
            return str(error)
    plain = {name: getattr(found, name) for name in ("records", "successes", "failures", "duplicates", "end", "torn")}
    return plain, sorted(found.done), sorted(found.failed), failed_again


@given(lines, tails, blocks)
@settings(max_examples=300, deadline=None)
def test_a_long_journal_is_read_as_a_short_one_is(tmp_path_factory, lines, tail, block):
    path = tmp_path_factory.getbasetemp() / "long.jsonl"
    path.write_bytes(b"".join(lines) + tail)
    assert scanned(path, long=0, block=block) == scanned(path, long=1 << 40, block=block)


@given(lines, tails, blocks)
@settings(max_examples=100, deadline=None)
def test_no_byte_is_left_out(lines, tail, block):
    data = b"".join(lines) + tail
    others, size = taken_apart(data, block)
    assert sum(map(len, others)) + size == len(data)


def test_successes_come_in_runs_and_everything_else_as_it_stands():
    success, failure = (form % DIGESTS[1].hex().encode() for form in (FORMS[0], FORMS[3]))
    found = list(parts(BytesIO(success * 3 + failure + success + b"torn")))
    assert found == [
        Successes(DIGESTS[1] * 3, 3, 3 * len(success)),
        failure,
        Successes(DIGESTS[1], 1, len(success)),
        b"torn",
    ]


def test_a_line_longer_than_a_block_is_waited_for():
    line = b'{"item_id":"%b","a":"%b","error":null}\n' % (DIGESTS[0].hex().encode(), b"x" * 5000)
    assert list(parts(BytesIO(line * 2), block=64)) == [Successes(DIGESTS[0], 1, len(line))] * 2


def test_an_empty_file_has_no_parts():
    assert list(parts(BytesIO(b""))) == []
