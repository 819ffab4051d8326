"""Whether an answer says that it does not know, or that what it was asked about does not exist.

Knows how the phrases are to be taken, and none of them. Who speaks of himself ("I cannot confirm") abstains, unless a
detail follows. A sentence without a speaker denies only where it is about what was asked: "the file does not exist" is
about a file, and "if it does not exist" about a case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.score import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPEAKER, _DENIAL, _ABSENCE = (
    tuple(map(re.compile, each)) for each in (phrases.SPEAKER, phrases.DENIAL, phrases.ABSENCE)
)
_DETAIL, _CONDITION, _OWN = map(re.compile, (phrases.DETAIL, phrases.CONDITION, phrases.OWN))
_REFERENCE, _PRONOUN, _CLAUSE = map(re.compile, (phrases.REFERENCE, phrases.PRONOUN, phrases.CLAUSE))
_CVE = re.compile(r"\bcve-\d{4}-\d{4,}\b")


@dataclass(frozen=True, slots=True)
class Abstention:
    """The words that say so, and whether they deny that the entity exists."""

    words: str
    denies: bool


def abstention(sentences: Sequence[str], entity: str | None = None) -> Abstention | None:
    """What of `sentences`, as `opening` gives them, says that the question is not answered; a denial before others.

    Args:
        entity: what was asked about, as the prompt spells it; where it is None, any CVE id is.
    """
    found = [one for sentence in sentences for one in _found(_with_entity(sentence, entity), entity or "cve id")]
    return next((one for one in found if one.denies), found[0] if found else None)


def _found(sentence: str, entity: str) -> Iterator[Abstention]:
    for patterns, denies in ((_SPEAKER, False), (_DENIAL, True), (_ABSENCE, True)):
        for pattern in patterns:
            for match in pattern.finditer(sentence):
                before, after = sentence[: match.start()], sentence[match.end() :]
                if _DETAIL.match(after) or _CONDITION.search(before) or (denies and _OWN.search(before)):
                    continue
                if patterns is not _DENIAL or _is_about_entity(before):
                    yield Abstention(match.group().strip().replace(phrases.ENTITY, entity), denies)


def _is_about_entity(before: str) -> bool:
    """Whether the subject, at the end of what stands before a denial, is what was asked about."""
    if _PRONOUN.search(before):
        return True
    references = list(_REFERENCE.finditer(before))
    return bool(references) and not _CLAUSE.search(before[references[-1].end() :])


def _with_entity(sentence: str, entity: str | None) -> str:
    if entity is None:
        return _CVE.sub(phrases.ENTITY, sentence)
    return sentence.replace(entity.casefold(), phrases.ENTITY)
