"""Which models have replicas on a cluster at a time: in the config's order, as many as fit. Knows no Ray."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from harness.cluster.needs import fit_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cluster.needs import Node, Placement


class Line:
    """Lets models in one after the other. A model is let in once all before it were, and it fits beside those there.

    Args:
        nodes: of the cluster.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._waiting: list[tuple[Placement, asyncio.Event]] = []
        self._there: list[Placement] = []

    def join(self, placement: Placement) -> asyncio.Event:
        """Stand at the end of the line; the event is set once the model is let in."""
        turn = asyncio.Event()
        self._waiting.append((placement, turn))
        self._let_in()
        return turn

    def leave(self, placement: Placement, turn: asyncio.Event) -> None:
        """The model is gone, or gives up waiting."""
        waiting = [one for one in self._waiting if one[1] is not turn]
        if len(waiting) == len(self._waiting):
            self._there.remove(placement)
        self._waiting = waiting
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            placement, turn = self._waiting[0]
            if self._there and not fit_together([*self._there, placement], self._nodes):
                return
            del self._waiting[0]
            self._there.append(placement)
            turn.set()
