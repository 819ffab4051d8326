from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.drift import DriftWatch
from harness.record import Record
from harness.schema import Completion, Failure, FinishReason, Usage


@pytest.fixture
def answered(make_requests):
    (request,) = make_requests(1)

    def make(version: str | None, fingerprint: str | None = None) -> Record:
        runtime = {"system_fingerprint": fingerprint}
        done = Completion("x", FinishReason.STOP, Usage(1, 1, 2), version, {}, runtime=runtime)
        return Record("run", request, done, None, datetime.now(UTC), 1.0, 0.0, 0)

    return make


def test_the_first_answer_is_no_drift(answered):
    assert DriftWatch({}).changes(answered("v1", "f1")) == {}


def test_another_served_version_is_told_with_the_one_before(answered):
    watch = DriftWatch({})
    watch.changes(answered("v1"))
    assert watch.changes(answered("v2")) == {"model_version": ("v1", "v2")}


def test_another_chat_template_is_told_by_its_hash(make_requests):
    (request,) = make_requests(1)
    watch = DriftWatch({})
    told = []
    for digest in ("aa", "bb"):
        done = Completion("x", FinishReason.STOP, Usage(1, 1, 2), "v1", {}, template={"hash": digest})
        told.append(watch.changes(Record("run", request, done, None, datetime.now(UTC), 1.0, 0.0, 0)))
    assert told == [{}, {"chat_template_hash": ("aa", "bb")}]


def test_two_values_that_alternate_are_told_once(answered):
    watch = DriftWatch({})
    told = [watch.changes(answered("v1", fingerprint)) for fingerprint in ("f1", "f2", "f1", "f2")]
    assert told == [{}, {"system_fingerprint": ("f1", "f2")}, {}, {}]


def test_a_resumed_run_knows_what_the_earlier_one_saw(answered):
    first = DriftWatch({})
    first.changes(answered("v1"))
    assert DriftWatch(first.seen).changes(answered("v2")) == {"model_version": ("v1", "v2")}


def test_an_answer_that_does_not_say_and_a_failure_are_no_drift(answered):
    watch = DriftWatch({})
    watch.changes(answered("v1"))
    assert watch.changes(answered(None)) == {}
    request = answered("v1").request
    failed = Record("run", request, None, Failure("X", "x", None, False, 1), datetime.now(UTC), 1.0, 0.0, 0)
    assert watch.changes(failed) == {}


def test_what_another_run_was_served_is_no_drift_but_what_differs_from_it_is(answered):
    watch = DriftWatch({})
    for version in ("v1", "v2"):
        watch.knows("model@0.0", {"model_version": version, "runtime": None, "template": {"hash": "aa"}})
    assert watch.changes(answered("v1")) == {}
    assert watch.changes(answered("v3")) == {"model_version": ("v2", "v3")}
    assert watch.seen["model@0.0"]["chat_template_hash"] == ["aa"]
