"""What it is to follow a runbook: a fault is put in, its alert comes, its queries are asked, and all is well again."""

import asyncio
import json
import math
import re
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.fault import Heal
from tests.faults.fleet import Fleet
from tests.ops.exercises import FEED_SECONDS, Exercise
from tests.ops.prometheus import Prometheus
from tests.ops.test_rules import ROOT, RULES

#: Durations of rules are divided by it.
SHORTENED = 20
FIRES_SECONDS_MAX = 150.0
ENDS_SECONDS_MAX = 230.0
LOOK_SECONDS = 0.5
#: Seconds until Prometheus has what a worker says now.
SCRAPED_SECONDS = 4.0
#: Labels that are put behind an answer.
_TOLD = ("agent", "rule", "topic", "kind", "channel", "stage", "severity", "setting")
#: Figures in rules that are seconds, as they stand there, and as they stand here.
_SECONDS = {
    "< 300": "< 15", "seconds) > 300": "seconds) > 15", "> 900": "> 45", "}) > 600": "}) > 30", "}) > 60": "}) > 3",
    "seconds) > 60": "seconds) > 3", "> 388800": f"> {FEED_SECONDS}",
}  # fmt: skip
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(slots=True)
class Followed:
    """What was seen."""

    exercise: Exercise
    fired_after: float | None = None
    ended_after: float | None = None
    beside: set[str] = field(default_factory=set)
    ready: str = ""
    events: list[str] = field(default_factory=list)
    #: Query -> what it answered while the alert fired, and after it had ended.
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)


def shortened(directory: Path) -> list[Path]:
    """Write the rules with shorter durations."""
    written = []
    for rules in RULES:
        text = re.sub(r"for: (\d+)([smhd])", lambda found: f"for: {_short(found)}", rules.read_text())
        text = re.sub(r"\[(\d+)([smhd])\]", lambda found: f"[{_short(found)}]", text)
        for long, short in _SECONDS.items():
            text = text.replace(long, short)
        written.append(directory / rules.name)
        written[-1].write_text(text)
    return written


def _short(found: "re.Match[str]") -> str:
    return f"{max(3, int(found[1]) * _UNITS[found[2]] // SHORTENED)}s"


def queries(runbook: str) -> list[str]:
    """Return the queries that a runbook asks."""
    text = (ROOT / "docs" / "runbooks" / f"{runbook}.md").read_text("utf-8")
    found = [code.replace("\\|", "|") for code in re.findall(r"`([^`\n]+)`", text)]
    asked = [code for code in found if re.search(r"\baccesswatch_\w|\bprocess_\w|\bup\{", code)]
    return list(dict.fromkeys(code for code in asked if re.search(r"[({ ]", code)))


async def follow(
    exercise: Exercise, inject: Callable[[], Awaitable[Heal]], fleet: Fleet, prometheus: Prometheus
) -> Followed:
    """Inject the fault, wait for its alert, ask the runbook's queries, take the fault away, wait for the end."""
    found = Followed(exercise)
    # The fault of before may still be in the alert's window.
    await _until(lambda: exercise.alert not in prometheus.firing(), time.monotonic(), ENDS_SECONDS_MAX)
    before = _events(fleet)
    began = time.monotonic()
    heal = await inject()
    found.fired_after = await _until(lambda: exercise.alert in prometheus.firing(), began, FIRES_SECONDS_MAX)
    found.beside = prometheus.firing() - {exercise.alert}
    found.ready = (await fleet.page(fleet.workers[0], "/readyz"))[1].strip().replace("\n", "; ")
    # Where it lay says nothing to a reader.
    found.ready = re.sub(r"/\S+/(?=[^/\s]+)", "", found.ready)
    meanwhile = {query: _answered(prometheus, query) for query in queries(exercise.runbook)}
    found.events = sorted({name for name, count in _events(fleet).items() if count > before.get(name, 0)})
    await heal()
    healed = time.monotonic()
    found.ended_after = await _until(lambda: exercise.alert not in prometheus.firing(), healed, ENDS_SECONDS_MAX)
    with suppress(TimeoutError):
        await fleet.wait_ready()
    await asyncio.sleep(SCRAPED_SECONDS)
    found.answers = {query: (said, _answered(prometheus, query)) for query, said in meanwhile.items()}
    return found


