"""What only a real process shows: modules loaded, pipes, terminals, encodings, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).resolve().parent / "plans"
FROZEN = Path(__file__).resolve().parent / "frozen_catalogs"
SHOP = ("estimate", str(PLANS / "shop.yaml"), "--catalogs", str(FROZEN))
CROWDED = ("estimate", str(PLANS / "crowded.yaml"), "--catalogs", str(FROZEN))
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

posix_only = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals and signals are POSIX's")

# Modules

_MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(m for m in sys.modules if "." not in m)), file=sys.stderr))
from capplan.cli.app import main
main(sys.argv[1:])
"""


def modules_of(*arguments: str) -> set[str]:
    """Return the top-level modules that a run has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


HEAVY = {"numpy", "jinja2", "yaml", "pydantic", "rich"}


def test_version_imports_nothing_heavy() -> None:
    assert modules_of("--version") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["estimate", "--help"], ["init", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    # typer itself may load pydantic to describe a command's options.
    assert modules_of(*arguments) & HEAVY <= {"pydantic"}


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown", "focus"])
def test_estimate_imports_only_what_it_uses(fmt: str) -> None:
    assert modules_of("estimate", "examples/afpi", "--format", fmt) & HEAVY == {"numpy", "yaml", "pydantic"}


@pytest.mark.parametrize("command", [["list", "--service", "elb"], ["show", "alb-hour"]], ids=lambda c: c[0])
def test_catalog_imports_no_numpy(command: list[str]) -> None:
    assert modules_of("catalog", *command) & HEAVY <= {"yaml", "pydantic"}


# Streams


def test_result_goes_to_stdout_and_nothing_to_stderr(process: Callable) -> None:
    assert process(*SHOP, "-v")[::2] == (0, "")


def test_message_goes_to_stderr_and_nothing_to_stdout(process: Callable, tmp_path: Path) -> None:
    run = process("estimate", "nowhere", cwd=tmp_path)
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr == "capplan: nowhere: no such file.\n"


def test_plan_comes_from_stdin_and_result_goes_to_a_dash(process: Callable) -> None:
    plan = (PLANS / "shop.yaml").read_bytes()
    run = process("estimate", "-", "-o", "-", "--catalogs", FROZEN, stdin=plan)
    assert run == process(*SHOP)


@posix_only
def test_what_is_no_file_is_written_to_and_stays(process: Callable, tmp_path: Path) -> None:
    """Devices, named pipes and what `>(command)` stands for; replacing one would break what it was."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "capplan", "schema", "-o"]
    kept = tmp_path / "kept"
    with kept.open("wb") as file, subprocess.Popen(["cat", str(pipe)], stdout=file):
        done = subprocess.run([*command, str(pipe)], capture_output=True, check=True, cwd=ROOT, timeout=60)
    assert kept.read_text(encoding="utf-8") == process("schema").stdout
    assert pipe.is_fifo()
    assert (done.stdout, done.stderr) == (b"", f"wrote {pipe}\n".encode())
    to_stdout = subprocess.run([*command, "/dev/stdout"], capture_output=True, check=True, cwd=ROOT)
    assert to_stdout.stdout == process("schema").stdout.encode()
    assert to_stdout.stderr == b""


