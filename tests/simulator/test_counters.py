from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.counters import ABANDONED, NOTHING_SENT, VisitorBook

# (status, broken), or None for a request that is not over.
ENDS = [(200, False), (200, True), (NOTHING_SENT, True), (400, False), (429, False), (ABANDONED, False), None]


@given(st.lists(st.sampled_from(ENDS)))
def test_every_request_is_counted_in_exactly_one_place(ends):
    book = VisitorBook()
    visits = [book.arrive(0.0, "openai", str(number)) for number in range(len(ends))]
    for visit, end in zip(visits, ends, strict=True):
        if end is not None:
            book.leave(visit, end[0], 0.0, broken=end[1])
    counts = book.counts()
    assert counts.answered == ends.count((200, False))
    assert counts.broken == ends.count((200, True)) + ends.count((NOTHING_SENT, True))
    assert counts.rejected == ends.count((400, False))
    assert counts.rate_limited == ends.count((429, False))
    assert counts.abandoned == ends.count((ABANDONED, False))
    assert counts.in_flight == ends.count(None)
    assert counts.requests == counts.max_in_flight == len(ends)


def test_the_log_lists_arrivals_in_order_whatever_their_end():
    book = VisitorBook()
    first, second = book.arrive(1.0, "claude", "a"), book.arrive(2.0, "gemini", "b")
    book.understood(second, "m", input_tokens=7)
    book.wrote(second, output_tokens=3)
    book.leave(second, 200, 2.5)
    unknown = dict.fromkeys(("model", "input_tokens", "output_tokens", "fault", "status", "t_end"))
    assert book.log() == [
        unknown | {"t": 1.0, "format": "claude", "key": "a"},
        {
            "t": 2.0,
            "t_end": 2.5,
            "model": "m",
            "format": "gemini",
            "key": "b",
            "status": 200,
            "fault": None,
            "input_tokens": 7,
            "output_tokens": 3,
        },
    ]
    book.leave(first, 400, 4.0)
    assert (book.log()[0]["status"], book.log()[0]["t_end"]) == (400, 4.0)


def test_faults_and_tokens_are_summed():
    book = VisitorBook()
    for kind in ("reset", "reset", "cut"):
        visit = book.arrive(0.0, "openai", "a")
        book.understood(visit, "m", input_tokens=5)
        book.faulted(visit, kind)
    book.wrote(visit, output_tokens=2)
    counts = book.counts()
    assert (counts.by_fault, counts.input_tokens, counts.output_tokens) == ({"reset": 2, "cut": 1}, 15, 2)
    assert [entry["fault"] for entry in book.log()] == ["reset", "reset", "cut"]


def test_the_log_keeps_the_last_100_000():
    book = VisitorBook()
    for number in range(100_001):
        book.leave(book.arrive(number, "openai", "a"), 200, number)
    log = book.log()
    assert (len(log), log[0]["t"], book.counts().by_item) == (100_000, 1, {"a": 100_001})


def test_reset_keeps_only_what_is_in_flight():
    book = VisitorBook()
    book.leave(book.arrive(1.0, "openai", "a"), 200, 1.0)
    pending = book.arrive(2.0, "openai", "b")
    book.reset()
    assert (book.counts().requests, book.counts().in_flight, book.log()) == (1, 1, [])
    book.leave(pending, 200, 3.0)
    assert (book.counts().answered, book.counts().in_flight) == (1, 0)
