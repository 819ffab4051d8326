from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.local.decoding.continuous import Limits, SlotLoop
from harness.schema import FinishReason, LogprobsSpec
from tests.local.fake_forward import BYTES_PER_TOKEN, LAYERS, VOCABULARY, FakeForward, continuation, fake_row

CPU = torch.device("cpu")


class Clock:
    """Stands still, except while a forward pass works: a second for one over prompts, a tenth for a decoding step."""

    def __init__(self, forward):
        self._forward = forward

    def __call__(self):
        return sum(0.1 if each.decodes else 1.0 for each in self._forward.passes)


class Bench:
    """A loop on the fake model, and what came out of it, step by step."""

    def __init__(self, slots=4, piece=64, budget=None, poison=None):
        self.forward = FakeForward(poison)
        per_token = BYTES_PER_TOKEN if budget is not None else 0
        limits = Limits(slots, piece, None if budget is None else budget * BYTES_PER_TOKEN, per_token)
        self.loop = SlotLoop(self.forward, len(LAYERS), CPU, limits, clock=Clock(self.forward))
        self.poison = poison
        self.rows = []
        self.steps = []
        self.ended_at = {}
        self.unsound_at = {}

    def add(self, *shapes, **options):
        """Rows of (prompt tokens, answer tokens), with prompts that are all different."""
        first = len(self.rows)
        for index, (length, max_tokens) in enumerate(shapes, start=first):
            prompt = [
                Random(index).randrange(VOCABULARY - 1),
                *(Random(~index).choices(range(VOCABULARY - 1), k=length - 1)),
            ]
            self.rows.append(fake_row(prompt, max_tokens, index=index, **options))
        self.loop.add(self.rows[first:])

    def step(self):
        """One step; how many rows it decoded."""
        step = self.loop.step()
        for row in step.ended:
            assert self.ended_at.setdefault(row.index, len(self.steps)) == len(self.steps)
        for row in step.unsound:
            assert self.unsound_at.setdefault(row.index, len(self.steps)) == len(self.steps)
        self.steps.append(step)
        return step.decoded

    def drop(self, *indices):
        self.loop.drop(lambda row: row.index in indices)

    def run(self):
        """To the end; how many rows each step decoded."""
        # Every step reads a token of a prompt or generates one.
        most = sum(len(row.prompt.token_ids) + row.request.variant.sampling.max_tokens for row in self.rows)
        decoded = []
        while self.loop.in_work:
            decoded.append(self.step())
            assert len(decoded) <= most
        return decoded

    def expected(self, index):
        row = self.rows[index]
        return continuation(row.prompt.token_ids, row.request.variant.sampling.max_tokens, self.poison)

    def check(self, *indices):
        """Whether these rows, or all, have the tokens that they have alone."""
        for index in indices or range(len(self.rows)):
            assert self.rows[index].token_ids == self.expected(index), f"row {index}"

    @property
    def passes(self):
        """The forward passes so far, as words."""
        return ["step" if each.decodes else f"{each.rows}x{each.tokens}" for each in self.forward.passes]


@pytest.fixture
def bench():
    return Bench


# Slots


def test_rows_of_different_lengths_get_the_tokens_they_get_alone(bench):
    b = bench(slots=4)
    b.add((3, 20), (30, 5), (1, 40), (12, 12))
    b.run()

    b.check()


def test_rows_join_in_their_order_as_slots_become_free(bench):
    b = bench(slots=2)
    b.add(*[(5, 6)] * 8)
    b.run()

    b.check()
    assert sorted(b.ended_at, key=b.ended_at.get) == list(range(8))


def test_no_step_decodes_more_rows_than_there_are_slots(bench):
    b = bench(slots=3, piece=1024)
    b.add(*[(4, tokens) for tokens in range(2, 20)])

    assert max(b.run()) == 3


@pytest.mark.parametrize("piece", [16, 1024])
def test_a_slot_that_becomes_free_is_in_use_again_at_the_next_step(bench, piece):
    b = bench(slots=4, piece=piece)
    b.add(*[(6, tokens) for tokens in (3, 9, 5, 4, 8, 3, 7, 6, 5, 9, 3, 4)])
    decoded = b.run()

    b.check()
    full = decoded[: len(decoded) - 1 - decoded[::-1].index(4)]
    assert set(full) == {4}
    assert sum(decoded) == sum(len(row.token_ids) - 1 for row in b.rows)


