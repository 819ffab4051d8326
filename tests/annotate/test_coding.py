"""What a coder can do."""

from __future__ import annotations

import asyncio

import pytest

from harness.analysis.labels import read_annotations
from harness.annotate.assignment import Assignment
from harness.annotate.coding import CodingDesk
from harness.annotate.drawing import Flags
from harness.annotate.refused import Refused
from harness.annotate.study import open_study

NO = {"hallucination": "no", "abstained": "no"}
YES = {"hallucination": "yes", "abstained": "no", "types": ["existence", "other"], "severity": "minor", "notes": "x"}


@pytest.fixture
def study(make_run):
    return open_study(make_run(12), Flags(sample=8, overlap=0.5, train=2))


def _id(told: dict) -> str:
    return told["item"]["id"]


async def _label_all(desk: CodingDesk, coder: str) -> list[str]:
    told, seen = desk.state(coder), []
    while told["item"]:
        seen.append(_id(told))
        told = await desk.save(coder, seen[-1], NO, 1.0)
    return seen


async def test_training_comes_first_and_is_counted_apart(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        kinds = []
        while told["item"]:
            kinds.append(told["item"]["training"])
            told = await desk.save("Ada", _id(told), NO, 1.0)

    assert kinds == [True] * 2 + [False] * 8
    assert told["progress"] == {"done": 8, "of": 8, "training_done": 2, "training_of": 2, "skipped": 0}


async def test_two_coders_share_what_is_shared_each_in_an_order_of_their_own(make_run, open_store):
    study = open_study(make_run(30), Flags(sample=20, overlap=0.5, train=2))
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)
        await desk.begin("Bea", is_new=True)
        ada, bea = await asyncio.gather(_label_all(desk, "Ada"), _label_all(desk, "Bea"))
        coded = read_annotations(study.folder).coded()

    drawn = study.assignment.drawn
    both = set(ada) & set(bea)
    assert both == {study.assignment.opaque(item) for item in (*drawn.shared, *drawn.training)}
    assert len(ada) == len(bea) == 2 + 10 + 5
    assert [one for one in ada if one in both] != [one for one in bea if one in both]
    assert sum(len(by_coder) for by_coder in coded.values()) == 34
    assert set(coded) == set(study.assignment.items)


async def test_a_new_name_beside_others_is_asked_about(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)

        assert await desk.begin("Adaa", is_new=False) == {"unknown": "Adaa", "coders": ["Ada"]}
        assert study.assignment.coders == ("Ada",)
        assert (await desk.begin("Adaa", is_new=True))["coder"] == "Adaa"


async def test_names_that_differ_in_case_are_joined_with_a_notice(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)
        told = await desk.begin(" ADA ", is_new=True)

    assert told["coder"] == "Ada"
    assert told["notice"] == "ADA is known here as Ada; going on under that name."
    assert study.assignment.coders == ("Ada",)


async def test_coders_and_shares_are_there_after_a_restart(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)
        told = await desk.begin("Bea", is_new=True)
        next_one = await desk.save("Bea", _id(told), NO, 1.0)
    again = open_study(study.folder, Flags())
    async with open_store(again) as store:
        assert CodingDesk(again, store).state("Bea") == next_one
    assert again.assignment == Assignment.read(study.folder)


async def test_a_late_coder_gets_a_fair_share_of_what_nobody_has_touched_or_sees(make_run, open_store):
    study = open_study(make_run(9), Flags(overlap=0))
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        touched = [_id(told)]
        told = await desk.save("Ada", touched[-1], NO, 1.0)
        touched.append(_id(told))
        told = await desk.skip("Ada", touched[-1], 1.0)
        touched.append(_id(told))
        shares = []
        for name in ("Bea", "Cyd", "Dan", "Eve"):
            await desk.begin(name, is_new=True)
            ada = study.assignment.sample_of("Ada")
            shares.append(len(ada))
            assert {study.assignment.opaque(item) for item in ada} >= set(touched)

        assert shares == [5, 3, 3, 3]
        assert (await desk.save("Ada", touched[-1], NO, 1.0))["progress"]["done"] == 2


