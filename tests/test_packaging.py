"""The wheel holds everything that capplan needs, and works far from the checkout."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ("catalogs", "templates", "examples")
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    directory = tmp_path_factory.mktemp("wheel")
    _pip("wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory))
    (built,) = directory.glob("capplan-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that holds the wheel, installed, and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    _pip("install", str(wheel), "--no-deps", "--no-index", "--target", str(target))
    return target


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _run(installed: Path, code: str, *arguments: str, cwd: Path) -> str:
    """Run ``code`` with the wheel's capplan; -S and PYTHONPATH keep the editable install out of the way."""
    path = os.pathsep.join([str(installed), *site.getsitepackages()])
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_CAPPLAN = "import sys; from capplan.cli.app import main; main(sys.argv[1:])"


def _source_files(top: Path) -> set[str]:
    """Return the names of the files below ``top`` that belong into a wheel."""
    return {
        path.relative_to(top).as_posix()
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("name", DATA)
def test_wheel_holds_every_data_file_byte_for_byte(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if n.startswith(f"capplan/{name}/")}
        expected = _source_files(ROOT / name)
        assert packed == {f"capplan/{name}/{file}" for file in expected}
        assert expected
        for file in expected:
            assert archive.read(f"capplan/{name}/{file}") == (ROOT / name / file).read_bytes()


def test_wheel_holds_every_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if n.endswith(".py")}
    modules = {f"capplan/{file}" for file in _source_files(ROOT / "src" / "capplan") if file.endswith(".py")}
    assert packed == modules


def test_wheel_holds_nothing_large_or_foreign(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert [file.filename for file in archive.infolist() if file.file_size > MEGABYTE] == []
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert len(tops) == 2
    assert "capplan" in tops
    assert all(top == "capplan" or top.endswith(".dist-info") for top in tops)


def test_wheel_is_licensed_and_has_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {name.split("/", 1)[1]: name for name in archive.namelist() if ".dist-info/" in name}
        assert "licenses/LICENSE" in texts
        commands = archive.read(texts["entry_points.txt"]).decode()
        metadata = archive.read(texts["METADATA"]).decode()
    assert "capplan = capplan.cli.app:main" in commands
    assert f"Version: {_version()}" in metadata


def _version() -> str:
    from capplan import __version__

    return __version__


def test_installed_wheel_estimates_an_example(installed: Path, tmp_path: Path) -> None:
    where = _run(installed, "import capplan; print(capplan.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed)
    _run(installed, _CAPPLAN, "init", "copy", "--example", "afpi", cwd=tmp_path)
    shown = _run(installed, _CAPPLAN, "estimate", "copy", cwd=tmp_path)
    assert shown.startswith("afpi: ")
    assert "\ntotal " in shown


def test_installed_wheel_needs_no_checkout(installed: Path, tmp_path: Path) -> None:
    code = "from capplan.paths import data_dir; print(*map(data_dir, ('catalogs', 'templates', 'examples')))"
    for place in _run(installed, code, cwd=tmp_path).split():
        assert Path(place).is_relative_to(installed)


def test_installed_wheel_writes_a_starter_plan(installed: Path, tmp_path: Path) -> None:
    _run(installed, _CAPPLAN, "init", "--yes", "--platform", "aks", cwd=tmp_path)
    assert "Standard_D4s_v5" in _run(installed, _CAPPLAN, "estimate", ".", cwd=tmp_path)


def test_no_two_names_differ_only_by_case() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if len(tracked) < 2:
        pytest.skip("not a git checkout")
    # Directories, too: Docs/ and docs/ are one on a Mac.
    names = {name for file in filter(None, tracked) for name in (file, *map(str, Path(file).parents))}
    counted = Counter(name.casefold() for name in names)
    assert [name for name, count in counted.items() if count > 1] == []
