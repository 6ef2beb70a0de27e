"""A call reads within directories, writes nothing and reaches no network."""

import os
import socket
import subprocess
import sys

import pytest

from capplan.agents.confined import Confined
from capplan.errors import InputError


@pytest.fixture
def confined(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/plan.yaml").write_text("x")
    (tmp_path / "out.yaml").write_text("x")
    return Confined([tmp_path / "in"])


def test_it_reads_inside_and_what_python_imports(confined, tmp_path):
    with confined.call():
        assert (tmp_path / "in/plan.yaml").read_text() == "x"
        assert list((tmp_path / "in").iterdir())


@pytest.mark.parametrize(
    "attempt",
    [
        lambda place: (place / "out.yaml").read_text(),
        lambda place: (place / "in/../out.yaml").read_bytes(),
        lambda place: list(place.iterdir()),
        lambda place: (place / "in/plan.yaml").write_text("y"),
        lambda place: (place / "in/plan.yaml").open("a"),
        lambda place: (place / "in/plan.yaml").unlink(),
        lambda place: (place / "in/plan.yaml").rename(place / "in/b"),
        lambda place: (place / "in/new").mkdir(),
        lambda place: os.open(place / "in/new", os.O_CREAT | os.O_WRONLY),
        lambda place: socket.create_connection(("127.0.0.1", 9)),
        lambda place: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda place: os.system("true"),
    ],
)
def test_everything_else_is_refused_during_a_call(confined, tmp_path, attempt):
    with confined.call(), pytest.raises(PermissionError, match="outside the directories"):
        attempt(tmp_path)
    assert (tmp_path / "in/plan.yaml").read_text() == "x"
    assert (tmp_path / "out.yaml").read_text() == "x"


@pytest.mark.parametrize("name", ["../out.yaml", "/etc/passwd", "in/../../out.yaml"])
def test_a_path_that_leads_outside_is_an_error(confined, name):
    with pytest.raises(InputError, match="outside the directories"):
        confined.path(name)


def test_a_path_inside_may_be_relative_or_whole(confined, tmp_path):
    whole = tmp_path / "in/plan.yaml"
    assert confined.path("plan.yaml") == confined.path(str(whole)) == whole.resolve()
