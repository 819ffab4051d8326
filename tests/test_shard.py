"""Shards of one command share no item and miss none, and together have what one run has of a cap."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.asked import chosen_of
from harness.config import RunConfig, expand
from harness.digests import DigestSet, digest16
from harness.errors import UsageError
from harness.plan import requests_for
from harness.prompts import Columns, FieldNames, open_prompts
from harness.remaining import items_of
from harness.shard import WHOLE, Shard, folder_suffix_of

ROWS = [{"id": f"p{index}", "prompt": f"Is claim {index} true?", "category": f"c{index % 3}"} for index in range(40)]
MODELS = [
    {"name": "gpt", "type": "openai", "temperature": [0.0, 0.7], "repeats": 2},
    {"name": "demo", "type": "local", "model_path": "demo"},
]


def _plan(shard: Shard, file, **config) -> list[str]:
    """The ids of the items that a run of `config` over `shard` sends, in its order."""
    made = RunConfig.model_validate({"models": MODELS, **config})
    prompts, survey = chosen_of(made, open_prompts(file, Columns(FieldNames(), None)))
    lanes, skip = expand(made), shard.leaving_out(DigestSet())
    sent = [[request.item_id for request in requests_for(lane.variant, lane.seed, prompts, skip)] for lane in lanes]
    assert [len(items) for items in sent] == list(items_of(lanes, prompts, survey.count, shard).values())
    return [item for items in sent for item in items]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    path.write_text(
        "".join(
            f'{{"id": "{row["id"]}", "prompt": "{row["prompt"]}", "category": "{row["category"]}"}}\n' for row in ROWS
        )
    )
    return path


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 12),
    asked=st.sampled_from([{}, {"num_prompts": 7}, {"sample": 13}]),
    order=st.sampled_from(["file", "shuffled"]),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 3),
)
def test_the_shards_of_any_plan_are_disjoint_and_together_all_of_it(file, count, asked, order, repeats, seed):
    config = {**asked, "order": order, "repeats": repeats, "seed": seed}
    parts = [_plan(Shard(index, count), file, **config) for index in range(1, count + 1)]

    items = [item for part in parts for item in part]
    assert len(items) == len(set(items))
    assert set(items) == set(_plan(WHOLE, file, **config))


def test_an_item_stays_in_its_shard_whatever_else_is_asked(file):
    shard = Shard(2, 3)
    all_of_it = _plan(shard, file)

    assert 0 < len(all_of_it) < 200
    assert set(_plan(shard, file, num_prompts=9)) < set(all_of_it)
    assert set(_plan(shard, file, sample=9)) < set(all_of_it)
    assert set(_plan(shard, file, models=MODELS[:1])) < set(all_of_it)
    shuffled = _plan(shard, file, order="shuffled")
    assert shuffled != all_of_it
    assert sorted(shuffled) == sorted(all_of_it)


def test_an_item_is_in_the_shard_that_it_always_was_in():
    item = bytes.fromhex("5cd1c36a8a8edbef53abfc1b573fec10")

    assert [next(index for index in range(1, n + 1) if item in Shard(index, n)) for n in (1, 2, 3, 8, 100)] == [
        1, 2, 3, 8, 36,
    ]  # fmt: skip


def test_shards_are_about_equally_large():
    items = [digest16(str(number)) for number in range(8000)]

    sizes = [sum(item in Shard(index, 8) for item in items) for index in range(1, 9)]
    assert sum(sizes) == 8000
    assert all(900 < size < 1100 for size in sizes)


def test_what_is_done_and_what_is_in_another_shard_is_left_out():
    inside, done, outside = (
        next(digest for number in range(1000) if (digest := digest16(text, str(number))) in shard)
        for text, shard in (("a", Shard(1, 3)), ("b", Shard(1, 3)), ("c", Shard(2, 3)))
    )

    left_out = Shard(1, 3).leaving_out({done})

    assert [item in left_out for item in (inside, done, outside)] == [False, True, True]
    assert [item in WHOLE.leaving_out({done}) for item in (inside, done, outside)] == [False, True, False]


@given(amount=st.integers(1, 5000), count=st.integers(1, 200))
def test_the_parts_of_a_cap_are_the_cap_or_one_for_each_shard(amount, count):
    parts = [Shard(index, count).part(amount) for index in range(1, count + 1)]

    assert sum(parts) == max(amount, count)
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(("text", "index", "count"), [("1/3", 1, 3), (" 8 / 8 ", 8, 8), ("07/10", 7, 10)])
def test_a_shard_is_written_with_a_slash(text, index, count):
    assert Shard.parse(text) == Shard(index, count)
    assert str(Shard.parse(text)) == f"{index}/{count}"


def test_one_of_one_is_the_whole_plan():
    assert Shard.parse("1/1") == WHOLE
    assert (WHOLE.is_whole, WHOLE.folder_suffix, WHOLE.part(8), WHOLE.share(7.5)) == (True, "", 8, 7.5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0/3", "no such shard; they are 1/3 to 3/3. Of a job array: --array=1-3."),
        ("4/3", "no such shard; they are 1/3 to 3/3."),
        ("1/0", "from 1 to 10000 shards"),
        ("1/10001", "from 1 to 10000 shards"),
        ("/8", "the number before the slash is missing; the shards are 1/8 to 8/8"),
        ("x/3", "write which of how many, as 1/3"),
        ("1-3", "write which of how many, as 1/3"),
        ("-1/3", "write which of how many, as 1/3"),
        ("1/3/4", "write which of how many, as 1/3"),
        ("٣/٣", "write which of how many, as 1/3"),
        ("3", "write which of how many, as 1/3"),
        ("", "write which of how many, as 1/3"),
    ],
)
def test_what_is_no_shard_is_refused_with_how_to_write_one(text, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)) as refused:
        Shard.parse(text)
    assert f"--shard {text}" in str(refused.value)


def test_a_folders_name_says_which_shard_is_in_it():
    assert folder_suffix_of(f"run{Shard(2, 3).folder_suffix}") == "-shard-2-of-3"
    assert folder_suffix_of("run-shard-2-of-3-2") == ""
    assert folder_suffix_of("my-shard-of-3") == ""
