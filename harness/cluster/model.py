"""One model of a run and its replicas, from its place in the line to its release. Knows no Ray and no other model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cluster.group import ReplicaGroup
from harness.local.status import LocalStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.line import Line
    from harness.cluster.member import Member
    from harness.cluster.needs import Placement
    from harness.cluster.places import Incident
    from harness.cluster.replica import Launch
    from harness.local.spec import LocalModelSpec
    from harness.schema import Completion, Request


class ModelOnCluster:
    """Answers requests once it is the model's turn; see `harness.cluster.provider.Model`.

    Args:
        spec: the weights, with the device that the replicas use.
        line: where it stands.
        launch: starts a replica.
        tell: hears of replicas that came and went.
    """

    def __init__(
        self,
        spec: LocalModelSpec,
        placement: Placement,
        line: Line,
        launch: Launch,
        *,
        tell: Callable[[Incident], None],
    ) -> None:
        self._users = 0
        self._spec = spec
        self._placement = placement
        self._line = line
        self._turn = line.join(placement)
        self._left = False
        # A few more than its slots wait with each replica, so that a row that ends is followed at once.
        capacity = spec.most_slots + max(2, spec.most_slots // 2)
        self.in_flight = capacity * placement.replicas
        self._group = ReplicaGroup(spec.model_name, placement.replicas, capacity, launch, tell=tell)

    @property
    def is_up(self) -> bool:
        """Whether it has replicas, or is having them started."""
        return self._turn.is_set() and not self._group.stopped

    @property
    def replicas(self) -> tuple[Member, ...]:
        """The replicas that are up, and those that were."""
        return self._group.ever

    def status(self) -> LocalStatus:
        """What its replicas are doing, together."""
        up = self._group.members
        reports = [member.report.status for member in up if member.report is not None]
        states = {status.state for status in reports}
        slots = sum(status.slots for status in reports) or self._placement.replicas * self._spec.most_slots
        return LocalStatus(
            device=self._spec.device,
            model=self._spec.model_name,
            state="generating" if "generating" in states else "idle" if states == {"idle"} else "loading",
            rows=sum(status.rows for status in reports),
            slots=slots,
            tokens_per_second=sum(status.tokens_per_second for status in reports),
            prefill_tokens_per_second=sum(status.prefill_tokens_per_second for status in reports),
            loaded_seconds=max((status.loaded_seconds or 0.0 for status in reports), default=None),
            weight_bytes=next((status.weight_bytes for status in reports), None),
            queued=self._group.queued + sum(status.queued for status in reports),
            kv_bytes=sum(status.kv_bytes for status in reports),
            replicas=self._placement.replicas,
            replicas_up=len(up),
        )

    async def answer(self, request: Request, timeout_s: float | None) -> Completion:
        """As `ReplicaGroup.answer`, once it is the model's turn."""
        await self._turn.wait()
        return await self._group.answer(request, timeout_s)

    def used(self) -> None:
        """Somebody more will ask."""
        self._users += 1

    async def released(self) -> None:
        """One of those who ask has nothing more to ask; after the last one the replicas make room for others."""
        self._users -= 1
        if self._users == 0:
            await self.aclose()

    def stop(self) -> None:
        """End the replicas."""
        self._group.stop()
        self._turn.set()

    async def aclose(self) -> None:
        """End the replicas and leave the line."""
        await self._group.aclose()
        if not self._left:
            self._left = True
            self._line.leave(self._placement, self._turn)
