"""What an adjudicator does: see where coders differ, side by side, and decide. Knows no HTTP and no file.

Training items are left out: their labels are practice, and count nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

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

    async def begin(self, given: object) -> Json:
        """Let somebody in who codes nothing here, and remember that they have seen others' labels.

        Raises:
            Refused: the name cannot be used, or is a coder's.
            JournalWriteError: the disk refuses.
        """
        name = self._allowed(given)
        if name not in self._study.assignment.adjudicators:
            seen = self._study.assignment.shown_to(name)
            await anyio.to_thread.run_sync(seen.write, self._study.folder)
            self._study.assignment = seen
        return {"coder": name} | self.state(name)

    def state(self, given: object, opaque: object = None, *, notice: str | None = None) -> Json:
        """The undecided items, and one of them in full: the one of that opaque id, else the first.

        Raises:
            Refused: as `begin`, or nobody of that name has come.
        """
        self._here(given)
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
        name = self._here(given)
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
        name = self._here(given)
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
        acts, assignment = self._store.said.acts, self._study.assignment
        if known := known_as(name, {*assignment.coders, *(act.coder for act in acts if act.role == "coder")}):
            raise Refused(f"{known} codes here. Whoever adjudicates must be neither coder: ask somebody else.", 403)
        came = (*assignment.adjudicators, *(act.coder for act in acts if act.role == "adjudicator"))
        return known_as(name, came) or name

    def _here(self, given: object) -> str:
        name = self._allowed(given)
        acting = {act.coder for act in self._store.said.acts if act.role == "adjudicator"}
        if name not in {*self._study.assignment.adjudicators, *acting}:
            raise Refused("Give your name first: reload the page.")
        return name

    def _differing(self) -> dict[str, tuple[str, ...]]:
        training = set(self._study.assignment.drawn.training)
        found = disagreements(self._store.said, self._study.rubric)
        return {item: names for item, names in found.items() if item not in training and item in self._study.items}

    def _item(self, item_id: str, differ: tuple[str, ...]) -> Json:
        """With every coder's labels; the form begins with the last decision, or with what all say alike."""
        by_coder = self._store.said.coded()[item_id]
        # One that was just taken back fills the form too.
        decisions = [
            act.labels
            for act in self._store.said.acts
            if act.role == "adjudicator" and act.item_id == item_id and act.state == "labelled"
        ]
        standing = self._store.said.adjudicated().get(item_id)
        names = [one.name for one in self._study.rubric.fields if one.type != "text" and one.name not in differ]
        alike = {name: value for name, value in next(iter(by_coder.values())).items() if name in names}
        return shown(
            self._study, self._study.items[item_id], values=standing or (decisions[-1] if decisions else alike)
        ) | {
            "differ": list(differ),
            "coders": [{"name": visible(coder), "labels": told(labels)} for coder, labels in sorted(by_coder.items())],
        }
