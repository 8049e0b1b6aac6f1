"""Checking mapping files: every mistake is a sentence with its line and column, and a file with one does not load."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from enrichment.mapping.check import MISTAKES_MAX, MappingError, check, check_text, load
from enrichment.mapping.mapping_file import FILE_BYTES_MAX

GOOD = """\
mapping: trial
version: 2
source: {decode: json}
when: "kind != 'login'"
skip:
- {if: "ok == `0`", because: "refused by the CMS"}
fields:
  event_id: {concat: ["'t-'", id]}
  occurred_at: {from: at, time: iso}
  staff_id: user
  client_id: client
  action: {from: kind, table: {open: view, save: update}}
tests:
- in: {id: a1, at: "2026-11-20T09:14:07+13:00", user: kim, client: c1, kind: open, ok: 1}
  out: {event_id: t-a1, action: view, occurred_at: "2026-11-19T20:14:07Z", work_id: null}
- in: {id: a2, at: "2026-11-20T09:14:07+13:00", user: kim, kind: leave}
  refused: action
- in: {id: a3, at: "2026-11-20T09:14:07+13:00", user: kim, kind: login}
  skipped: not what the mapping takes
"""


def mistakes(text: str) -> list[str]:
    """What is said of a file, without its name."""
    checked = check_text(text, "m.yaml")
    assert (checked.mapping is None) is bool(checked.sentences)
    assert all(sentence.startswith("m.yaml") and sentence.endswith(".") for sentence in checked.sentences)
    return [sentence.removeprefix("m.yaml").lstrip(", :").removesuffix(".") for sentence in checked.sentences]


def test_a_good_file() -> None:
    """It has no mistake."""
    assert mistakes(GOOD) == []


CASES = yaml.safe_load((Path(__file__).parents[3] / "golden" / "mapping" / "mistakes.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [pytest.param(case["replace"], case["by"], case["says"], id=str(number)) for number, case in enumerate(CASES)],
)
def test_a_mistake(old: str, new: str, expected: list[str]) -> None:
    """One change to the good file, and what is said of it: the place, the name, what is wrong."""
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert len(expected) == len(found), found
    for begins, sentence in zip(expected, found, strict=True):
        assert sentence.startswith(begins), sentence


def test_every_mistake_at_once() -> None:
    """What is wrong in the form does not hide what is wrong in the meaning."""
    bad = GOOD.replace("mapping: trial", "mapping: No").replace("staff_id: user", "staff_id: {from: a-b, upper: 1}")
    bad = bad.replace("open: view", "open: opened").replace("time: iso", "time: '%y'").replace("sum", "")
    assert [sentence.split(": ")[1] for sentence in mistakes(bad)] == [
        "mapping",
        "fields.staff_id.upper",
        "fields.occurred_at.time",
        "fields.action.table.open",
    ]


def test_the_same_event_id_for_two_records() -> None:
    """Of two samples that differ, or of the members of one."""
    twin = GOOD + '- {in: {id: a1, at: "2026-11-20T10:00:00+13:00", user: lee, kind: open}, out: {}}\n'
    assert mistakes(twin) == ["line 20, column 3: tests.3: has the event_id of tests.0, which is another access"]
    again = (
        GOOD + "- in: {id: a1, at: '2026-11-20T09:14:07+13:00', user: kim, client: c1, kind: open, new: 1}\n  out: {}\n"
    )
    assert mistakes(again) == []
    several = GOOD.replace("fields:", "for_each: c\nfields:").replace("\"'t-'\", id", '"\'t-\'", "item.x && id"')
    several = several.replace("ok: 1}", "ok: 1, c: [{x: 1}, {x: 2}]}").replace(
        "out: {event_id: t-a1,", "out: [{}, {event_id: t-a1,"
    )
    several = several.replace("work_id: null}", "work_id: null}]").replace(
        "user: kim, kind: leave}", "user: kim, kind: leave, c: [{x: 1}]}"
    )
    assert mistakes(several) == [
        "line 15, column 3: tests.0: makes several accesses with one event_id, of which one would count"
    ]


def test_a_bare_number_as_event_id() -> None:
    """Another system has it, too."""
    bare = GOOD.replace("{concat: [\"'t-'\", id]}", "{from: id, text: true}").replace("t-a1", "'1'")
    for number in (1, 2, 3):
        bare = bare.replace(f"id: a{number}", f"id: {number}")
    (sentence,) = mistakes(bare)
    assert sentence.startswith("line 8, column 13: fields.event_id: is only a number, which another source has too")


def test_search_text_that_is_dropped_or_counted() -> None:
    """Dropped by its name, on either list; or looked at through a table, or only for which fields there are."""
    searched = GOOD.replace("ok: 1}", "ok: 1, criteria: {surname: x}, query: smith}")
    assert len(mistakes(searched)) == 2
    dropped = searched.replace("fields:", "drop: [criteria.surname, query]\nfields:")
    assert mistakes(dropped) == []
    by_field = searched.replace(
        "client_id: client", "client_id: client\n  query: drop\n  criteria.surname: {drop: true}"
    )
    assert mistakes(by_field) == []
    names = dropped.replace(
        "client_id: client",
        "client_id: client\n  search.fields: {from: criteria && keys(criteria), table: {surname: name}}\n"
        "  search.result_count: {const: 0}",
    )
    assert [sentence for sentence in mistakes(names) if "search" in sentence.lower()] == []


def test_contact_details_are_made_opaque() -> None:
    """A mapping of people that would let a telephone number in does not load."""
    staff = """\