def test_several_rows_that_end_in_one_step_are_replaced_by_as_many(bench):
    b = bench(slots=8, piece=2048)
    b.add(*[(4, 5)] * 6, *[(7, 20)] * 2, *[(9, 11)] * 6)
    decoded = b.run()

    b.check()
    assert decoded[:5] == [8] * 5
    assert b.ended_at == dict.fromkeys(range(6), 3) | dict.fromkeys(range(8, 14), 13) | dict.fromkeys((6, 7), 18)


def test_a_row_that_ends_at_its_first_token_never_takes_a_slot(bench):
    b = bench(slots=2)
    b.add((5, 1), (40, 1), (3, 1))

    assert sum(b.run()) == 0
    b.check()
    assert b.loop.kv_bytes == 0
    assert all(row.finish_reason is FinishReason.LENGTH for row in b.rows)


def test_all_rows_may_end_in_one_step_and_others_begin_after_a_pause(bench):
    b = bench(slots=3)
    b.add(*[(5, 4)] * 3)
    b.run()
    b.step()
    b.add(*[(11, 30)] * 3)
    b.run()

    b.check()
    assert (b.steps[3].decoded, b.steps[3].prefilled, b.steps[3].ended) == (0, 0, [])


def test_a_long_answer_stays_right_while_the_window_moves_and_grows_and_others_come_and_go(bench):
    b = bench(slots=4)
    b.add((6, 330), *[(1 + 13 * i % 60, 1 + 7 * i % 23) for i in range(60)])
    b.run()

    b.check()


def test_what_is_in_work_and_what_is_wanted_add_up(bench):
    b = bench(slots=2)
    assert (b.loop.in_work, b.loop.wanted) == (0, 2)
    b.add((3, 5), (3, 2), (3, 5))
    assert (b.loop.in_work, b.loop.wanted) == (3, 0)
    b.step()
    assert (b.loop.in_work, b.loop.wanted) == (2, 0)
    b.run()
    assert (b.loop.in_work, b.loop.wanted) == (0, 2)


def test_where_a_pass_holds_several_prompts_some_more_rows_are_wanted_than_slots(bench):
    assert bench(slots=16, piece=2048).loop.wanted > 16
    assert bench(slots=16, piece=64).loop.wanted == 16


# Prompts in pieces


def test_decoding_goes_on_between_the_pieces_of_a_long_prompt(bench):
    b = bench(slots=3, piece=8)
    b.add((4, 30), (4, 30))
    b.step()
    b.add((60, 5))
    before = len(b.passes)
    b.run()

    b.check()
    assert b.passes[before : before + 17] == ["1x8", "step"] * 7 + ["1x4", "step", "step"]


def test_while_most_slots_are_empty_several_pieces_are_read_between_two_steps(bench):
    b = bench(slots=8, piece=8)
    b.add((4, 60))
    b.step()
    b.add((60, 5))
    before = len(b.passes)
    b.run()

    b.check()
    assert b.passes[before : before + 10] == [*["1x8"] * 4, "step", *["1x8"] * 3, "1x4", "step"]


def test_nothing_is_read_while_every_slot_is_taken(bench):
    b = bench(slots=2, piece=2048)
    b.add((3, 9), (3, 9))
    b.step()
    b.add((3, 9))

    assert [b.loop.step().prefilled for _ in range(5)] == [0] * 5


# Memory


def test_rows_that_would_exceed_the_budget_wait(bench):
    b = bench(slots=8, piece=1024, budget=100)
    b.add(*[(10, 30)] * 6)  # 40 tokens each

    assert max(b.run()) == 2
    b.check()


def test_a_row_that_was_read_ahead_counts_for_the_budget_before_it_has_a_slot(bench):
    b = bench(slots=16, piece=2048, budget=200)
    b.add(*[(10, 30)] * 3, (10, 90))

    assert b.step() == 2
    assert max(b.run()) == 2


def test_a_row_that_exceeds_the_budget_by_itself_goes_alone(bench):
    b = bench(slots=8, piece=1024, budget=50)
    b.add((10, 5), (10, 5), (30, 60), (10, 5))
    b.run()

    b.check()
    assert min(b.steps[i].decoded for i in range(b.ended_at[2] - 50, b.ended_at[2])) == 1
    assert max(b.steps[i].decoded for i in range(b.ended_at[2] - 50, b.ended_at[2])) == 1


def test_no_more_rows_are_wanted_than_the_budget_has_room_for(bench):
    b = bench(slots=8, piece=64, budget=100)
    assert b.loop.wanted == 8
    b.add((10, 30))
    assert b.loop.wanted == 1


