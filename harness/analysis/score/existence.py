"""Whether an answer takes what it was asked about for real. Knows phrases, and no gold label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.score.abstention import Abstention

Existence = Literal["yes", "no", "unclear"]
_SAYS = re.compile(r"(yes|no)\b(?! (?:such|known|public|published|record))")
_ASKS = re.compile(
    r"\b(?:is|are|does|do|has|was|whether)\b[^?.]{0,200}\b(?:exists?|real|published|genuine|valid|record|known|documented|listed|entry)\b"
)


def existence(prompt: str, sentences: Sequence[str], abstained: Abstention | None, *, refused: bool) -> Existence:
    """`no` where the opening denies it, `unclear` where it neither denies nor answers, otherwise `yes`.

    An answer that describes something treats it as real, whether it says so or not. "Yes" and "no" count where the
    prompt asks whether something exists; a "yes" that goes on to deny is unclear.

    Args:
        sentences: the answer's `opening`; none for an empty one.
    """
    if refused or not sentences:
        return "unclear"
    # "Answer:" and "Status:" announce what comes.
    first = next((sentence for sentence in sentences if not sentence.endswith(":")), "")
    match = _SAYS.match(first) if _ASKS.search(prompt.casefold()) else None
    said = None if match is None else match.group(1)
    denies = abstained is not None and abstained.denies
    if said == "no" or denies:
        return "unclear" if said == "yes" else "no"
    return "unclear" if abstained is not None and said is None else "yes"
