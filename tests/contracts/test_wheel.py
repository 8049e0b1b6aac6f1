"""What is installed: our packages and no other top-level name, with the files that they read at run time."""

import importlib.metadata
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_SECONDS_MAX = 120.0

#: A flat set of top-level packages was asked for.
OURS = {"console", "sandbox", "stream", "agents", "cases", "history", "alerts", "enrichment", "simulator"}
DATA = {
    "alerts/shipped/limits.yaml": "deploy/limits.yaml",
    "alerts/shipped/delivery.yaml": "deploy/delivery.yaml",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of a copy of our packages, so that nothing else that lies about gets into it."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if uv is None:
        pytest.skip("there is no uv to build a wheel with")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    _copy(source)
    said = ""
    for offline in (["--offline"], []):
        done = subprocess.run(
            [uv, "build", "--wheel", "--quiet", *offline, "--out-dir", str(target), str(source)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
            check=False,
        )
        if done.returncode == 0:
            return next(target.glob("*.whl"))
        said = done.stderr.strip()
    if "hatchling" in said and ("fetch" in said or "resolve" in said or "network" in said):
        pytest.skip("the build tool hatchling is not in uv's cache, and no package index answers")
    raise AssertionError(f"the wheel cannot be built: {said}")


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Caches, and what an installation puts into alerts/shipped."""
    return {"__pycache__"} | ({"shipped"} if Path(folder) == ROOT / "alerts" else set()) & set(names)


def _copy(target: Path) -> None:
    names = {"pyproject.toml", "README.md", "deploy", *OURS}
    for name in sorted(names):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=_left_out)
        else:
            shutil.copy(ROOT / name, target / name)


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_its_top_level_names_are_ours(names: set[str]) -> None:
    """Exactly our packages, beside what describes the distribution."""
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == OURS
    assert len(top) == len(OURS) + 1


def test_every_package_of_ours_is_in_it(names: set[str]) -> None:
    """Each module, migrations and files that are no Python included; no test and no cache."""
    expected = {
        str(path.relative_to(ROOT))
        for package in OURS
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ROOT / "alerts" / "shipped" not in path.parents
    }
    assert expected - names == set()
    assert [name for name in names if "__pycache__" in name or name.startswith("tests")] == []


def test_the_shipped_files_are_in_it(wheel: Path) -> None:
    """As they stand in deploy/, where ``alerts/detection/config.py`` and its like look for them once installed."""
    with zipfile.ZipFile(wheel) as archive:
        for name, source in DATA.items():
            assert (ROOT / source).read_bytes() == archive.read(name)


def test_migrations_are_in_it(names: set[str]) -> None:
    """From the first table on, with what runs them."""
    assert {"alerts/store/migrations/env.py", "alerts/store/migrations/versions/0001_first_tables.py"} <= names


def test_the_command_is_in_it(wheel: Path) -> None:
    """``accesswatch`` is what pip puts on PATH."""
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "accesswatch = console.main:main" in archive.read(entry).decode()


def test_the_image_is_made_of_them() -> None:
    """Docker is shown each package, and copies it before the last installation."""
    shown = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert {name for name in OURS if f"!{name}" not in shown} == set()
    assert {name for name in OURS if f"COPY {name} {name}" not in copied} == set()


def test_nobody_else_owns_a_name_of_ours() -> None:
    """No other installed distribution has a top-level package or module called as one of ours."""
    owners = importlib.metadata.packages_distributions()
    taken = {name: set(owners.get(name, ())) - {"accesswatch"} for name in OURS}
    assert {name: found for name, found in taken.items() if found} == {}
    files = {
        (distribution.name, file.parts[0].removesuffix(".py"))
        for distribution in importlib.metadata.distributions()
        if distribution.name != "accesswatch"
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in OURS
    }
    assert files == set()
