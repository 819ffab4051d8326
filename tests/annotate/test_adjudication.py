"""What an adjudicator can do."""

from __future__ import annotations

import pytest

from harness.analysis.labels import read_annotations
from harness.annotate.adjudication import AdjudicationDesk
from harness.annotate.assignment import Assignment
from harness.annotate.coding import CodingDesk
from harness.annotate.drawing import Flags
from harness.annotate.refused import Refused
from harness.annotate.study import open_study

NO = {"hallucination": "no", "abstained": "no"}
YES = {"hallucination": "yes", "abstained": "no", "types": ["existence"], "notes": "looked \u202eup"}


@pytest.fixture
def study(make_run):
    return open_study(make_run(8), Flags(overlap=1.0, train=1))


async def _code(study, store, *, differing: int) -> list[str]:
    """Two coders who label everything, and differ on so many of the sample and on all of the training."""
    items = study.assignment.drawn.shared
    for item in study.assignment.items:
        await store.record(item, "Bea", "coder", "labelled", labels=NO)
        differs = item in items[:differing] or item in study.assignment.drawn.training
        await store.record(item, "Ada", "coder", "labelled", labels=YES if differs else NO)
    return list(items[:differing])


async def test_differences_are_listed_with_both_coders_labels_and_the_list_shrinks(study, open_store):
    async with open_store(study) as store:
        differing = await _code(study, store, differing=3)
        desk = AdjudicationDesk(study, store)
        told = await desk.begin("Cyd")

        opaque = sorted(study.assignment.opaque(item) for item in differing)
        assert [one["id"] for one in told["open"]] == opaque
        assert told["open"][0]["differ"] == ["hallucination", "types"]
        assert told["item"]["id"] == opaque[0]
        assert told["item"]["coders"] == [
            {"name": "Ada", "labels": YES | {"notes": "looked \\u202eup"}},
            {"name": "Bea", "labels": NO},
        ]
        assert told["item"]["values"] == {"abstained": "no"}
        left = [len((await desk.save("Cyd", one, NO, 2.0))["open"]) for one in opaque]

    assert left == [2, 1, 0]
    assert read_annotations(study.folder).adjudicated() == dict.fromkeys(differing, NO)
    assert desk.state("Cyd")["progress"] == {"done": 3, "of": 3}
    assert desk.state("Cyd")["item"] is None


async def test_training_is_not_adjudicated(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=0)
        desk = AdjudicationDesk(study, store)

        assert (await desk.begin("Cyd"))["progress"] == {"done": 0, "of": 0}
        with pytest.raises(Refused, match="Nobody differs on this answer"):
            await desk.save("Cyd", study.assignment.opaque(study.assignment.drawn.training[0]), NO, 1.0)


async def test_a_coder_may_not_adjudicate(study, open_store):
    async with open_store(study) as store:
        (item,) = await _code(study, store, differing=1)
        desk = AdjudicationDesk(study, store)

        with pytest.raises(Refused, match="Ada codes here") as refused:
            await desk.begin("ada")
        assert refused.value.status == 403
        with pytest.raises(Refused, match="Ada codes here"):
            desk.state("Ada")
        with pytest.raises(Refused, match="Ada codes here"):
            await desk.save("Ada", study.assignment.opaque(item), NO, 1.0)
        with pytest.raises(Refused, match="Ada codes here"):
            await desk.undo("Ada")
        assert store.said.adjudicated() == {}


async def test_an_adjudicator_whose_name_differs_in_case_is_the_same(study, open_store):
    async with open_store(study) as store:
        first, _ = await _code(study, store, differing=2)
        desk = AdjudicationDesk(study, store)
        await desk.begin("Cyd")
        await desk.save("Cyd", study.assignment.opaque(first), NO, 1.0)

        assert (await desk.begin("CYD"))["coder"] == "Cyd"


async def test_undo_takes_the_last_decision_back_and_shows_it(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=2)
        desk = AdjudicationDesk(study, store)
        first = (await desk.begin("Cyd"))["item"]["id"]
        second = (await desk.save("Cyd", first, NO, 1.0))["item"]["id"]
        await desk.save("Cyd", second, YES, 1.0)

        told = await desk.undo("Cyd")
        assert (told["item"]["id"], told["item"]["values"]) == (second, YES)
        assert [one["id"] for one in told["open"]] == [second]
        assert (await desk.undo("Cyd"))["item"]["id"] == first
        assert store.said.adjudicated() == {}
        with pytest.raises(Refused, match="nothing to take back"):
            await desk.undo("Cyd")


async def test_any_undecided_item_can_be_looked_at(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=3)
        desk = AdjudicationDesk(study, store)
        last = (await desk.begin("Cyd"))["open"][-1]["id"]

        assert desk.state("Cyd", last)["item"]["id"] == last
        assert desk.state("Cyd", "unknown")["item"]["id"] == desk.state("Cyd")["item"]["id"]


async def test_a_decision_must_be_whole(study, open_store):
    async with open_store(study) as store:
        (item,) = await _code(study, store, differing=1)
        desk = AdjudicationDesk(study, store)
        await desk.begin("Cyd")

        with pytest.raises(Refused, match="abstained is missing"):
            await desk.save("Cyd", study.assignment.opaque(item), {"hallucination": "no"}, 1.0)
        with pytest.raises(Refused, match="Nobody differs"):
            await desk.save("Cyd", item, NO, 1.0)
        assert store.said.adjudicated() == {}


async def test_whoever_came_and_labelled_nothing_yet_may_not_see_others_labels(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=1)
        await CodingDesk(study, store).begin("Cyd", is_new=True)
        with pytest.raises(Refused, match="Cyd codes here"):
            await AdjudicationDesk(study, store).begin("cyd")


async def test_whoever_has_seen_others_labels_codes_nothing_even_after_a_restart(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=1)
        await AdjudicationDesk(study, store).begin("Cyd")
        with pytest.raises(Refused, match="adjudicates here"):
            await CodingDesk(study, store).begin("cyd", is_new=True)
    assert Assignment.read(study.folder).adjudicators == ("Cyd",)


async def test_nobody_sees_labels_without_a_name(study, open_store):
    async with open_store(study) as store:
        await _code(study, store, differing=1)
        with pytest.raises(Refused, match="Give your name first"):
            AdjudicationDesk(study, store).state("Cyd")
