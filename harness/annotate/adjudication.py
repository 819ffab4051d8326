"""What an adjudicator does: see where coders differ, side by side, and decide. Knows no HTTP and no file.

Training items are left out: their labels are practice, and count nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.labels import disagreements
from harness.annotate.answers import labels_of, seconds_of, shown, told
from harness.annotate.people import clean_name, known_as
from harness.annotate.refused import Refused
from harness.terminal import visible

if TYPE_CHECKING:
    from harness.analysis.labels import Annotation
    from harness.annotate.answers import Json
    from harness.annotate.store import Store
    from harness.annotate.study import Study


class AdjudicationDesk:
    """Whoever decides in one folder."""

    def __init__(self, study: Study, store: Store) -> None:
        self._study = study
        self._store = store

    def begin(self, given: object) -> Json:
        """Let somebody in who has coded nothing here.

        Raises:
            Refused: the name cannot be used, or has coded.
        """
        name = self._allowed(given)
        return {"coder": name} | self.state(name)

    def state(self, given: object, opaque: object = None, *, notice: str | None = None) -> Json:
        """The undecided items, and one of them in full: the one of that opaque id, else the first.

        Raises:
            Refused: as `begin`.
        """
        self._allowed(given)
        differing = self._differing()
        decided = self._store.said.adjudicated()
        ids = {self._study.assignment.opaque(item): item for item in differing}
        open_items = {opaque_id: item for opaque_id, item in sorted(ids.items()) if item not in decided}
        item_id = ids.get(opaque) if isinstance(opaque, str) else None
        if item_id is None:
            item_id = next(iter(open_items.values()), None)
        return {
            "notice": notice,
            "progress": {"done": len(differing) - len(open_items), "of": len(differing)},
            "open": [{"id": opaque_id, "differ": list(differing[item])} for opaque_id, item in open_items.items()],
            "item": None if item_id is None else self._item(item_id, differing[item_id]),
        }

    async def save(self, given: object, opaque: object, labels: object, seconds: object) -> Json:
        """Record a decision; what is left when that is durable.

        Raises:
            Refused: nobody differs on that item, the rubric does not allow it, or as `begin`.
            JournalWriteError: the disk refuses.
        """
        name = self._allowed(given)
        item_id = next((item for item in self._differing() if self._study.assignment.opaque(item) == opaque), None)
        if item_id is None:
            raise Refused("Nobody differs on this answer (any more). Reload the page to go on with the next.")
        decision = labels_of(self._study.rubric, labels)
        await self._store.record(item_id, name, "adjudicator", "labelled", labels=decision, seconds=seconds_of(seconds))
        return self.state(name)

    async def undo(self, given: object) -> Json:
        """Take back the last decision of this person; its item again, with its values.

        Raises:
            Refused: there is nothing to take back, or as `begin`.
            JournalWriteError: the disk refuses.
        """
        name = self._allowed(given)
        last: dict[str, Annotation] = {}
        for act in self._store.said.acts:
            if act.role == "adjudicator" and act.coder == name:
                last.pop(act.item_id, None)
                last[act.item_id] = act
        differing = self._differing()
        standing = [act for act in last.values() if act.state == "labelled" and act.item_id in differing]
        if not standing:
            raise Refused("There is nothing to take back.")
        item_id = standing[-1].item_id
        await self._store.record(item_id, name, "adjudicator", "withdrawn")
        return self.state(name, self._study.assignment.opaque(item_id), notice="Taken back.")

    def _allowed(self, given: object) -> str:
        name = clean_name(given)
        acts = self._store.said.acts
        if known := known_as(name, {act.coder for act in acts if act.role == "coder"}):
            raise Refused(f"{known} has coded here. Whoever adjudicates must be neither coder: ask somebody else.", 403)
        return known_as(name, {act.coder for act in acts if act.role == "adjudicator"}) or name

    def _differing(self) -> dict[str, tuple[str, ...]]:
        training = set(self._study.assignment.drawn.training)
        found = disagreements(self._store.said, self._study.rubric)
        return {item: names for item, names in found.items() if item not in training and item in self._study.items}

    def _item(self, item_id: str, differ: tuple[str, ...]) -> Json:
        """With every coder's labels; the form begins with the last decision, or with what all say alike."""
        by_coder = self._store.said.coded()[item_id]
        decisions = [
            act.labels
            for act in self._store.said.acts
            if act.role == "adjudicator" and act.item_id == item_id and act.state == "labelled"
        ]
        names = [one.name for one in self._study.rubric.fields if one.type != "text" and one.name not in differ]
        alike = {name: value for name, value in next(iter(by_coder.values())).items() if name in names}
        return shown(self._study, self._study.items[item_id], values=decisions[-1] if decisions else alike) | {
            "differ": list(differ),
            "coders": [{"name": visible(coder), "labels": told(labels)} for coder, labels in sorted(by_coder.items())],
        }