async def _until(happened: Callable[[], bool], began: float, seconds_max: float) -> float | None:
    while time.monotonic() - began < seconds_max:
        if await asyncio.to_thread(happened):
            return time.monotonic() - began
        await asyncio.sleep(LOOK_SECONDS)
    return None


def _events(fleet: Fleet) -> dict[str, int]:
    """Count our events in the logs of all workers; what libraries say has no names."""
    counts: dict[str, int] = {}
    for log in fleet.directory.glob("worker-*.log"):
        for line in log.read_text("utf-8", "replace").splitlines():
            with suppress(json.JSONDecodeError):
                event = json.loads(line)["event"]
                if re.fullmatch(r"[a-z-]+", event):
                    counts[event] = counts.get(event, 0) + 1
    return counts


def _answered(prometheus: Prometheus, query: str) -> str:
    try:
        found = prometheus.query(query)
    except OSError as error:
        return f"cannot be asked ({error})"
    told = []
    for series in sorted(found, key=lambda one: -float(one["value"][1])):
        value = float(series["value"][1])
        # The prefix of this run's topics says nothing to a reader.
        labels = [re.sub(r"^faults-\w+\.", "", said) for name, said in series["metric"].items() if name in _TOLD]
        shown = "NaN" if math.isnan(value) else f"{value:.3g}"
        told.append(f"{shown} ({', '.join(labels)})" if labels and value != 0 else shown)
    # All that is 0 is said once; four of the others are enough.
    told = list(dict.fromkeys(told))
    return "; ".join(told[:4]) or "nothing"


def say(found: Followed, *, write: bool) -> None:
    """Print what was seen; put it into the runbook where that is wanted and there was something to see."""
    print(text(found), flush=True)  # noqa: T201 what the exercise is run for
    # A runbook whose alert did not fire was not followed.
    if write and found.fired_after is not None:
        _write(found)


def text(found: Followed) -> str:
    """Return what was seen, as it stands in the runbook."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    exercise = found.exercise
    when = f"{datetime.now(UTC):%-d %B %Y}, commit {commit}, `python -m tests.ops.followed --only {exercise.kind}`"
    fired, ended = _seconds(found.fired_after), _seconds(found.ended_after)
    lines = [
        f"{when}: {exercise.what}. Rules' durations were shortened twenty-fold.",
        "",
        f"- `{exercise.alert}` fired {fired} after that and ended {ended} after the fault was taken away.",
        f"- Beside it fired: {', '.join(sorted(f'`{name}`' for name in found.beside)) or 'nothing'}.",
        f"- `/readyz` said: {found.ready or 'nothing (no answer)'}",
        f"- Events in the log: {', '.join(f'`{name}`' for name in found.events) or 'none'}.",
        "",
        "| query | meanwhile | afterwards |",
        "|---|---|---|",
    ]
    rows = [f"| `{query}` | {said} | {then} |".replace("=~", "=~") for query, (said, then) in found.answers.items()]
    return "\n".join([*lines, *(row if "|" not in row.split("`")[1] else _escaped(row) for row in rows)])


def _escaped(row: str) -> str:
    head, query, tail = row.split("`", 2)
    return f"{head}`{query.replace('|', chr(92) + '|')}`{tail}"


def _seconds(seconds: float | None) -> str:
    return "not in time" if seconds is None else f"{seconds:.0f} s"


def _write(found: Followed) -> None:
    """Put it into the runbook; what another fault left there stays."""
    file = ROOT / "docs" / "runbooks" / f"{found.exercise.runbook}.md"
    before, _, followed = file.read_text("utf-8").partition("## Followed\n")
    parts = [part.strip().removeprefix("### ") for part in followed.split("\n### ")]
    kept = [part for part in parts if part and "Not followed" not in part and not part.startswith(found.exercise.kind)]
    fresh = f"{found.exercise.kind}\n\n{text(found)}"
    file.write_text(f"{before}## Followed\n" + "".join(f"\n### {part}\n" for part in [*kept, fresh]))
