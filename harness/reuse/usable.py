"""The answers that other runs have to what is left of a plan. Reads their folders; writes and sends nothing.

Memory holds where each answer stands, and one answer at a time, so that a plan may have a million items.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import JournalCorruptError, UsageError
from harness.journal import RESULTS_NAME, StoredAnswers
from harness.manifest import Manifest
from harness.plan import requests_for
from harness.record import SCHEMA_VERSION
from harness.reuse.counts import Counts
from harness.reuse.evidence import lacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from harness.config import LaneConfig
    from harness.digests import Digests
    from harness.schema import Prompt, Request, Variant

_PROMPTS_AT_A_TIME = 1024


class Usable(NamedTuple):
    """A request, the record of another run that answers it, and that run's folder as the config writes it."""

    request: Request
    record: dict[str, Any]
    folder: str


class UsableAnswers:
    """Open from the moment it is made; what is appended to the folders after that is not seen.

    Args:
        folders: by the name that the config gives them; where several have an answer, the first.

    Raises:
        UsageError: a folder's journal cannot be read, or a line of it is no record.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        with ExitStack() as stack:
            self._others = [stack.enter_context(_Other(name, folder)) for name, folder in folders.items()]
            self._stack = stack.pop_all()

    @property
    def counts(self) -> dict[str, Counts]:
        """How many of each folder's answers have been found so far."""
        return {other.name: other.counts for other in self._others}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def of(self, lanes: Sequence[LaneConfig], prompts: Iterable[Prompt], leave_out: Digests) -> Iterator[Usable]:
        """One answer for each item of `lanes` over `prompts` that has a usable one, prompt by prompt.

        Args:
            leave_out: the items that need none, as 16 bytes.

        Raises:
            UsageError: a line looked like a record at both ends and is none.
        """
        rest = iter(prompts)
        while some := list(islice(rest, _PROMPTS_AT_A_TIME)):
            for lane in lanes:
                for request in requests_for(lane.variant, lane.seed, some, leave_out):
                    found = ((other.answer_to(request), other.name) for other in self._others)
                    usable = (Usable(request, record, name) for record, name in found if record is not None)
                    yield from islice(usable, 1)


class _Other:
    """One run that answers may be taken from."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.counts = Counts()
        self._path = folder / RESULTS_NAME
        self._asked = _logprobs_by_variant(folder)
        try:
            self._answers = StoredAnswers(self._path)
        except JournalCorruptError as error:
            raise corrupt(name, error) from error
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read ({error.strerror}).") from error
        self.counts.held = len(self._answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._answers.close()

    def answer_to(self, request: Request) -> dict[str, Any] | None:
        """The record that answers `request`, where it can be used."""
        try:
            record = self._answers.get(bytes.fromhex(request.item_id))
        except JournalCorruptError as error:
            raise corrupt(self.name, error) from error
        if record is None:
            return None
        try:
            reason = self._unusable(record, request.variant)
        except (AttributeError, TypeError, ValueError):
            reason = "in a form that no run writes"
        if reason is None:
            self.counts.taken += 1
            return record
        self.counts.left_out[reason] += 1
        return None

    def _unusable(self, record: Mapping[str, Any], variant: Variant) -> str | None:
        version = record.get("schema_version")
        if version != SCHEMA_VERSION:
            return f"of schema version {version}"
        return lacks(record, variant.logprobs, self._asked.get(str(record.get("variant"))))


def corrupt(folder: str, error: JournalCorruptError) -> UsageError:
    """What to say of a folder whose journal has a line that is no record."""
    return UsageError(
        f"{error.path}, line {error.line}: {error.problem}. The command that made {folder}, given again with --repair, "
        "sets this line aside in a file beside it; or take the folder out of `reuse`."
    )


def _logprobs_by_variant(folder: Path) -> dict[str, Mapping[str, Any]]:
    """What run.json, where there is one, says was asked for."""
    try:
        manifest = Manifest.read(folder)
    except (UsageError, OSError):
        return {}
    variants = manifest.variants if manifest else {}
    told = ((name, facts.get("logprobs")) for name, facts in variants.items())
    return {name: logprobs for name, logprobs in told if isinstance(logprobs, dict)}