@pytest.mark.parametrize(
    ("budget", "per_token", "reach", "rows"),
    [
        (None, 10, 100, 8),
        (4000, 10, 100, 4),
        (3999, 10, 100, 3),
        (10, 10, 100, 1),
        (10**9, 10, 100, 8),
        (10, 0, 100, 8),
    ],
)
def test_a_budget_holds_so_many_rows_and_one_always(budget, per_token, reach, rows):
    assert Limits(8, 64, budget, per_token).rows(reach) == rows


def test_many_short_rows_before_leave_one_long_row_no_memory_to_pay_for(bench):
    b = bench(slots=16, piece=512, budget=2000)
    b.add(*[(10, 20)] * 16)
    b.run()
    b.add((900, 20))
    b.run()

    assert b.loop.kv_bytes <= (900 * 5 // 4 + 128) * BYTES_PER_TOKEN


def test_rows_that_are_ready_but_exceed_the_budget_get_no_memory_beforehand(bench):
    b = bench(slots=16, piece=2048, budget=400)
    b.add(*[(60, 140)] * 16)
    b.step()

    assert b.steps[0].decoded == 2
    assert b.loop.kv_bytes <= 2 * (60 * 5 // 4 + 128) * BYTES_PER_TOKEN


# What goes wrong


def test_a_row_whose_logits_are_no_numbers_goes_and_harms_no_other(bench):
    poison = VOCABULARY - 1
    b = bench(slots=3, poison=poison)
    b.add(*[(5, 40)] * 3, *[(7, 40)] * 9)
    b.run()

    b.check()
    assert b.unsound_at  # some came upon it
    assert b.ended_at
    assert sorted([*b.unsound_at, *b.ended_at]) == list(range(12))
    assert all(b.rows[index].token_ids[-1] == poison for index in b.unsound_at)
    assert not any(poison in b.rows[index].token_ids[:-1] for index in b.ended_at)


def test_what_an_unsound_row_leaves_in_the_last_slot_harms_none_that_comes_there_much_later(bench):
    prompts = ([1, 2, 3], [4, 5], [6, 7])
    others = [*prompts[0], *continuation(prompts[0], 40), *prompts[2], *continuation(prompts[2], 9)]
    poison = next(token for token in continuation(prompts[1], 20)[1:] if token not in others)
    b = bench(slots=2, poison=poison)
    b.rows = [
        fake_row(prompt, tokens, index=i) for i, (prompt, tokens) in enumerate(zip(prompts, (40, 30, 9), strict=True))
    ]
    b.loop.add(b.rows[:2])
    while not b.unsound_at:
        b.step()
    for _ in range(5):
        b.step()
    b.loop.add(b.rows[2:])
    b.run()

    b.check()
    assert sorted(b.ended_at) == [0, 2]


def test_a_prompt_without_sound_logits_never_takes_a_slot_and_harms_no_prompt_read_with_it(bench):
    b = bench(slots=4, poison=VOCABULARY - 1)
    bad = fake_row([1, 2, VOCABULARY - 1, 3], 10, index=99)
    b.add((5, 4))
    b.loop.add([bad])
    b.add((2, 4))
    b.run()

    b.check()
    assert (bad.token_ids, b.unsound_at) == ([], {99: 0})


@pytest.mark.parametrize("dropped", [(0,), (1,), (2,), (3,), (0, 1), (1, 2, 3), (4, 5)])
def test_a_row_may_be_dropped_wherever_it_is(bench, dropped):
    for after in range(14):
        b = bench(slots=2, piece=16)
        b.add((4, 9), (6, 5), (50, 7), (3, 6), (9, 4), (2, 8))
        for _ in range(after):
            b.step()
        left = {index: list(b.rows[index].token_ids) for index in dropped if index not in b.ended_at}
        stay = [index for index in range(6) if index not in left]
        in_work = b.loop.in_work
        b.drop(*left)
        assert b.loop.in_work == in_work - len(left)
        b.run()

        b.check(*stay)
        assert sorted(b.ended_at) == stay
        assert all(b.rows[index].token_ids == tokens for index, tokens in left.items())


def test_a_row_read_ahead_may_be_dropped_before_it_has_a_slot(bench):
    b = bench(slots=8, piece=2048)
    b.add(*[(4, 9)] * 12)
    b.step()
    assert b.forward.passes[0].rows > 8
    b.drop(8)
    b.run()

    assert b.rows[8].token_ids == b.expected(8)[:1]
    b.check(*range(8), *range(9, 12))


def test_dropping_everybody_leaves_nothing_to_do(bench):
    b = bench(slots=2, piece=16)
    b.add((4, 9), (50, 9), (4, 9))
    b.step()
    b.drop(0, 1, 2)

    assert b.loop.in_work == 0
    assert b.step() == 0


# Choosing and measuring


def test_drawn_tokens_and_their_evidence_are_the_rows_own_whatever_its_company(bench):
    def drawn(slots):
        b = bench(slots=slots)
        for seed in range(8):
            b.add((3 + seed, 12 - seed), temperature=1.0, seed=seed, logprobs=LogprobsSpec(top=3, positions=None))
        b.run()
        return [(row.token_ids, row.evidence) for row in b.rows]

    alone, together = drawn(1), drawn(3)

    assert [tokens for tokens, _ in together] == [tokens for tokens, _ in alone]
    assert all([each.token_id for each in evidence] == tokens for tokens, evidence in together)
    assert len({tuple(tokens[:4]) for tokens, _ in alone}) == 8


def test_a_step_says_what_it_did_and_how_long_it_took(bench):
    b = bench(slots=2, piece=16)
    b.add((5, 3), (40, 2))

    done = []
    while b.loop.in_work:
        step = b.loop.step()
        done.append((step.prefilled, round(step.prefill_s, 6), step.decoded, round(step.decode_s, 6), len(step.ended)))

    assert done == [(45, 4.0, 2, 0.1, 1), (0, 0.0, 1, 0.1, 1)]


# Anything at all


@st.composite
def workloads(draw):
    """Rows as (prompt tokens, answer tokens, the step at which it comes, the step at which it is dropped or None)."""
    random = draw(st.randoms(use_true_random=False))
    return [
        (
            random.randint(1, random.choice([8, 70])),
            random.randint(1, random.choice([4, 40])),
            random.randint(0, random.choice([0, 50])),
            random.choice([None, None, None, random.randint(0, 80)]),
        )
        for _ in range(draw(st.integers(1, 9)))
    ]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    rows=workloads(),
    slots=st.integers(1, 6),
    piece=st.integers(4, 64) | st.integers(129, 700),
    budget=st.none() | st.integers(1, 400),
    poison=st.none() | st.just(VOCABULARY - 1),
)
def test_whatever_comes_and_goes_every_row_gets_its_own_tokens_once_and_in_time(rows, slots, piece, budget, poison):
    b = Bench(slots, piece, budget, poison)
    longest = max(length + max_tokens for length, max_tokens, _, _ in rows)
    fewest = min(slots, max(1, budget // longest)) if budget is not None else slots
    dropped = set()
    busy = 0
    rows = sorted(rows, key=lambda row: row[2])
    last = max(comes for _, _, comes, _ in rows)
    while len(b.steps) <= last or b.loop.in_work:
        now = len(b.steps)
        b.add(*[(length, max_tokens) for length, max_tokens, comes, _ in rows if comes == now])
        b.drop(*(leaving := {i for i, (_, _, _, leaves) in enumerate(rows[: len(b.rows)]) if leaves == now}))
        dropped |= {i for i in leaving if i not in b.ended_at and i not in b.unsound_at}
        in_work = b.loop.in_work
        assert in_work == len(b.rows) - len(dropped) - len(b.ended_at) - len(b.unsound_at)
        decoded = b.step()
        assert decoded <= slots
        if in_work > decoded and not b.steps[-1].prefilled:
            assert decoded >= fewest, "rows wait although there are slots"
        busy += bool(in_work)
        if budget is not None:
            reach = max((len(row.prompt.token_ids) + rows[row.index][1] for row in b.loop._rows), default=1)
            assert len(b.loop._rows) <= max(1, budget // reach)
            # A quarter and less than 128 columns more than a row has need of.
            most = max(budget, longest) * 5 // 4 + 127 * slots
            assert b.loop.kv_bytes <= most * BYTES_PER_TOKEN

    for index, row in enumerate(b.rows):
        expected = b.expected(index)
        if index in dropped:
            assert row.token_ids == expected[: len(row.token_ids)]
        else:
            assert row.token_ids == expected
            assert (index in b.unsound_at) != (index in b.ended_at)
            assert (index in b.ended_at) == (len(expected) == rows[index][1])
    # There is no step in which nothing is done.
    pieces = sum(-(-length // piece) for length, _, _, _ in rows)
    assert busy <= pieces + sum(max_tokens for _, max_tokens, _, _ in rows)