mapping: hr
version: 1
to: staff
source: {decode: json}
fields:
  staff_id: no
  kind: {const: employee}
  status: {const: active}
  org_unit: unit
  links.phone: phone
tests:
- {in: {no: a1, unit: u, phone: "021"}, out: {staff_id: a1}}
- {in: {unit: u}, refused: staff_id}
"""
    (sentence,) = mistakes(staff)
    assert sentence.startswith("line 10, column 16: fields.links.phone: is a contact detail, which never enters as it")
    assert mistakes(staff.replace("links.phone: phone", "links.phone: {from: phone, token: digits}")) == []


def test_files_that_are_none(tmp_path: Path) -> None:
    """A file that is not there, too large, no text, no YAML, or holds something else."""
    assert check(tmp_path / "none.yaml").sentences == [
        f"{tmp_path}/none.yaml: cannot be read (No such file or directory)."
    ]
    file = tmp_path / "m.yaml"
    file.write_bytes(b"\xff\xfe")
    assert check(file).sentences == [f"{file}: is not UTF-8 text."]
    file.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert check(file).sentences == [f"{file}: is larger than {FILE_BYTES_MAX} bytes."]
    assert mistakes("- a\n- b\n") == ["line 1, column 1: must hold names and values at its top level"]
    assert mistakes("") == ["must hold names and values at its top level"]
    assert mistakes("a: &x [*x]\n")[0].endswith("nests deeper than 72")
    assert mistakes("? [a]\n: b\n") == ["line 1, column 3: a name must be a plain word"]
    many = "mapping: x\nfields:\n" + "".join(f"  f{number}: {{x: 1}}\n" for number in range(60))
    assert len(mistakes(many)) == MISTAKES_MAX + 1


def test_load(tmp_path: Path) -> None:
    """A good file loads, and a bad one raises with every sentence."""
    file = tmp_path / "m.yaml"
    file.write_text(GOOD)
    assert load(file).name == "trial"
    file.write_text(GOOD.replace("open: view", "open: opened"))
    with pytest.raises(MappingError) as error:
        load(file)
    assert len(error.value.sentences) == 1


def test_the_command(tmp_path: Path) -> None:
    """``accesswatch mapping check``: 0, 1 with the sentences on stderr, 2 where it is not understood."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text("mapping: x\n")

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "console", "mapping", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stderr

    assert run("check", str(good)) == (0, "")
    code, said = run("check", str(good), str(bad))
    assert code == 1
    assert f"{bad}, line 1, column 1: version: is missing." in said
    assert run("guess", str(good))[0] == 2