async def test_what_was_skipped_comes_back_at_the_end_the_longest_ago_first(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        skipped = [_id(told)]
        told = await desk.skip("Ada", skipped[0], 1.0)
        skipped.append(_id(told))
        told = await desk.skip("Ada", skipped[1], 1.0)
        assert told["progress"]["skipped"] == 2
        seen = await _label_all(desk, "Ada")

    assert seen[-2:] == skipped
    assert len(seen) == 10


async def test_undo_takes_the_last_act_back_and_shows_its_item_with_its_values(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        first = _id(await desk.begin("Ada", is_new=False))
        second = _id(await desk.save("Ada", first, YES, 1.0))
        await desk.skip("Ada", second, 1.0)

        again = await desk.undo("Ada")
        assert (_id(again), again["item"]["values"]) == (second, {})
        again = await desk.undo("Ada")
        assert (_id(again), again["item"]["values"]) == (first, YES)
        assert desk.state("Ada")["item"]["values"] == YES
        assert read_annotations(study.folder).coded() == {}
        with pytest.raises(Refused, match="nothing to take back"):
            await desk.undo("Ada")


async def test_undo_is_each_coders_own(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        await desk.save("Ada", _id(told), NO, 1.0)
        await desk.begin("Bea", is_new=True)

        with pytest.raises(Refused, match="nothing to take back"):
            await desk.undo("Bea")


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"hallucination": "no"}, "abstained is missing"),
        (NO | {"hallucination": "perhaps"}, "hallucination must be one of yes, no"),
        (NO | {"severity": "minor"}, "there is no field severity here"),
        (NO | {"invented": "x"}, "there is no field invented here"),
        (YES | {"types": "existence"}, "types must be a list of"),
        (YES | {"types": ["existence", "existence"]}, "types must be a list of"),
        (YES | {"types": [{}]}, "no texts"),
        (NO | {"notes": 3}, "no texts"),
        (NO | {"notes": "x" * 20_001}, "longer than 20000 characters"),
        (None, "labels are missing"),
        ([], "labels are missing"),
    ],
)
async def test_labels_that_the_rubric_does_not_allow_are_refused(study, open_store, labels, problem):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        with pytest.raises(Refused, match=problem) as refused:
            await desk.save("Ada", _id(told), labels, 1.0)

        assert refused.value.status == 422
        assert store.said.acts == ()


async def test_empty_values_are_left_out(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        await desk.save("Ada", _id(told), {"notes": "", "types": [], "severity": None} | NO, 1.0)

        assert store.said.acts[0].labels == NO


@pytest.mark.parametrize(
    ("given", "kept"), [(3.25, 3.2), (0, 0.0), (-1, None), (1e9, None), (float("nan"), None), ("3", None), (True, None)]
)
async def test_seconds_that_make_no_sense_are_left_out(study, open_store, given, kept):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=False)
        await desk.save("Ada", _id(told), NO, given)

        assert store.said.acts[0].seconds == kept


async def test_an_item_of_another_coder_is_refused(make_run, open_store):
    study = open_study(make_run(6), Flags(overlap=0))
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)
        await desk.begin("Bea", is_new=True)
        others = next(item for item in study.assignment.sample_of("Bea"))

        for name in (study.assignment.opaque(others), others, None):
            with pytest.raises(Refused, match="not yours to label"):
                await desk.save("Ada", name, NO, 1.0)


async def test_nobody_labels_without_a_name(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        for name in ("Ada", None, 3):
            with pytest.raises(Refused, match="Give your name first"):
                desk.state(name)


async def test_whoever_has_adjudicated_cannot_code(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        await desk.begin("Ada", is_new=False)
        await store.record(study.assignment.items[0], "ADA", "adjudicator", "labelled", labels=NO)

        with pytest.raises(Refused, match="adjudicates here"):
            await desk.begin("ada", is_new=True)
        with pytest.raises(Refused, match="adjudicates here"):
            desk.state("Ada")


async def test_a_skip_from_an_old_window_erases_no_label(study, open_store):
    async with open_store(study) as store:
        desk = CodingDesk(study, store)
        told = await desk.begin("Ada", is_new=True)
        await desk.save("Ada", told["item"]["id"], NO, 1.0)
        with pytest.raises(Refused, match="in another window"):
            await desk.skip("Ada", told["item"]["id"], 1.0)


async def test_a_name_that_came_by_import_is_the_same_person(study, open_store):
    async with open_store(study) as store:
        await store.record(study.assignment.items[0], "ada", "coder", "labelled", labels=NO)
        told = await CodingDesk(study, store).begin("Ada", is_new=False)
        assert told["coder"] == "ada"
        assert study.assignment.coders == ("ada",)
