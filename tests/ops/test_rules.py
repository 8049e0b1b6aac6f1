"""The alert rules for operations: each fires, stays quiet, resolves, and says the right thing of no series at all."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.metrics import Metrics
from tests.ops.rule_cases import CASES, Case

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
HEADINGS = ["What it means for the people", "The first five minutes", "Likely causes", "How to be sure that it is over"]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: install the package `prometheus`"
)


def rules() -> Iterator[dict[str, Any]]:
    """Yield every alert rule."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule for rule in group["rules"] if "alert" in rule)


def test_each_rule_has_a_case() -> None:
    """No rule is untested, and no case is about none."""
    assert sorted(rule["alert"] for rule in rules()) == sorted(case.alert for case in CASES)


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule["alert"])
def test_each_rule_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    """A summary, a description with the figure or the place, and a runbook that is there and names the alert."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["description"].endswith(".")
    runbook = (ROOT / rule["annotations"]["runbook_url"]).read_text("utf-8")
    assert f"`{rule['alert']}`" in runbook


@pytest.mark.parametrize("runbook", sorted((ROOT / "docs" / "runbooks").glob("[!R]*.md")), ids=lambda path: path.stem)
def test_each_runbook_has_its_headings(runbook: Path) -> None:
    """The four of them, in order; and it belongs to a rule."""
    found = re.findall(r"^## (.+)$", runbook.read_text("utf-8"), re.MULTILINE)
    assert found[:4] == HEADINGS
    assert f"docs/runbooks/{runbook.name}" in {rule["annotations"]["runbook_url"] for rule in rules()}


def test_rules_and_runbooks_ask_for_metrics_that_are_there() -> None:
    """A renamed metric would leave a rule that never fires."""
    described = Metrics().forms.described
    known = {one.name for one in described}
    known |= {one.name + end for one in described if one.type == "histogram" for end in ("_bucket", "_count", "_sum")}
    for file in [*RULES, *(ROOT / "docs" / "runbooks").glob("*.md")]:
        asked = set(re.findall(r"\baccesswatch_\w+", file.read_text("utf-8")))
        assert asked <= known, f"{file.name} asks for {asked - known}"


@needs_promtool
@pytest.mark.long
@pytest.mark.parametrize("step", sorted({case.step for case in CASES}), ids=lambda step: f"step-{step}m")
@pytest.mark.parametrize("rule_file", RULES, ids=lambda file: file.stem)
def test_rules_live(rule_file: Path, step: int, tmp_path: Path) -> None:
    """Quiet, firing, quiet again; and without any series a rule fires only where it watches for absence."""
    cases = [case for case in CASES if case.step == step and f"alert: {case.alert}\n" in rule_file.read_text()]
    tests = tmp_path / "tests.yml"
    lives = [life for case in cases for life in (_alive(case), _without_series(case))]
    document = {"rule_files": [str(rule_file)], "evaluation_interval": f"{step}m", "tests": lives}
    tests.write_text(yaml.safe_dump(document))
    done = _run(["promtool", "test", "rules", str(tests)])
    assert done.returncode == 0, done.stdout + done.stderr


def _alive(case: Case) -> dict[str, Any]:
    return {
        "interval": f"{case.step}m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [
            _expected(case.alert, case.quiet, fires=False),
            _expected(case.alert, case.fires, fires=True),
            _expected(case.alert, case.resolved, fires=False),
        ],
    }


def _without_series(case: Case) -> dict[str, Any]:
    return {"interval": "1m", "promql_expr_test": [_expected(case.alert, 90, fires=case.missing)]}


def _expected(alert: str, minutes: int, *, fires: bool) -> dict[str, Any]:
    query = f'count(count by (alertname) (ALERTS{{alertname="{alert}",alertstate="firing"}}))'
    return {
        "expr": query,
        "eval_time": f"{minutes}m",
        "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
    }


@needs_promtool
def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    """Prometheus' own check, with the rules where the example has them."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["rule_files"] = [str(file) for file in RULES]
    example = tmp_path / "prometheus.yml"
    example.write_text(yaml.safe_dump(config))
    done = _run(["promtool", "check", "config", str(example)])
    assert done.returncode == 0, done.stdout + done.stderr


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True)
