from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PromptFileError
from harness.prompts import Choice, choose, open_prompts, selection
from harness.prompts.selection import seats

STRATA = {("a", False): 50, ("a", True): 29, ("b", False): 50, ("b", True): 27, (None, None): 7}


def rows_of(strata):
    return [
        {"id": f"{category}-{probe}-{number}", "prompt": f"Ask {number}?", "category": category, "is_synthetic_probe": probe}
        for (category, probe), size in strata.items()
        for number in range(size)
    ]  # fmt: skip


@pytest.fixture
def source(prompt_file):
    return open_prompts(prompt_file("p.json", json.dumps(rows_of(STRATA))))


def ids(source, **choice):
    return [prompt.id for prompt in choose(source, Choice(**choice))[0]]


def test_a_sample_has_every_stratum_in_its_proportion(source):
    chosen, found = choose(source, Choice(sample=41))
    assert found.count == 41 == len(list(chosen))
    assert all(abs(found.strata[stratum] - size * 41 / 163) < 1 for stratum, size in STRATA.items())


def test_the_same_seed_draws_the_same_and_another_does_not(source):
    assert ids(source, sample=40, seed=1) == ids(source, sample=40, seed=1)
    assert ids(source, sample=40, seed=1) != ids(source, sample=40, seed=2)


def test_a_sample_keeps_the_order_of_the_file(source):
    everything = [prompt.id for prompt in source]
    drawn = ids(source, sample=40)
    assert drawn == [identity for identity in everything if identity in set(drawn)]


@pytest.mark.parametrize("smaller", [1, 4, 5, 10, 40, 100, 162])
def test_a_larger_sample_holds_the_smaller_one(source, smaller):
    assert set(ids(source, sample=smaller)) < set(ids(source, sample=smaller + 1))


def test_a_row_more_exchanges_at_most_a_few(prompt_file, source):
    before = set(ids(source, sample=40))
    longer = [{"id": "new", "prompt": "And?", "category": "a", "is_synthetic_probe": False}, *rows_of(STRATA)]
    after = set(ids(open_prompts(prompt_file("q.json", json.dumps(longer))), sample=40))
    assert len(before - after) <= 2


def test_a_sample_larger_than_the_file_is_the_file(source):
    assert ids(source, sample=1000) == [prompt.id for prompt in source]


def test_a_sample_is_drawn_from_rows_that_were_all_read(prompt_file):
    path = prompt_file("p.jsonl", '"one"\n"two"\n"three"\n"one"\n')
    with pytest.raises(PromptFileError, match="says the same"):
        choose(open_prompts(path), Choice(sample=1))


def test_shuffling_changes_the_order_and_nothing_else(source):
    plain = [prompt.id for prompt in source]
    shuffled = ids(source, shuffled=True, seed=3)
    assert sorted(shuffled) == sorted(plain)
    assert shuffled != plain
    assert shuffled == ids(source, shuffled=True, seed=3) != ids(source, shuffled=True, seed=4)


def test_shuffling_mixes_what_stood_together(source):
    first = Counter(identity.split("-")[0] for identity in ids(source, shuffled=True)[:60])
    assert all(first[category] > 10 for category in ("a", "b"))


def test_shuffled_prompts_are_those_that_were_chosen(source):
    assert sorted(ids(source, first=10, shuffled=True)) == sorted(ids(source, first=10))
    assert sorted(ids(source, sample=10, shuffled=True)) == sorted(ids(source, sample=10))


def test_a_selection_starts_anew_at_each_iteration(source):
    for choice in (Choice(sample=9), Choice(first=9), Choice(shuffled=True), Choice()):
        chosen = choose(source, choice)[0]
        assert list(chosen) == list(chosen)


def test_a_file_too_large_to_shuffle_is_refused_with_a_way_out(source, monkeypatch):
    monkeypatch.setattr(selection, "MAX_SHUFFLED_BYTES", 100)
    with pytest.raises(PromptFileError, match="order: shuffled keeps it in memory"):
        choose(source, Choice(shuffled=True))


SIZES = st.dictionaries(
    st.tuples(st.none() | st.text(max_size=3), st.none() | st.booleans()), st.integers(1, 60), min_size=1, max_size=8
)


@given(SIZES, st.integers(0, 500))
def test_seats_are_dealt_whole_and_never_more_than_there_are(sizes, total):
    dealt = seats(sizes, total)
    assert sum(dealt.values()) == min(total, sum(sizes.values()))
    assert all(0 <= dealt[stratum] <= size for stratum, size in sizes.items())
    if total >= len(sizes):
        assert all(dealt.values())


@given(SIZES, st.integers(0, 300))
def test_one_seat_more_takes_none_away(sizes, total):
    fewer, more = seats(sizes, total), seats(sizes, total + 1)
    assert all(more[stratum] >= fewer[stratum] for stratum in sizes)


def test_fewer_seats_than_strata_go_to_the_largest():
    assert seats(STRATA, 2) == {**dict.fromkeys(STRATA, 0), ("a", False): 1, ("b", False): 1}


def test_of_equal_strata_the_seed_draws_who_gets_a_seat():
    sizes = {(f"c{number}", None): 10 for number in range(50)}
    one, other = ({stratum for stratum, count in seats(sizes, 5, seed).items() if count} for seed in (1, 2))
    assert len(one) == len(other) == 5
    assert one != other
    assert one != set(list(sizes)[:5])
