"""`harness verify`: makes some recorded answers of local models again, each alone, and says how many differ.

What is asked, and of which weights, comes from the records only; the config that they were made with is not needed.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import sys
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

import anyio

from harness.errors import ProviderError, UsageError
from harness.findings import say
from harness.journal import RESULTS_NAME, read_records
from harness.local.provider import LocalProvider, make_engine
from harness.local.replay.comparison import compare
from harness.local.replay.recorded import NotComparable, read_answer
from harness.local.replay.reproduce import refuse_other_weights, request_of, spec_of
from harness.local.spec import is_device
from harness.local.worker.batcher import LocalWorker
from harness.schema import ProviderType
from harness.terminal import table_screen
from harness.verify_report import Outcome, Report
from harness.verify_table import difference_line, reason_lines, table, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.local.replay.recorded import LocalAnswer
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LocalStatus
    from harness.local.worker.jobs import Engine

_TELL_EVERY_S = 5.0
_JOIN_S = 5.0


def verify_command(
    folder: Path, *, sample: int, seed: int, device: str | None, trust_remote_code: bool, as_json: bool
) -> int:
    """Replay up to `sample` answers of `folder`, drawn with `seed`, and print how they compare.

    Returns:
        0 where all came out the same, 1 where some differ or could not be compared.

    Raises:
        UsageError: there is nothing to replay, or not like this.
        JournalCorruptError: a line of the journal is no record.
    """
    if device is not None and not is_device(device):
        raise UsageError(f"--device {device} is unknown: use auto, cpu, cuda, cuda:N or mps.")
    drawn = draw(_records(folder), sample, seed)
    if not drawn:
        raise UsageError(f"{folder} holds no answers of local models, and only those can be made again.")
    replay = Replay(device=device, trust_remote_code=trust_remote_code)
    report = Report(folder, seed, tuple(anyio.run(replay.run, drawn)))
    if as_json:
        sys.stdout.write(json.dumps(to_json(report), indent=2) + "\n")
    else:
        screen = table_screen()
        screen.print(table(report))
        for line in (*map(difference_line, report.differing), *reason_lines(report)):
            sys.stdout.write(line + "\n")
    return 0 if report.all_same else 1


def draw(records: Iterable[Mapping[str, Any]], count: int, seed: int) -> list[Mapping[str, Any]]:
    """Up to `count` answers of local models, as many of each variant as can be, variant by variant.

    Which ones depends on `seed` and the item ids only, not on their order in the journal. Memory holds `count` records
    of each variant.
    """
    # With their places in the journal, because records of one item cannot be compared with each other.
    kept: dict[str, list[tuple[int, str, int, Mapping[str, Any]]]] = {}
    for place, record in enumerate(records):
        if record.get("provider") != ProviderType.LOCAL or record.get("error") is not None:
            continue
        heap = kept.setdefault(str(record.get("variant")), [])
        item = (-_rank(seed, record["item_id"]), record["item_id"], place, record)
        if len(heap) < count:
            heapq.heappush(heap, item)
        else:
            heapq.heappushpop(heap, item)
    ranked = (sorted(heap, reverse=True) for _, heap in sorted(kept.items()))
    in_turn = (item[-1] for turn in zip_longest(*ranked) for item in turn if item is not None)
    return sorted(islice(in_turn, count), key=lambda record: str(record.get("variant")))


class Replay:
    """Makes answers again, one after the other.

    Args:
        device: instead of the kind of device that each was made on.
        trust_remote_code: whether Python files that come with weights may run, where they might for the record.
        make_engine: called in the local thread, once for each load.
    """

    def __init__(
        self,
        *,
        device: str | None = None,
        trust_remote_code: bool = False,
        make_engine: Callable[[LocalModelSpec], Engine] = make_engine,
    ) -> None:
        self._device = device
        self._trust_remote_code = trust_remote_code
        self._worker = LocalWorker(make_engine)
        self._outcomes: list[Outcome] = []

    async def run(self, records: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """How each of `records` compares, those of one load of weights together."""
        loads: dict[LocalModelSpec, list[LocalAnswer]] = {}
        for record in records:
            try:
                answer = read_answer(record)
                spec = spec_of(answer, device=self._device, trust_remote_code=self._trust_remote_code)
            except NotComparable as why:
                self._outcomes.append(Outcome.of_record(record, reason=str(why)))
            else:
                loads.setdefault(spec, []).append(answer)
        try:
            async with anyio.create_task_group() as background:
                background.start_soon(self._tell, len(records))
                for spec, answers in loads.items():
                    await self._replay_all(spec, answers)
                background.cancel_scope.cancel()
        finally:
            self._worker.stop()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._worker.join, _JOIN_S)
        return self._outcomes

    async def _replay_all(self, spec: LocalModelSpec, answers: Sequence[LocalAnswer]) -> None:
        provider = LocalProvider(spec, self._worker)
        loads_before = len(self._worker.loads())

        def refuse_if_loaded(answer: LocalAnswer) -> None:
            for info in self._worker.loads()[loads_before:]:
                refuse_other_weights(answer, info)

        for answer in answers:
            try:
                refuse_if_loaded(answer)
                # The first one loads the weights.
                done = await provider.generate(request_of(answer))
                refuse_if_loaded(answer)
                self._outcomes.append(Outcome.of_answer(answer, compare(answer, done)))
            except (NotComparable, ProviderError) as why:
                self._outcomes.append(Outcome.of_answer(answer, reason=str(why)))
        await provider.aclose()

    async def _tell(self, total: int) -> None:
        while True:
            await anyio.sleep(_TELL_EVERY_S)
            say(progress_line(self._worker.status(), self._outcomes, total))


def progress_line(status: LocalStatus, outcomes: Sequence[Outcome], total: int) -> str:
    """What there is to say while it takes long."""
    if status.state == "loading":
        return f"loading {status.model}"
    differing = sum(outcome.differs for outcome in outcomes)
    return f"{len(outcomes)} of {total} replayed, {differing} differ"


def _records(folder: Path) -> Iterable[Mapping[str, Any]]:
    try:
        yield from read_records(folder / RESULTS_NAME)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"There is no {RESULTS_NAME} in {folder}. Give the folder that a run wrote, the output_dir of its config."
        ) from None


def _rank(seed: int, item_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {item_id}".encode(), digest_size=8).digest(), "big")
