"""One pass over a prompt file: every row checked, duplicate ids found, and what it holds counted. Keeps no prompt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.digests import DigestSet, digest16
from harness.prompts.fields import shown
from harness.tokens import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.errors import PromptFileError
    from harness.prompts.file import Row


class Rows(Protocol):
    """A prompt file, or what was chosen of one."""

    @property
    def path(self) -> Path:
        """The file, as messages name it."""
        ...

    def rows(self) -> Iterator[Row]:
        """Each prompt with its place, anew at each call."""
        ...

    def sha256(self) -> str:
        """The hash of the whole file's bytes, in hex."""
        ...


@dataclass(frozen=True, slots=True)
class PromptSurvey:
    """What a prompt file holds.

    Args:
        count: prompts read.
        strata: how many there are of each (category, is_synthetic_probe), in order of first appearance.
        without_id: how many got a hash of their content as their id.
        characters: in all turns and per-prompt system texts.
        sha256: of the whole file's bytes, in hex, whatever was chosen of it.
        longest: tokens of the longest prompt and its own system text, estimated.
    """

    count: int
    strata: Mapping[tuple[str | None, bool | None], int]
    without_id: int
    characters: int
    sha256: str
    longest: int = 0

    @property
    def categories(self) -> dict[str | None, int]:
        """How many prompts each category has; None stands for those without one."""
        totals: Counter[str | None] = Counter()
        for (category, _), count in self.strata.items():
            totals[category] += count
        return dict(totals)

    @property
    def synthetic(self) -> int:
        """Prompts that the file marks as synthetic probes."""
        return self._probes(flag=True)

    @property
    def real(self) -> int:
        """Prompts that the file marks as no synthetic probes."""
        return self._probes(flag=False)

    @property
    def unknown(self) -> int:
        """Prompts of which the file does not say."""
        return self._probes(flag=None)

    def _probes(self, *, flag: bool | None) -> int:
        return sum(count for (_, probe), count in self.strata.items() if probe is flag)


def survey(source: Rows) -> PromptSurvey:
    """Read the prompts of `source`, in memory that hardly grows with their number.

    Raises:
        PromptFileError: a row cannot be used, two have one id, or there are no prompts.
    """
    seen = DigestSet()
    strata: Counter[tuple[str | None, bool | None]] = Counter()
    without_id = characters = longest = 0
    for row in source.rows():
        prompt = row.prompt
        if not seen.add(digest16(prompt.id)):
            raise _duplicate(source, row)
        strata[prompt.category, prompt.is_synthetic_probe] += 1
        without_id += not row.id_given
        texts = [prompt.text] if prompt.messages is None else [turn.content for turn in prompt.messages]
        texts += [] if prompt.system is None else [prompt.system]
        characters += sum(map(len, texts))
        longest = max(longest, estimated_tokens(texts))
    return PromptSurvey(strata.total(), dict(strata), without_id, characters, source.sha256(), longest)


def _duplicate(source: Rows, row: Row) -> PromptFileError:
    identity = row.prompt.id
    # Places are not kept for every row: a second pass finds the first of the two.
    first = next(earlier for earlier in source.rows() if earlier.prompt.id == identity)
    if row.id_given or first.id_given:
        problem = f"has the id {shown(identity)}, which {first.place} has already: change one, or remove a row."
    else:
        problem = (
            f"has no id and says the same as {first.place}, so that both would get the id {identity}: "
            "remove one, or give both an id."
        )
    return row.place.error(source.path, problem)
