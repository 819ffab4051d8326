"""annotations.jsonl as it is opened and grown."""

from __future__ import annotations

import stat

import pytest

from harness.analysis.labels import read_annotations
from harness.annotate.drawing import Flags
from harness.annotate.store import open_annotations
from harness.annotate.study import open_study
from harness.errors import JournalWriteError, UsageError


@pytest.fixture
def study(make_run):
    return open_study(make_run(3), Flags())


async def test_what_is_recorded_is_in_a_private_file_when_it_returns(study, open_store):
    item = next(iter(study.items))
    async with open_store(study) as store:
        await store.record(item, "Ada", "coder", "labelled", labels={"hallucination": "no"}, seconds=3.5)

        (act,) = read_annotations(study.folder).acts
        assert store.said.acts == (act,)
        assert (act.item_id, act.coder, act.state, act.labels, act.seconds) == (
            item, "Ada", "labelled", {"hallucination": "no"}, 3.5,
        )  # fmt: skip
        assert (act.rubric, act.timestamp, act.origin) == (study.rubric.digest, "2026-11-27T12:00:00+00:00", "annotate")
    assert stat.S_IMODE((study.folder / "annotations.jsonl").stat().st_mode) == 0o600


async def test_a_torn_tail_is_set_aside_and_the_rest_read(study, open_store):
    item = next(iter(study.items))
    async with open_store(study) as store:
        await store.record(item, "Ada", "coder", "skipped")
    path = study.folder / "annotations.jsonl"
    with path.open("ab") as file:
        file.write(b'{"item_id":"' + item.encode())

    file, said, torn = open_annotations(study)
    file.close()

    assert [act.state for act in said.acts] == ["skipped"]
    assert torn.read_bytes() == b'{"item_id":"' + item.encode()
    assert path.read_bytes().endswith(b'"error":null}\n')


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"item_id":"00000000000000000000000000000000","error":null}\n'])
async def test_a_line_that_is_no_annotation_is_named(study, open_store, line):
    async with open_store(study) as store:
        await store.record(next(iter(study.items)), "Ada", "coder", "skipped")
    path = study.folder / "annotations.jsonl"
    path.write_bytes(line + path.read_bytes())

    with pytest.raises(UsageError, match=r"annotations\.jsonl, line 1 is no annotation"):
        open_annotations(study)


async def test_labels_of_items_that_the_folder_does_not_hold_are_refused(study, open_store):
    async with open_store(study) as store:
        await store.record("f" * 32, "Ada", "coder", "skipped")

    with pytest.raises(UsageError, match=r"a label of the item f{32}"):
        open_annotations(study)


async def test_a_file_that_was_taken_away_is_an_error_and_not_a_label(study, open_store):
    async with open_store(study) as store:
        path = study.folder / "annotations.jsonl"
        path.rename(path.with_suffix(".gone"))
        with pytest.raises(JournalWriteError):
            await store.record(next(iter(study.items)), "Ada", "coder", "skipped")
        assert store.said.acts == ()
        path.with_suffix(".gone").rename(path)
