"""Reads what others publish: a folder of CVE records and a file of ATT&CK objects. Knows nothing of prompts.

The CVE List is looked up record by record, never read whole: it has more than 300 000 of them.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_RECORD = re.compile(r"CVE-(\d{4})-(\d+)\.json")
_GIVE = "Give enterprise-attack.json of mitre/cti."
_NAMED = {"malware", "tool", "intrusion-set", "campaign"}


class OutsideError(Exception):
    """What was given is not what it should be; the sentence says what to give instead."""


@dataclass(frozen=True)
class CveList:
    """A copy of CVEProject/cvelistV5 (or of the older cvelist), or any folder with files named CVE-….json."""

    root: Path
    flat: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> CveList:
        """The list in `folder`, its `cves` folder, or the records that lie anywhere below it.

        Raises:
            OutsideError: there is no record.
        """
        if not folder.is_dir():
            raise OutsideError(f"{folder} is no folder. Give a copy of CVEProject/cvelistV5.")
        for root in (folder / "cves", folder, folder.parent if re.fullmatch(r"\d{4}", folder.name) else folder):
            if any(root.glob("[12][0-9][0-9][0-9]/*xxx/CVE-*.json")):
                return cls(root)
        flat = {path.stem: path for path in folder.rglob("CVE-*.json") if _RECORD.fullmatch(path.name)}
        if not flat:
            raise OutsideError(f"{folder} holds no CVE records. Give a copy of CVEProject/cvelistV5.")
        return cls(folder, flat)

    def state(self, cve_id: str) -> str | None:
        """PUBLISHED, RESERVED or REJECTED; None where the list has no record of it.

        Raises:
            OutsideError: the record cannot be read.
        """
        if not _RECORD.fullmatch(f"{cve_id}.json"):
            return None
        path = self.flat.get(cve_id) if self.flat else self._block(cve_id) / f"{cve_id}.json"
        if path is None or not path.is_file():
            return None
        try:
            record = json.loads(path.read_bytes())
            state = (record.get("cveMetadata") or {}).get("state") or (record.get("CVE_data_meta") or {})["STATE"]
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise OutsideError(f"{path} is no CVE record ({error!r}). Fetch the list anew.") from None
        # The older format says PUBLIC and REJECT.
        return {"PUBLIC": "PUBLISHED", "REJECT": "REJECTED"}.get(str(state), str(state))

    def _block(self, cve_id: str) -> Path:
        _, year, number = cve_id.split("-")
        return self.root / year / f"{number[:-3]}xxx"


@dataclass(frozen=True)
class Attack:
    """What an ATT&CK file holds.

    Args:
        names: software, groups and campaigns, with their aliases, each with the id of its object.
        techniques: names by id.
        gone: ids of what is revoked or deprecated.
    """

    names: dict[str, str]
    techniques: dict[str, str]
    gone: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> Attack:
        """A STIX bundle of mitre/cti, or a table with the columns `attack_id`, `name` and perhaps `aliases`.

        Raises:
            OutsideError: it is neither.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise OutsideError(f"{path} cannot be read ({error}). {_GIVE}") from None
        rows = _table_rows(path, text) if path.suffix.lower() == ".csv" else _bundle_rows(path, text)
        names: dict[str, str] = {}
        techniques: dict[str, str] = {}
        gone = set()
        for attack_id, title, aliases, is_gone in rows:
            if is_gone:
                gone.add(attack_id)
            if re.fullmatch(r"T\d{4}(\.\d{3})?", attack_id):
                techniques[attack_id] = title
            else:
                names |= dict.fromkeys([title, *aliases], attack_id)
        if not names and not techniques:
            raise OutsideError(
                f"{path} names no software, group or technique. Give enterprise-attack.json of mitre/cti."
            )
        return cls(names, techniques, frozenset(gone))


_Rows = list[tuple[str, str, list[str], bool]]


def _table_rows(path: Path, text: str) -> _Rows:
    csv.field_size_limit(2**24)
    table = csv.DictReader(text.splitlines())
    if not {"attack_id", "name"} <= set(table.fieldnames or ()):
        raise OutsideError(f"{path} has no columns attack_id and name. {_GIVE}")
    try:
        rows = list(table)
    except csv.Error as error:
        raise OutsideError(f"{path} is no table ({error}). {_GIVE}") from None
    return [
        (row["attack_id"], row["name"], (row.get("aliases") or "").split("|"), False)
        for row in rows
        if row["attack_id"] and row["name"]
    ]


def _bundle_rows(path: Path, text: str) -> _Rows:
    try:
        objects = json.loads(text)["objects"]
        return [_object_row(one) for one in objects if one.get("type") in _NAMED | {"attack-pattern"}]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutsideError(f"{path} is no STIX bundle ({error!r}). {_GIVE}") from None


def _object_row(one: dict[str, Any]) -> tuple[str, str, list[str], bool]:
    ids = [ref["external_id"] for ref in one.get("external_references", ()) if ref.get("source_name") == "mitre-attack"]
    aliases = one.get("x_mitre_aliases") or one.get("aliases") or []
    is_gone = bool(one.get("revoked") or one.get("x_mitre_deprecated"))
    made = (ids[0] if ids else one["id"], one["name"], aliases, is_gone)
    if not all(isinstance(text, str) for text in (*made[:2], *aliases)):
        raise TypeError(f"{one['id']} has an id, a name or an alias that is no text")
    return made
