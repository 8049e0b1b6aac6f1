"""A source of a test: a mapping file in a folder, its topics, and records as that source would write them."""

from pathlib import Path
from typing import Any

from enrichment.mapping.check import load
from enrichment.mapping.mapping import Mapping

TRIAL = """\
mapping: trial
version: 1
source: {decode: json}
skip: [{if: "what == 'ping'", because: a sign of life}]
sequence: id
fields:
  event_id: {concat: ["'t-'", {ID}]}
  occurred_at: {from: at, time: iso}
  staff_id: user
  client_id: client
  action: {from: what, table: {open: view}}
tests:
- {in: {id: 1, at: "2026-11-20T09:14:07+13:00", user: kim, client: c1, what: open}, out: {event_id: t-1}}
- {in: {id: 2, at: "2026-11-20T09:14:07+13:00", user: kim, client: c1, what: shut}, refused: action}
- {in: {id: 3, at: "2026-11-20T09:14:07+13:00", user: kim, client: c1, what: ping}, skipped: a sign of life}
""".replace("{ID}", "to_string(id)")


def a_folder(folder: Path, **mappings: str) -> Path:
    """Write mapping files, by name, into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    for name, text in (mappings or {"trial": TRIAL}).items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


def a_mapping(folder: Path, text: str = TRIAL) -> Mapping:
    """Return a mapping, read from a file."""
    return load(a_folder(folder, trial=text) / "trial.yaml")


def opened(number: int, **fields: Any) -> dict[str, Any]:
    """Return a row of the source: kim opened a client's record."""
    row = {"id": number, "at": "2026-11-20T09:14:07+13:00", "user": "kim", "client": f"c{number}", "what": "open"}
    return row | fields