def test_module_and_script_are_one_program(process: Callable) -> None:
    script = Path(sys.executable).with_name("capplan")
    if not script.exists():
        pytest.skip("capplan is not installed beside this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == process("--version").stdout
    assert re.fullmatch(r"capplan \d+\.\d+\.\d+\S*\n", done.stdout)


@posix_only
@pytest.mark.parametrize(
    "arguments",
    [["catalog", "list", "--format", "json"], ["schema"], ["estimate", "examples/afpi"]],
    ids=" ".join,
)
def test_reader_that_leaves_early_is_no_error(arguments: list[str]) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "capplan", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 0


@posix_only
@pytest.mark.parametrize("arguments", [["schema"], ["estimate", "examples/afpi"], ["--help"]], ids=" ".join)
def test_reader_that_left_before_the_first_line_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "capplan", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_reader_that_was_never_there_is_no_error(process: Callable) -> None:
    closed = f"exec {sys.executable} -m capplan estimate examples/afpi >&-"
    done = subprocess.run(["/bin/sh", "-c", closed], stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert b"Traceback" not in done.stderr


@posix_only
def test_full_disk_is_said_and_no_traceback(process: Callable) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    full = f"exec {sys.executable} -m capplan estimate examples/afpi >/dev/full"
    done = subprocess.run(["/bin/sh", "-c", full], stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (2, b"capplan: stdout: No space left on device\n")


# Signals and errors

_INTERRUPTIBLE = """
import signal, sys
from capplan.cli.app import main
# A shell that runs tests in the background makes them ignore interrupts, and capplan with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
main(sys.argv[1:])
"""


@posix_only
def test_interrupt_exits_130_without_a_traceback(tmp_path: Path) -> None:
    # A named pipe with no writer keeps capplan waiting where an interrupt will find it.
    plan = tmp_path / "plan.yaml"
    os.mkfifo(plan)
    waiting = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTIBLE, "estimate", str(plan)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Opening for writing succeeds only once capplan has opened the pipe for reading.
    with plan.open("wb"):
        waiting.send_signal(signal.SIGINT)
        stdout, stderr = waiting.communicate(timeout=60)
    assert (waiting.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr


_FAILING = """
import sys
import capplan.estimate

def fail(*arguments):
    raise ZeroDivisionError("by nothing")

capplan.estimate.estimate = fail
from capplan.cli.app import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("debug", [False, True])
def test_traceback_is_shown_only_for_debugging(debug: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FAILING, *SHOP, *(["--debug"] if debug else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert ("Traceback" in done.stderr) is debug
    assert "ZeroDivisionError: by nothing" in done.stderr


# The same bytes everywhere


@pytest.mark.parametrize("fmt", ["table", "json", "focus"])
def test_bytes_depend_on_nothing_around(process: Callable, fmt: str) -> None:
    command = ("estimate", "examples/levqor", "--alternative", "eks", "--format", fmt)
    first = process(*command, env={"PYTHONHASHSEED": "0"})
    elsewhere = {
        "PYTHONHASHSEED": "4242",
        "LC_ALL": "de_DE.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "TZ": "Pacific/Kiritimati",
        "TERM": "dumb",
        "NO_COLOR": None,
        "USER": "somebody",
    }
    assert process(*command, env=elsewhere) == first


def test_bytes_depend_on_no_working_directory(process: Callable, tmp_path: Path) -> None:
    assert process(*SHOP, "--format", "json", cwd=tmp_path) == process(*SHOP, "--format", "json")


def _cpu_features() -> Mapping[str, bool]:
    from numpy._core._multiarray_umath import __cpu_features__

    return __cpu_features__


@pytest.mark.skipif(not _cpu_features().get("AVX512_SKX"), reason="this processor has nothing to switch off")
def test_bytes_depend_on_no_processor(process: Callable) -> None:
    command = (
        *("estimate", "examples/afpi", "--format", "json", "--set", "demand.peak_to_average=3.1"),
        *("--sweep", "users_per_day=100,2000,30000"),
    )
    older = {"NPY_DISABLE_CPU_FEATURES": _switchable("AVX512_ICL", "X86_V4", "AVX512_SKX")}
    assert process(*command, env=older) == process(*command)


def _switchable(*features: str) -> str:
    """Return those features that this numpy can switch off; it warns about others."""
    from numpy._core._multiarray_umath import __cpu_dispatch__

    return " ".join(name for name in features if name in __cpu_dispatch__)


# Characters


@pytest.mark.parametrize(
    "command",
    [
        (*SHOP, "-v"),
        (*SHOP, "--alternative", "pods"),
        (*SHOP, "--alternative", "taiwan", "--format", "markdown"),
        (*SHOP, "--explain"),
        (*SHOP, "--alternative", "all"),
        (*CROWDED, "--sweep", "requests_per_second=1,100"),
        ("catalog", "show", "n1-standard-2", "--catalogs", str(FROZEN)),
        ("estimate", "--help"),
    ],
    ids=lambda command: " ".join(command[-2:]),
)
def test_ascii_stdout_is_no_error(process: Callable, command: tuple[str, ...]) -> None:
    run = process(*command, env={"PYTHONIOENCODING": "ascii"}, encoding="ascii")
    assert (run.exit_code, run.stderr) == (0, "")


def test_ascii_report_keeps_every_figure(process: Callable) -> None:
    usual = process(*SHOP, "-v").stdout
    plain = process(*SHOP, "-v", env={"PYTHONIOENCODING": "ascii"}).stdout
    assert _figures(plain) == _figures(usual)
    assert re.search(r"(?m)^web +1 [_.\-=oO#@]+ 2$", plain)
    assert "----" in plain


def test_ascii_json_is_the_same_document(process: Callable) -> None:
    command = ("estimate", "examples/afpi", "--format", "json")
    plain = process(*command, env={"PYTHONIOENCODING": "ascii"}, encoding="ascii")
    assert json.loads(plain.stdout) == json.loads(process(*command).stdout)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_message_can_be_shown_in_every_encoding(process: Callable, encoding: str) -> None:
    plan = b"name: shop\ndemand: {requests_per_second: '\xe2\x98\x83'}\n"
    run = process("estimate", "-", stdin=plan, env={"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert run.exit_code == 2
    assert "stdin:2:" in run.stderr
    assert "Traceback" not in run.stderr


def _figures(report: str) -> Counter:
    return Counter(re.findall(r"(?<!\S)[+-]?[\d,./]*\d(?!\S)", report))


# Terminals


@pytest.fixture
def at_terminal() -> Callable[..., str]:
    """Return a function that runs capplan with a terminal for stdout, and returns what it shows."""
    pty = pytest.importorskip("pty")

    def run(*arguments: str, env: Mapping[str, str | None]) -> str:
        ours, theirs = pty.openpty()
        changed = {**os.environ, "TERM": "xterm-256color", **env}
        running = subprocess.Popen(
            [sys.executable, "-m", "capplan", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in changed.items() if value is not None},
        )
        os.close(theirs)
        shown = _read_all(ours)
        assert running.wait() == 0, shown
        return shown

    return run


def _read_all(descriptor: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO when the other end of a terminal is closed.
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode().replace("\r\n", "\n")
        parts.append(part)


@posix_only
def test_terminal_has_colours(at_terminal: Callable) -> None:
    shown = at_terminal(*CROWDED, env={"NO_COLOR": None})
    assert "\x1b[1;31mERROR\x1b[0m" in shown
    assert "\x1b[1mtotal" in shown


@posix_only
def test_colours_only_repeat_what_words_say(at_terminal: Callable, process: Callable) -> None:
    assert COLOUR.sub("", at_terminal(*CROWDED, env={"NO_COLOR": None})) == process(*CROWDED).stdout


@posix_only
@pytest.mark.parametrize(
    "env",
    [{"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"NO_COLOR": None, "TERM": "dumb"}],
    ids=str,
)
def test_terminal_without_colours_has_none(at_terminal: Callable, env: dict[str, str | None]) -> None:
    shown = at_terminal(*CROWDED, env=env)
    # Bold and dim may remain under NO_COLOR: they are no colours.
    assert set(COLOUR.findall(shown)) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}


@posix_only
def test_dumb_terminal_gets_no_escapes(at_terminal: Callable) -> None:
    assert "\x1b" not in at_terminal(*CROWDED, env={"NO_COLOR": None, "TERM": "dumb"})


def test_pipe_has_no_colours(process: Callable) -> None:
    assert "\x1b" not in process(*CROWDED, env={"NO_COLOR": None, "TERM": "xterm-256color"}).stdout


def test_pipe_has_colours_when_forced(process: Callable) -> None:
    run = process(*CROWDED, env={"NO_COLOR": None, "FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert "\x1b[1;31mERROR" in run.stdout
    assert COLOUR.sub("", run.stdout) == process(*CROWDED).stdout


@pytest.mark.parametrize("fmt", ["json", "csv", "markdown", "focus"])
def test_formats_for_programs_never_have_colours(process: Callable, fmt: str) -> None:
    run = process(*SHOP, "--format", fmt, env={"NO_COLOR": None, "FORCE_COLOR": "1", "TERM": "xterm"})
    assert "\x1b" not in run.stdout


def test_file_never_has_colours(process: Callable, tmp_path: Path) -> None:
    forced = {"NO_COLOR": None, "FORCE_COLOR": "1", "TERM": "xterm"}
    assert process(*CROWDED, "-o", tmp_path / "out", env=forced).exit_code == 0
    assert b"\x1b" not in (tmp_path / "out").read_bytes()


@posix_only
@pytest.mark.parametrize("columns", ["1", "40", "100", "1000"])
def test_every_width_of_terminal_shows_every_figure(
    at_terminal: Callable, process: Callable, columns: str
) -> None:
    shown = at_terminal(*SHOP, "-v", env={"COLUMNS": columns})
    assert _figures(COLOUR.sub("", shown)) == _figures(process(*SHOP, "-v").stdout)


# What a process was not given, and what one left behind


@posix_only
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_stream_that_is_closed_is_no_crash(closed: str) -> None:
    shell = f'"$0" -m capplan estimate examples/afpi -q {closed}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=ROOT, capture_output=True, check=False)
    lost = ">&-" in closed.replace("2>&-", "")
    said = b"capplan: stdout: is closed, so the result is lost\n" if closed == ">&-" else b""
    assert (done.returncode, done.stderr) == (2 if lost else 0, said)
    assert (b"total" in done.stdout) is not lost


@posix_only
@pytest.mark.parametrize("to", [">&-", ">/dev/full"])
@pytest.mark.parametrize("fmt", ["json", "table"])
def test_result_that_is_lost_is_said_once(to: str, fmt: str) -> None:
    shell = f'"$0" -m capplan estimate examples/afpi --format {fmt} {to}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=ROOT, capture_output=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith(b"capplan: stdout: ")]
    assert (done.returncode, len(said)) == (2, 1)


@posix_only
def test_closed_stdout_is_no_matter_where_a_file_is_written(tmp_path: Path) -> None:
    shell = f'"$0" -m capplan estimate examples/afpi -o {tmp_path / "out.txt"} >&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "out.txt").is_file()


@posix_only
def test_plan_from_a_closed_stdin_is_empty() -> None:
    shell = '"$0" -m capplan estimate - <&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"stdin: the file is empty" in done.stderr


@posix_only
def test_what_a_killed_run_left_is_removed_by_the_next(process: Callable, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = [tmp_path / f".out.json.{ended.pid}.part", tmp_path / f".out.json.{ended.pid}.old"]
    kept = [
        tmp_path / f".out.json.{os.getppid()}.part",
        tmp_path / ".out.json.x.part",
        tmp_path / ".other.1.part",
    ]
    for path in (*left, *kept):
        path.write_text("half")
    assert (
        process("estimate", "examples/afpi", "--format", "json", "-o", tmp_path / "out.json").exit_code == 0
    )
    assert {path.name for path in tmp_path.iterdir()} == {"out.json", *(path.name for path in kept)}
