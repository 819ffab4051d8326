"""What a coder does: come, label the next answer, skip it, take the last act back. Knows no HTTP and no file.

The order is the coder's own: training first, then the sample, then what was skipped, the longest ago first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from harness.annotate.answers import labels_of, seconds_of, shown
from harness.annotate.people import clean_name, known_as
from harness.annotate.refused import Refused

if TYPE_CHECKING:
    from harness.analysis.labels import Annotation
    from harness.annotate.answers import Json
    from harness.annotate.store import Store
    from harness.annotate.study import Study


class CodingDesk:
    """Everybody who codes in one folder."""

    def __init__(self, study: Study, store: Store) -> None:
        self._study = study
        self._store = store
        self._arrivals = anyio.Lock()
        self._on_screen: dict[str, str] = {}

    async def begin(self, given: object, *, is_new: bool) -> Json:
        """Let somebody in by name; one that nobody had so far only where `is_new` says that this is meant.

        Raises:
            Refused: the name cannot be used, or has adjudicated here.
        """
        name = clean_name(given)
        async with self._arrivals:
            self._refuse_adjudicator(name)
            coders = self._study.assignment.coders
            known = known_as(name, (*coders, *self._store.said.coders))
            if known is None and coders and not is_new:
                return {"unknown": name, "coders": list(coders)}
            if known not in coders:
                await self._welcome(known or name)
        notice = f"{name} is known here as {known}; going on under that name." if known not in (None, name) else None
        return {"coder": known or name} | self.state(known or name, notice=notice)

    def state(self, coder: object, *, notice: str | None = None) -> Json:
        """The next item of `coder` (null when there is none) and the progress.

        Raises:
            Refused: nobody of that name has come.
        """
        name = self._known(coder)
        queue = self._queue(name)
        return self._answer(name, queue[0] if queue else None, notice)

    async def save(self, coder: object, opaque: object, labels: object, seconds: object) -> Json:
        """Label an item; the next one when that is durable.

        Raises:
            Refused: it is not this coder's, or not what the rubric allows.
            JournalWriteError: the disk refuses.
        """
        name = self._known(coder)
        item_id = self._own(name, opaque)
        told = labels_of(self._study.rubric, labels)
        await self._store.record(item_id, name, "coder", "labelled", labels=told, seconds=seconds_of(seconds))
        return self.state(name)

    async def skip(self, coder: object, opaque: object, seconds: object) -> Json:
        """Put an item off to the end; raises as `save`."""
        name = self._known(coder)
        item_id = self._own(name, opaque)
        latest = self._latest(name).get(item_id)
        if latest is not None and latest.state == "labelled":
            raise Refused("You have labelled this answer in another window. Reload the page to go on with the next.")
        await self._store.record(item_id, name, "coder", "skipped", seconds=seconds_of(seconds))
        return self.state(name)

    async def undo(self, coder: object) -> Json:
        """Take back the last label or skip; its item again, with its values.

        Raises:
            Refused: there is nothing to take back.
            JournalWriteError: the disk refuses.
        """
        name = self._known(coder)
        own = set(self._items(name))
        acts = [act for act in self._latest(name).values() if act.state != "withdrawn" and act.item_id in own]
        if not acts:
            raise Refused("There is nothing to take back.")
        item_id = acts[-1].item_id
        await self._store.record(item_id, name, "coder", "withdrawn")
        return self._answer(name, item_id, "Taken back.")

    def _known(self, coder: object) -> str:
        name = known_as(coder, self._study.assignment.coders) if isinstance(coder, str) else None
        if name is None:
            raise Refused("Give your name first: reload the page.")
        self._refuse_adjudicator(name)
        return name

    def _refuse_adjudicator(self, name: str) -> None:
        adjudicators = {act.coder for act in self._store.said.acts if act.role == "adjudicator"}
        if known_as(name, {*adjudicators, *self._study.assignment.adjudicators}):
            raise Refused(f"{name} adjudicates here and has seen others' labels: only somebody else can code.", 403)

    async def _welcome(self, name: str) -> None:
        """Deal again what nobody has acted on or is looking at."""
        split = set(self._study.assignment.drawn.split)
        kept = {item: whose for whose, item in self._on_screen.items() if item in split}
        for act in self._store.said.latest().values():
            if act.item_id in split:
                kept.setdefault(act.item_id, act.coder)
        joined = self._study.assignment.joined(name, kept)
        await anyio.to_thread.run_sync(joined.write, self._study.folder)
        self._study.assignment = joined

    def _items(self, name: str) -> list[str]:
        return [*self._study.assignment.training_of(name), *self._study.assignment.sample_of(name)]

    def _latest(self, name: str) -> dict[str, Annotation]:
        """The last act of `name` by item, the latest act at the end."""
        last: dict[str, Annotation] = {}
        for act in self._store.said.acts:
            if act.role == "coder" and act.coder == name:
                last.pop(act.item_id, None)
                last[act.item_id] = act
        return last

    def _queue(self, name: str) -> list[str]:
        latest, items = self._latest(name), self._items(name)
        own = set(items)
        fresh = [item for item in items if item not in latest or latest[item].state == "withdrawn"]
        skipped = [item for item, act in latest.items() if act.state == "skipped" and item in own]
        return fresh + skipped

    def _own(self, name: str, opaque: object) -> str:
        for item in self._items(name):
            if self._study.assignment.opaque(item) == opaque:
                return item
        raise Refused("This answer is not yours to label (any more). Reload the page to go on with the next.")

    def _answer(self, name: str, item_id: str | None, notice: str | None) -> Json:
        latest = self._latest(name)
        assignment = self._study.assignment
        training, sample = assignment.training_of(name), assignment.sample_of(name)
        done = {item for item, act in latest.items() if act.state == "labelled"}
        told: Json = {
            "notice": notice,
            "item": None,
            "progress": {
                "done": len(done & set(sample)),
                "of": len(sample),
                "training_done": len(done & set(training)),
                "training_of": len(training),
                "skipped": sum(latest[item].state == "skipped" for item in (*training, *sample) if item in latest),
            },
        }
        if item_id is None:
            self._on_screen.pop(name, None)
            return told
        self._on_screen[name] = item_id
        labels = self._last_labels(name, item_id)
        told["item"] = shown(self._study, self._study.items[item_id], values=labels) | {"training": item_id in training}
        return told

    def _last_labels(self, name: str, item_id: str) -> Json:
        """What `name` last said of an item, taken back or not."""
        said = (
            act.labels
            for act in reversed(self._store.said.acts)
            if act.role == "coder" and act.coder == name and act.item_id == item_id and act.state == "labelled"
        )
        return next(said, {})
