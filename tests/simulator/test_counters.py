from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.counters import ABANDONED, VisitorBook


@given(st.lists(st.sampled_from([200, 400, 429, ABANDONED, None])))
def test_every_request_is_counted_in_exactly_one_place(statuses):
    book = VisitorBook()
    visits = [book.arrive(0.0, "openai", str(number)) for number in range(len(statuses))]
    for visit, status in zip(visits, statuses, strict=True):
        if status is not None:
            book.leave(visit, status)
    counts = book.counts()
    assert counts.answered == statuses.count(200)
    assert counts.rejected == statuses.count(400)
    assert counts.rate_limited == statuses.count(429)
    assert counts.abandoned == statuses.count(ABANDONED)
    assert counts.in_flight == statuses.count(None)
    assert counts.requests == counts.max_in_flight == len(statuses)


def test_the_log_lists_arrivals_in_order_whatever_their_end():
    book = VisitorBook()
    first, second = book.arrive(1.0, "claude", "a"), book.arrive(2.0, "gemini", "b")
    book.understood(second, "m")
    book.leave(second, 200)
    assert book.log() == [
        {"t": 1.0, "model": None, "format": "claude", "key": "a", "status": None},
        {"t": 2.0, "model": "m", "format": "gemini", "key": "b", "status": 200},
    ]
    book.leave(first, 400)
    assert book.log()[0]["status"] == 400


def test_the_log_keeps_the_last_100_000():
    book = VisitorBook()
    for number in range(100_001):
        book.leave(book.arrive(number, "openai", "a"), 200)
    log = book.log()
    assert (len(log), log[0]["t"], book.counts().by_item) == (100_000, 1, {"a": 100_001})


def test_reset_keeps_only_what_is_in_flight():
    book = VisitorBook()
    book.leave(book.arrive(1.0, "openai", "a"), 200)
    pending = book.arrive(2.0, "openai", "b")
    book.reset()
    assert (book.counts().requests, book.counts().in_flight, book.log()) == (1, 1, [])
    book.leave(pending, 200)
    assert (book.counts().answered, book.counts().in_flight) == (1, 0)
