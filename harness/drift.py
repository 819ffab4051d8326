"""Notices what changes under a run: the served version, its fingerprint, a template, the dtype, the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.record import Record


class DriftWatch:
    """Remembers every value that each variant resolved to, so that two that alternate are told once.

    Args:
        seen: variant → fact → the values so far, as an earlier invocation left them; kept up to date.
    """

    def __init__(self, seen: dict[str, dict[str, list[Any]]]) -> None:
        self.seen = seen
        self.revision = 0
        """Grows whenever `seen` does."""

    def changes(self, record: Record) -> dict[str, tuple[Any, Any]]:
        """What `record` shows for the first time: fact → (the value before, the value now). Empty for a failure."""
        done = record.completion
        if done is None:
            return {}
        return self._changes(record.request.variant.name, _facts(done.model_version, done.runtime, done.template))

    def knows(self, name: str, answer: Mapping[str, Any]) -> None:
        """Take note of what an answer that another run had says of itself, a line of its journal.

        Nothing has changed under this run by that; what it hears itself is held against it.
        """
        self._changes(name, _facts(answer.get("model_version"), answer.get("runtime"), answer.get("template")))

    def _changes(self, variant: str, facts: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        known = self.seen.setdefault(variant, {})
        changed = {}
        for name, value in facts.items():
            values = known.setdefault(name, []) if value is not None else None
            if values is None or value in values:
                continue
            if values:
                changed[name] = (values[-1], value)
            values.append(value)
            self.revision += 1
        return changed


def _facts(
    model_version: str | None, runtime: Mapping[str, Any] | None, template: Mapping[str, Any] | None
) -> dict[str, Any]:
    runtime, template = runtime or {}, template or {}
    return {
        "model_version": model_version,
        "system_fingerprint": runtime.get("system_fingerprint"),
        "dtype": runtime.get("dtype"),
        "device": runtime.get("device"),
        "chat_template_hash": template.get("hash"),
    }
