"""What a request will probably take, learned from what the latest ones took. Knows no cap."""

from __future__ import annotations

from collections import deque

_INPUTS_KEPT = 32
_OUTPUTS_KEPT = 128
_ENOUGH_OUTPUTS = 16
_MARGIN = 1.5
_BELIEVED_TIMES, _BELIEVED_MORE = 10.0, 10_000.0


class Estimates:
    """Input as estimated, plus the most that the latest ones were beyond that; output no more than was ever likely.

    `max_tokens` alone would let a low cap starve: 2048 are asked for where answers take 200. Until enough answers are
    known it is what is reserved, and it stays the ceiling.
    """

    def __init__(self) -> None:
        self._excess: deque[float] = deque(maxlen=_INPUTS_KEPT)
        self._outputs: deque[float] = deque(maxlen=_OUTPUTS_KEPT)
        self._most_excess = 0.0
        self._most_output: float | None = None

    def input(self, estimated: float) -> float:
        """Input tokens of a request that was estimated at this many."""
        return estimated + self._most_excess

    def output(self, max_tokens: float) -> float:
        """Output tokens of a request that may answer with so many."""
        return max_tokens if self._most_output is None else min(max_tokens, self._most_output)

    def learn(self, estimated: float, used_input: float | None, used_output: float | None) -> None:
        """A request that was estimated at this many input tokens used so much."""
        if used_input is not None and estimated:
            # What a server adds to every prompt is a number of tokens, not a share of them.
            self._excess.append(max(0.0, used_input - estimated))
            self._most_excess = max(self._excess)
        if used_output is not None:
            self._outputs.append(used_output)
            if len(self._outputs) >= _ENOUGH_OUTPUTS:
                self._most_output = _MARGIN * max(self._outputs)


def believed(used: float | None, reserved: float) -> float | None:
    """A provider's count, but no multiple of what was reserved that would stop a pool for days."""
    return None if used is None else min(used, _BELIEVED_TIMES * reserved + _BELIEVED_MORE)
