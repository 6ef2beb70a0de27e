"""`capplan simulate`, as its users run it."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from capplan.cli.simulate import _trace


def a_day(capplan, plan, *options):
    return capplan("simulate", plan, "--days", "1", *options)


@pytest.mark.parametrize("name", ["amas", "levqor", "afpi", "llm-governance", "llm-observatory"])
def test_every_example(capplan, root, name):
    done = capplan("simulate", root / "examples" / name, "--days", "0.5")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert "Instances over time" in done.stdout
    assert "at peak size all the time" in done.stdout


def test_json(capplan, root):
    document = json.loads(a_day(capplan, root / "examples" / "levqor", "--format", "json").stdout)
    assert document["schema_version"] == 1
    backend = document["services"]["backend"]
    assert backend["autoscaler"] == "target tracking"
    assert 2 <= backend["instances"]["min"] <= backend["instances"]["average"] <= 10
    assert document["monthly_cost"]["simulated"] > 0


def test_csv_is_the_timeline(capplan, root):
    text = a_day(capplan, root / "examples" / "levqor", "--format", "csv", "--tick", "30").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 86_400 / 30
    assert rows[1]["time_s"] == "30"
    assert {row["service"] for row in rows} == {"backend"}


def test_less_than_a_day_is_said_in_hours_and_minutes(capplan, root):
    done = capplan("simulate", root / "examples" / "levqor", "--days", "0.05")
    assert done.stdout.startswith("levqor: 72 min of office-hours in ticks of 15 s")


def test_the_same_seed_gives_the_same_bytes(capplan, root):
    first, second, other = (
        a_day(capplan, root / "examples" / "amas", "--seed", seed).stdout for seed in (3, 3, 4)
    )
    assert first == second != other


def test_a_trace(capplan, root, tmp_path):
    trace = tmp_path / "t.csv"
    trace.write_text("when,n\n" + "".join(f"2026-01-01T{h:02d}:00:00Z,{1 + h % 5}\n" for h in range(24)))
    done = capplan("simulate", root / "examples" / "levqor", "--trace", trace, "--trace-columns", "when,n")
    assert "1 day of t.csv" in done.stdout


@pytest.mark.parametrize(
    ("fmt", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!doctype html>")]
)
def test_pictures(capplan, root, tmp_path, fmt, start):
    if fmt == "png":
        pytest.importorskip("vl_convert")
    target = tmp_path / f"out.{fmt}"
    done = a_day(capplan, root / "examples" / "amas", "--format", fmt, "-o", target)
    assert done.exit_code == 0, done.stderr
    assert target.read_bytes().lstrip().startswith(start)


def test_a_picture_says_which_service_and_which_slo(capplan, root, tmp_path):
    target = tmp_path / "out.svg"
    a_day(capplan, root / "examples" / "amas", "--format", "svg", "-o", target)
    shown = target.read_text()
    for said in (
        "orchestrator (KEDA, p95 1,000 ms)",
        "worker (KEDA, drain 300 s)",
        "load, requests/s",
        "p95, s",
    ):
        assert said in shown
    assert "rejected" not in shown


def test_only_a_png_needs_more_than_capplan(capplan, root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    target = tmp_path / "out.png"
    done = a_day(capplan, root / "examples" / "levqor", "--format", "png", "-o", target)
    assert done.exit_code == 2
    assert "pip install 'capplan[report]'" in done.stderr
    assert not target.exists()
    drawn, page = (
        a_day(capplan, root / "examples" / "levqor", "--format", f).stdout for f in ("svg", "html")
    )
    assert (
        drawn.count('text-anchor="start">load, requests/s<')
        == page.count("<figcaption>load, requests/s<")
        == 1
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--apply"], "--apply: has no effect on its own. Give --tune too."),
        (["--kubernetes", "2.0"], "'2.0' is not a version of Kubernetes"),
        (["--keda", "1.14"], "'1.14' is not a version of KEDA"),
        (["--trace", "none.csv"], "no such file"),
        (["--trace", "none.csv", "--trace-columns", "a"], "is not TIME,VALUE"),
        (["--days", "1000000", "--tick", "1"], "are too many"),
        (["--tune", "--format", "csv"], "csv shows the timeline"),
        (["--right-size", "--format", "svg"], "svg shows the timeline of one simulation"),
        (
            ["--exact", "--format", "csv"],
            "csv shows the timeline of one simulation, so it cannot show --exact",
        ),
        (["--tune", "--right-size"], "--right-size: cannot be combined with --tune. Give only one of them."),
        (["--right-size", "--usage", "none.csv"], "no such file"),
        (["--right-size", "--usage", "cpu=none.json"], "none.json: no such file"),
        (["--service", "backend"], "--service: has no effect on its own. Give --tune too."),
        (
            ["--tune", "--service", "backen"],
            "'backen' is not a service with an autoscaler and an SLO. Did you mean",
        ),
        (["--outage", "10:00"], "'10:00' is not a time range. Example: 10:00-10:20."),
        (["--outage", "10:00-10:60"], "is not a time range"),
        (["--outage", "10:20-10:00"], "'10:20-10:00' ends before it begins"),
        (
            ["--outage", "30:00-31:00", "--days", "1"],
            "--outage: begins after the 24 simulated hours",
        ),
    ],
)
def test_bad_options(capplan, root, options, message):
    done = capplan("simulate", root / "examples" / "levqor", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_an_autoscaler_that_costs_more_than_the_peaks_size_is_said_to(capplan, root):
    """Whole sequences that run on few replicas flap: a third replica at times, two would do."""
    one = (root / "examples" / "llm-serving", "--set", "demand.requests_per_month=320000")
    shown = a_day(capplan, *one).stdout
    document = a_day(capplan, *one, "--format", "json").stdout
    costs = json.loads(document)["monthly_cost"]
    more = costs["simulated"] - costs["at_peak"]
    said = f"costs {more:,.2f} more a month ({100 * more / costs['at_peak']:.1f}%) compared with peak size."
    assert f"Autoscaling {said}" in shown


def test_an_outage_of_measures_is_told(capplan, root):
    done = a_day(capplan, root / "examples" / "amas", "--outage", "10:00-10:20")
    assert "INFO orchestrator: instances without measures: " in done.stdout
    document = a_day(
        capplan, root / "examples" / "amas", "--outage", "10:00-10:20", "--format", "json"
    ).stdout
    assert json.loads(document)["outage_s"] == [36_000.0, 37_200.0]


def test_troubles_shed_requests(capplan, root):
    levqor = root / "examples" / "levqor"
    document = json.loads(a_day(capplan, levqor, "--rate-limit", "100", "--format", "json").stdout)
    assert document["services"]["backend"]["shed"] > 0.5


def test_tune_and_apply(capplan, root, tmp_path):
    plan = tmp_path / "plan.yaml"
    shutil.copy(root / "examples" / "levqor" / "plan.yaml", plan)
    shutil.copytree(root / "examples" / "levqor", tmp_path, dirs_exist_ok=True)
    done = a_day(capplan, plan, "--tune", "--tries", "8", "--apply")
    assert done.exit_code == 0, done.stderr
    assert "settings tried" in done.stdout
    assert "--alternative tuned" in done.stderr
    again = a_day(capplan, plan, "--alternative", "tuned", "--format", "json")
    assert again.exit_code == 0, again.stderr
    assert a_day(capplan, plan, "--tune", "--tries", "8", "--format", "json").exit_code == 0


def test_a_plan_stays_where_the_answer_cannot_be_written(capplan, root, tmp_path):
    shutil.copytree(root / "examples" / "levqor", tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "plan.yaml").read_bytes()
    (tmp_path / "out.txt").write_text("mine")
    done = a_day(capplan, tmp_path, "--tune", "--tries", "8", "--apply", "-o", tmp_path / "out.txt")
    assert done.exit_code == 2
    assert (tmp_path / "plan.yaml").read_bytes() == before
    assert "wrote" not in done.stderr


def test_exact(capplan, root):
    done = capplan("simulate", root / "examples" / "amas", "--days", "0.05", "--exact", "--format", "json")
    found = json.loads(done.stdout)["exact"]["orchestrator"]
    assert found["served"] > 0
    assert found["response_ms"]["p50"] < found["response_ms"]["p95"] < found["response_ms"]["p99"]
    shown = capplan("simulate", root / "examples" / "amas", "--days", "0.05", "--exact").stdout
    assert "REQUEST BY REQUEST" in shown


def test_right_size(capplan, root):
    done = a_day(capplan, root / "examples" / "amas", "--right-size", "--format", "json")
    found = json.loads(done.stdout)["containers"]["orchestrator"]
    vpa = found["vpa"]
    bounds = [vpa[bound]["cpu_milli"] for bound in ("lower_bound", "target", "upper_bound")]
    assert bounds == sorted(bounds)
    assert found["plan"]["cpu_milli"] == 500


def test_right_size_by_what_prometheus_recorded(capplan, root, tmp_path):
    """A steady quarter of a core for two hours: VPA's bucket above it and 15 %, KRR as it is."""
    values = [[1_767_225_600 + 60 * minute, "0.25"] for minute in range(120)]
    series = {"metric": {"container": "orchestrator", "pod": "orchestrator-0"}, "values": values}
    file = tmp_path / "cpu.json"
    file.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [series]}}))
    plan, usage = root / "examples" / "amas", f"cpu={file}"
    done = capplan("simulate", plan, "--days", "0.05", "--right-size", "--usage", usage, "--format", "json")
    assert done.exit_code == 0, done.stderr
    (found,) = json.loads(done.stdout)["containers"].values()
    assert found["krr"]["cpu_cores"] == 0.25
    assert found["krr"]["memory_bytes"] is None
    assert 1.15 * 250 <= found["vpa"]["target"]["cpu_milli"] <= 1.15 * 1.1 * 250
    assert found["plan"]["cpu_milli"] == 500


def test_a_column_of_a_rate_holds_a_rate():
    units = {}
    for name in ("n", "requests_per_second"):
        units[name] = _trace(Path("load.csv"), f"when,{name}", "20%").unit
    assert units == {"n": "requests", "requests_per_second": "requests_per_second"}


def test_what_proves_names_the_plan(capplan, root):
    done = capplan("prove", root / "examples" / "amas")
    assert done.exit_code == 0, done.stdout
    assert "amas" in done.stdout.splitlines()[0]
