"""Who labels what, in which order and under which opaque id; annotate.json. Knows no label and no page."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.assignment import ASSIGNMENT_NAME
from harness.annotate.drawing import Draw, Flags, draw
from harness.digests import digest16
from harness.errors import JournalWriteError, UsageError
from harness.journal import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.annotate.items import Stratum

_OPAQUE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Assignment:
    """What was drawn from a folder, and how it is dealt to those who came so far.

    Args:
        secret: 64 hex digits; without them nobody gets from an opaque id to an item's.
        flags: what it was drawn with.
        drawn: the items.
        coders: their names, in order of arrival.
        dealt: of the split items, whose each is.
        adjudicators: who has seen others' labels.
    """

    secret: str
    flags: Flags
    drawn: Draw
    coders: tuple[str, ...] = ()
    dealt: Mapping[str, str] = field(default_factory=dict)
    adjudicators: tuple[str, ...] = ()

    @classmethod
    def new(cls, strata: Mapping[str, Stratum], flags: Flags) -> Assignment:
        """One that nobody has come to yet.

        Raises:
            UsageError: there are not enough items.
        """
        return cls(secrets.token_hex(32), flags, draw(strata, flags))

    @classmethod
    def read(cls, folder: Path) -> Assignment | None:
        """The one of `folder`, None where there is none.

        Raises:
            UsageError: annotate.json is there and is no assignment.
        """
        path = folder / ASSIGNMENT_NAME
        try:
            facts = orjson.loads(path.read_bytes())
            drawn = Draw(tuple(facts["training"]), tuple(facts["shared"]), tuple(facts["split"]))
            coders, adjudicators = tuple(facts["coders"]), tuple(facts.get("adjudicators", ()))
            return cls(facts["secret"], Flags(**facts["flags"]), drawn, coders, dict(facts["dealt"]), adjudicators)
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{path} is no assignment ({error!r}). Put back the file that `annotate` wrote: nothing else says "
                "which labels were for training."
            ) from error

    def write(self, folder: Path) -> None:
        """Replace annotate.json atomically, mode 0600: it holds the secret.

        Raises:
            JournalWriteError: the disk refuses.
        """
        facts: dict[str, Any] = {
            "secret": self.secret,
            "flags": asdict(self.flags),
            **asdict(self.drawn),
            "coders": self.coders,
            "dealt": self.dealt,
            "adjudicators": self.adjudicators,
        }
        path = folder / ASSIGNMENT_NAME
        try:
            atomic_write(path, orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise JournalWriteError(
                f"{path} cannot be written ({error.strerror}). Check that disk and its room, then try again."
            ) from error

    def refuse_other_flags(self, flags: Flags, folder: Path) -> None:
        """What was drawn once stays. A flag at its default was not given, and says nothing.

        Raises:
            UsageError: names each flag that contradicts what was recorded.
        """
        given, recorded, default = asdict(flags), asdict(self.flags), asdict(Flags())
        wrong = [name for name in given if given[name] not in (default[name], recorded[name])]
        if wrong:
            told = ", ".join(f"--{name} was {_shown(recorded[name])} and is {_shown(given[name])}" for name in wrong)
            raise UsageError(
                f"{folder} was drawn from before: {told}. Give the same flags, or none, to go on; for another draw, "
                "annotate a copy of the folder that holds its results only."
            )

    @property
    def items(self) -> tuple[str, ...]:
        """Everything that was drawn."""
        return (*self.drawn.training, *self.drawn.shared, *self.drawn.split)

    def opaque(self, item_id: str) -> str:
        """What an item is called on a page: 16 hex digits, the same after every restart."""
        key = bytes.fromhex(self.secret)
        return hashlib.blake2b(item_id.encode(), key=key, digest_size=_OPAQUE_BYTES).hexdigest()

    def training_of(self, coder: str) -> list[str]:
        """The training items, in the order of `coder`."""
        return self._ordered(coder, self.drawn.training)

    def sample_of(self, coder: str) -> list[str]:
        """What `coder` labels of the sample, shared and own items mixed, in an order that nobody else has."""
        return self._ordered(
            coder, (*self.drawn.shared, *(item for item, whose in self.dealt.items() if whose == coder))
        )

    def joined(self, coder: str, kept: Mapping[str, str]) -> Assignment:
        """With one coder more: split items go round robin to whoever has fewest, by order of arrival.

        Args:
            kept: split items that are somebody's for good, because they were acted on or are on a screen.
        """
        coders = (*self.coders, coder)
        load = Counter(kept.values())
        dealt = dict(kept)
        for item in self.drawn.split:
            if item not in kept:
                dealt[item] = min(coders, key=lambda one: load[one])
                load[dealt[item]] += 1
        return replace(self, coders=coders, dealt=dealt)

    def shown_to(self, adjudicator: str) -> Assignment:
        """With one more who has seen others' labels, and codes nothing from now on."""
        return replace(self, adjudicators=(*self.adjudicators, adjudicator))

    def _ordered(self, coder: str, items: tuple[str, ...]) -> list[str]:
        return sorted(items, key=lambda item: digest16("order", str(self.flags.seed), coder, item))


def _shown(value: Any) -> str:
    if value is None or value is False:
        return "not given"
    return "given" if value is True else str(value)
