"""Every documented option on every shipped example: an exit code that is documented, and figures that are finite.

A row is one run; options that do not depend on each other share it. The options are those of the command tree, so a
new one fails here until a row tries it.
"""

# ruff: noqa: E501  (a table of commands and values reads best with a row a line)

from __future__ import annotations

import json
import math
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from catalog import price_lists

from capplan.cli.app import app_with
from capplan.cli.commands import COMMANDS
from capplan.errors import ExitCode
from capplan.report.documents import commands as documented
from capplan.report.documents import schema_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PLANS = sorted(path.parent.name for path in EXAMPLES.glob("*/plan.yaml"))
TRACES = sorted(path.name for path in (EXAMPLES / "traces").glob("*.csv"))

ROWS: Mapping[str, Sequence[str]] = {
    "estimate": (
        "PLAN --format json --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --verbose --book BOOK",
        "PLAN --quiet -o OUT --force",
        "PLAN --format csv --sweep demand.growth_per_month=0%,1%,2% --sweep demand.month=0,6",
        "PLAN --format json --months 3 --budget 800",
        "PLAN --months 2 --sweep demand.growth_per_month=0%,1% --format json",
        "PLAN --alternative all --format json",
        "PLAN --format json --samples 50 --seed 2 --workers 1",
        "PLAN --format json --sensitivity",
        "PLAN --sobol --samples 50 --format json",
        "PLAN --explain all",
        "PLAN --format focus --period 2026-09",
    ),
    "report": (
        "PLAN -o OUT --force --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --alternative ALTERNATIVE --book BOOK --vary demand.growth_per_month=0%,2%",
    ),
    "recommend": (
        "PLAN --format json --set demand.growth_per_month=1% --book BOOK --catalogs CATALOGS",
        "PLAN --alternative ALTERNATIVE -o OUT --force",
        "PLAN --commitments --format json --today 2026-09-30 --offer year --cvar 0.05 --capital-cost 0.08",
    ),
    "check": (
        "PLAN --format json --exit-zero --today 2026-09-30 --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --gates GATES --book BOOK -o OUT --force",
        "PLAN --base PLAN --baseline CHECKED --alternative ALTERNATIVE",
        "PLAN --actual BILL --map MAP --cost effective --where service=* --period 2026-01..2026-12 --exit-zero",
    ),
    "fleet": (
        "PLAN --format json --by service --book BOOK --catalogs CATALOGS --today 2026-09-30",
        "PLAN SHOP --base PLAN --fleet FLEET -o OUT --force --format json",
        "PLAN --format focus --period 2026-09 --workers 1",
    ),
    "diff": (
        "PLAN PLAN --format json --book BOOK --catalogs CATALOGS",
        "PLAN PLAN --alternative ALTERNATIVE -o OUT --force",
        "PLAN --actual BILL --map MAP --format json --cost billed --write-map OUT --force",
        "PLAN --actual BILL --where service=* --period 2026-01..2026-12 --cost list",
    ),
    "breakeven": (
        "PLAN --format json --points 5 --samples 20 --quiet --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --between plan ALTERNATIVE --over demand.month --from 0 --to 24 --points 5 --samples 20 --book BOOK",
        "PLAN --comparison COMPARISON --points 5 --samples 20 --seed 3 --workers 1 -o OUT --force",
    ),
    "audit": (
        "PLAN --format json --strict --catalogs CATALOGS",
        "PLAN --claims CLAIMS --verbose -o OUT --force",
    ),
    "simulate": (
        "PLAN --days 0.01 --format json --steady --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --days 0.01 --tick 30 --seed 4 --startup 20 --node-start 60 --timeout 5 --metric-lag 30 --book BOOK",
        "PLAN --days 0.01 --outage 00:02-00:05 --retries 2 --rate-limit 100 --breaker 0.5 --kubernetes 1.33 --keda 2.18",
        "PLAN --days 0.005 --exact -o OUT --force --format json",
        "PLAN --days 0.005 --tune --tries 2 --service SERVICE --workers 1 --apply -o OUT --force --format json",
        "PLAN --days 0.01 --right-size --usage USAGE --format json",
        "PLAN --days 0.01 --trace TRACE --trace-columns timestamp,requests --trace-gaps 30% --format json",
        "PLAN --days 0.005 --alternative ALTERNATIVE",
    ),
    "llm": (
        "PLAN --format json --set demand.growth_per_month=1% --book BOOK --catalogs CATALOGS",
        "PLAN --all --alternative ALTERNATIVE -o OUT --force",
        "PLAN --pareto",
    ),
    "render-manifests": (
        "PLAN -o RENDERED --set demand.growth_per_month=1% --book BOOK --catalogs CATALOGS --cpu-limits",
        "PLAN -o RENDERED --check",
        "PLAN -o RENDERED --for gke",
        "PLAN -o RENDERED --prune --dry-run --only monitoring",
        "PLAN -o RENDERED --list --layout plain --no-cpu-limits --alternative ALTERNATIVE",
        "PLAN -o RENDERED --force --templates TEMPLATES --schemas SCHEMAS",
    ),
    "prove": (
        "PLAN --format json --set demand.growth_per_month=1% --book BOOK --catalogs CATALOGS",
        "PLAN --alternative ALTERNATIVE -o OUT --force",
    ),
}
"""Of commands that read a plan: each row is run on each example."""

ONCE: Mapping[str, Sequence[str]] = {
    "fleet": ("PLAN --cluster no-address", "SHOP --commitments --format json --today 2026-09-30"),
    "breakeven": ("PLAN --cluster no-address",),
    "estimate": (
        "PLAN --cluster no-address",
        "--manifests MANIFESTS --provider gcp --region us-central1 --node-type e2-standard-4 --format json",
        "--manifests RENDERED --overlay prod --provider gcp --region us-central1",
        "--manifests COMPOSE --profile seed --provider gcp --region us-central1",
    ),
    "simulate": (
        "PLAN --tune --cluster no-address",
        "--manifests MANIFESTS --region us-central1 --provider gcp --node-type e2-standard-4 --trace TRACE --service web",
        "--manifests RENDERED --overlay prod --provider gcp --region us-central1 --set services.backend.cpu_time=2ms",
        "--manifests COMPOSE --profile seed --provider gcp --region us-central1 --trace TRACE",
    ),
    "diff": (
        "MANIFESTS MANIFESTS --provider aws --region us-east-1 --node-type m6i.xlarge --format json",
        "RENDERED RENDERED --overlay prod --provider gcp --region us-central1",
        "COMPOSE COMPOSE --profile seed --provider gcp --region us-central1",
        "COPY --actual SHOWN --apply",
    ),
    "llm": (
        "--models --format json",
        "--model llama-3.1-8b --gpu L4 --precision fp8 --tp 1 --engine vllm --input-tokens 500 --output-tokens 100 --format json",
        "--model llama-3.1-8b --ttft 3s --tpot 100ms",
        "--model deepseek-v3 --gpu H100-80GB --precision fp8 --tp 8 --pp 2 --dp 2 --ep --network-gbit-per-s 400",
        "--model gpt-oss-20b --gpu L4 --engine-version 0.11.0 --gpu-memory-utilization 0.95 --max-num-batched-tokens 1024 --max-num-seqs 64 --kv-cache-dtype fp8 --no-hybrid-cache --prefix-cache --prefix-cache-hit-rate 40%",
        "--model gpt-oss-20b --gpu L4 --hybrid-cache --no-prefix-cache",
        '--model llama-3.1-8b --gpu L4 --speculative {"method":"ngram","tokens":3,"acceptance":"40%"} --format json',
        "--model x --architectures ARCHITECTURES --calibration CALIBRATION",
        "--model llama-3.1-8b --gpu L4 --precision fp8 --lengths LENGTHS",
        "--model llama-3.1-8b --gpu L4 --precision fp8 --input-lengths 800,3k,9k --output-lengths 100,300,900",
    ),
    "adopt": (
        "MANIFESTS --provider gcp --region us-central1 --node-type e2-standard-4 --catalogs CATALOGS -o OUT --force",
        "RENDERED --overlay prod --provider gcp --region us-central1",
        "COMPOSE --profile seed --provider gcp --region us-central1",
    ),
    "verify": (
        "MANIFESTS --format json --plan PLAN --alternative ALTERNATIVE --catalogs CATALOGS",
        "MANIFESTS --schemas SCHEMAS -o OUT --force",
        "MANIFESTS --kubernetes 1.34 --each --style --ignore literal-secret --strict --today 2026-09-30",
        "RENDERED --environment prod --accept ACCEPTED",
        "--list --format json",
    ),
    "forecast": (
        "TRACE --format json -o OUT --force",
        "TRACE --trace-columns timestamp,requests --unit requests --horizon 10m",
        "LOAD --plan COPY --apply --format json",
        "LOAD --mstl",
        '--prometheus SERVER --labels job="web" --hours 1',
    ),
    "queue": (
        "M/M/c/K --arrival-rate 40/s --service-time 30ms --servers 3 --capacity 7 --format json -o OUT --force",
        "M/M/c//N --clients 100 --think-time 5m --service-time 630ms --servers 1",
        "M/M/c+M --service-time 1s --servers 5 --patience 5s --max-blocking 2% --max-wait 1s",
        "G/G/c --arrival-rate 40/s --service-time 30ms --cs2 2 --ca2 3 --max-response 100ms --within 95%",
    ),
    "comment": (
        "COPY --since HEAD --link https://ci.example/1 --always --fail --today 2026-09-30 -o OUT --force",
        "COPY --since HEAD --book BOOK --catalogs CATALOGS --to github",
    ),
    "explain": ("unpriced --format json -o OUT --force", "--format json"),
    "init": (
        "NEW --example levqor --force",
        "NEW --yes --name shop --platform cloud-run --region us-central1 --users 500 --force",
    ),
    "completion": ("bash -o OUT --force",),
    "mcp": ("no-such-directory --book BOOK --catalogs CATALOGS",),
    "schema": ("-o OUT --force", "--output estimate"),
    "calibrate service": (
        "RUNS --format json --plan SHOP --service web --instances 2 --apply -o OUT --force",
        '--prometheus SERVER --labels job="web" --hours 1',
    ),
    "calibrate llm": (
        "BENCH --architectures ARCHITECTURES --catalogs CATALOGS -o CALIBRATION --force",
        "BENCH --gpu H100 --precision fp8 --tp 1 --engine vllm",
    ),
    "templates list": ("",),
    "templates show": ("k6.js.j2",),
    "templates eject": ("-o EJECTED --force",),
    "catalog list": (
        "--provider aws --service ec2 --region us-east-1 --name m5 --vcpu 4 --memory 16 --format json",
        "--gpu T4 -o OUT --force --catalogs CATALOGS",
    ),
    "catalog show": ("m5.xlarge --format json --catalogs CATALOGS -o OUT --force",),
    "catalog regions": ("--provider gcp --catalogs CATALOGS --format json -o OUT --force",),
    "catalog compare": (
        "PLAN --regions all --format json --set demand.growth_per_month=1% --catalogs CATALOGS",
        "PLAN --alternative ALTERNATIVE --book BOOK -o OUT --force",
    ),
    "catalog check": ("--today 2026-09-30 --strict --catalogs CATALOGS --format json -o OUT --force",),
    "catalog import": (
        "aws PRICES --select region=eu-central-1 --as-of 2026-01-01 --today 2026-09-30 -o IMPORTED --format json",
        "aws PRICES --catalogs CATALOGS -o IMPORTED --dry-run",
    ),
    "catalog diff": ("OWN --today 2026-09-30 --catalogs CATALOGS --format json -o OUT --force",),
    "catalog update": (
        "aws --select service=ec2,region=eu-west-3 -o IMPORTED --url SERVER --wait 5 --today 2026-09-30 --dry-run",
        "gcp --select service=cloud-run --api-key x --again --url SERVER --catalogs CATALOGS -o IMPORTED --format json",
    ),
    "catalog import-model": ("CONFIG --as x -o ARCHITECTURES --force",),
    "config show": ("--format json -o OUT --force",),
}
"""Of the others, and of what needs no plan."""

_ALLOWED = frozenset(ExitCode) - {ExitCode.INTERNAL, ExitCode.INTERRUPTED}


def options() -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield every option: its command, its name, and all that it is called by."""
    tree = typer.main.get_command(app_with(list(COMMANDS)))
    todo = [((), tree)]
    while todo:
        path, command = todo.pop()
        inside = getattr(command, "commands", None)
        if inside:
            todo += [((*path, name), each) for name, each in inside.items()]
            continue
        for parameter in command.params:
            names = [*parameter.opts, *parameter.secondary_opts]
            if parameter.param_type_name == "option" and "--help" not in names:
                yield " ".join(path), parameter.opts[0], names


def tried(command: str) -> set[str]:
    """Return the words of all rows of a command."""
    return {word for rows in (ROWS, ONCE) for row in rows.get(command, ()) for word in row.split()}


@pytest.mark.parametrize(("command", "option", "names"), list(options()), ids=lambda value: str(value))
def test_every_option_is_tried(command: str, option: str, names: Sequence[str]) -> None:
    assert tried(command) & set(names), f"add {option} to a row of '{command}'"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a server on this machine that has what `catalog update` asks for in its rows."""
    pages = tmp_path_factory.mktemp("server")
    offer = pages / "offers/v1.0/aws/AmazonEC2/current/eu-west-3/index.csv"
    offer.parent.mkdir(parents=True)
    offer.write_text(price_lists.EC2)
    skus = pages / "v1/services/152E-C115-5142/skus"
    skus.parent.mkdir(parents=True)
    skus.write_text(json.dumps({"skus": price_lists.GCP["skus"], "nextPageToken": ""}))
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(pages)))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, server: str) -> dict[str, str]:
    """Return what the words in capitals stand for; files that commands read, made of what ships."""
    made = tmp_path_factory.mktemp("matrix")
    (made / "templates").mkdir()
    (made / "schemas").mkdir()
    (made / "book.yaml").write_text(
        "schema: 1\nname: mine\nprices: {aws/ec2/m5.xlarge: {unit: hour, usd: 0.1}}\n"
        "source: {as_of: 2026-01-01, text: own}\n"
    )
    (made / "bill.csv").write_text(
        "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ListCost,BillingPeriodStart\n"
        "ec2,x,Hours,730,50,60,2026-08-01\n"
    )
    (made / "accepted.yaml").write_text(
        "accept: [{check: literal-secret, reason: a demo, expires: 2026-12-31}]\n"
    )
    (made / "map.yaml").write_text("ec2/x: aws/ec2/m5.xlarge\n")
    (made / "usage.csv").write_text(
        "timestamp,cpu_cores,memory_bytes\n"
        + "".join(f"2026-01-01T00:{minute:02}:00Z,0.2,{10**8}\n" for minute in range(60))
    )
    (made / "load.csv").write_text(
        "timestamp,requests\n"
        + "".join(
            f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{100 + hour % 24}\n" for hour in range(240)
        )
    )
    shutil.copy(EXAMPLES / "levqor/plan.yaml", made / "copy.yaml")
    (made / "shown.csv").write_text(
        "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,BillingPeriodStart\n"
        "ec2,aws/ec2/t3.micro,Hours,3500,50,2026-08-01\n"
    )
    (made / "lengths.csv").write_text("input_tokens,output_tokens\n800,100\n3000,400\n")
    (made / "shop.yaml").write_text(
        "name: shop\nregions: {gcp: us-central1}\ndemand: {users_per_day: 20k, requests_per_user: 30}\n"
        "services:\n  web: {platform: cloud-run, service_time: 50ms}\n"
    )
    (made / "fleet.yaml").write_text("teams: {core: ['*']}\nshowback: equal\n")
    (made / "compose.yaml").write_text(
        "services: {web: {image: 'web:1'}, seed: {image: 'seed:1', profiles: [seed]}}\n"
    )
    names = (
        "book.yaml",
        "accepted.yaml",
        "compose.yaml",
        "fleet.yaml",
        "bill.csv",
        "map.yaml",
        "usage.csv",
        "load.csv",
        "copy.yaml",
        "shown.csv",
        "templates",
        "schemas",
        "out",
        "rendered",
        "new",
        "imported",
    )
    found = {Path(name).stem.upper(): str(made / name) for name in (*names, "ejected", "architectures.yaml")}
    return found | {
        "CALIBRATION": str(made / "calibration.yaml"),
        "CHECKED": str(made / "checked.json"),
        "CATALOGS": str(ROOT / "catalogs"),
        "MANIFESTS": str(EXAMPLES / "manifests"),
        "BENCH": str(EXAMPLES / "llm-serving/bench.csv"),
        "RUNS": str(EXAMPLES / "loadtests/wrk"),
        "LENGTHS": str(made / "lengths.csv"),
        "SHOP": str(made / "shop.yaml"),
        "CONFIG": str(EXAMPLES / "llm-serving/config.json"),
        "PLAN": str(EXAMPLES / "levqor"),
        "PRICES": str(EXAMPLES / "prices/aws-ebs.csv"),
        "OWN": str(EXAMPLES / "prices/own"),
        "SERVER": server,
        "TRACE": str(EXAMPLES / "traces" / TRACES[0]),
    }


def about(example: str, directory: Path) -> dict[str, str]:
    """Return the words that stand for a part of one example, which is copied so that it may be changed."""
    shutil.copytree(EXAMPLES / example, directory / example)
    plan = yaml.safe_load((directory / example / "plan.yaml").read_text(encoding="utf-8"))
    compared = (plan.get("decisions") or {}).get("comparisons")
    named = {"ALTERNATIVE": plan.get("alternatives"), "SERVICE": plan.get("services"), "COMPARISON": compared}
    found = {word: next(iter(names or {}), "") for word, names in named.items()}
    beside = {"GATES": "capplan.gates.yaml", "CLAIMS": "claims.yaml"}
    there = {word: directory / example / name for word, name in beside.items()}
    found |= {word: str(path) if path.exists() else "" for word, path in there.items()}
    return found | {
        "PLAN": str(directory / example),
        "TRACE": str(EXAMPLES / "traces" / TRACES[len(example) % 3]),
    }


def words_of(row: str, meaning: Mapping[str, str]) -> list[str] | None:
    """Return a row's words; None where it needs what an example has not."""
    words = [meaning.get(word, word) for word in row.split()]
    return None if "" in words else words


def check_run(run: object, words: Sequence[str]) -> None:
    """Assert what holds for every run."""
    said = f"capplan {' '.join(words)}\n{run.stderr}"  # type: ignore[attr-defined]
    assert run.exit_code in _ALLOWED, said  # type: ignore[attr-defined]
    assert "internal error" not in said, said
    assert "Traceback" not in said, said
    out = run.stdout  # type: ignore[attr-defined]
    if not out and "json" in words and "-o" in words and run.exit_code != ExitCode.INPUT:  # type: ignore[attr-defined]
        out = Path(words[words.index("-o") + 1]).read_text(encoding="utf-8")
    if out[:1] in ("{", "["):
        document = json.loads(out)
        assert_finite(document, words)
        if "json" in words:
            assert_as_its_schema_says(document, words)
    else:
        assert not re.search(r"(?<![\w-])(nan|inf|infinity)(?![\w-])", out, re.IGNORECASE), (words, out)


@cache
def validator(command: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_of(command)))


def assert_as_its_schema_says(document: object, words: Sequence[str]) -> None:
    command = next(found for found in (" ".join(words[:2]), words[0]) if found in documented())
    errors = validator(command).iter_errors(document)
    found = [(list(error.absolute_path), error.message) for error in map(deepest, errors)]
    assert not found, (words, found)


def deepest(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Return the error of the alternative that fits best, as the others say nothing."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return error


def assert_finite(value: object, words: Sequence[str]) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            assert_finite(each, words)
    assert not isinstance(value, float) or math.isfinite(value), words


@pytest.mark.parametrize("command", ROWS)
def test_options_of_plans(capplan: Callable, files: dict[str, str], tmp_path: Path, command: str) -> None:
    """Every row runs on every example, and has an answer on one at least."""
    Path(files["CHECKED"]).write_text('{"violations": []}')
    ended: dict[str, set[int]] = {row: set() for row in ROWS[command]}
    for example in PLANS:
        meaning = files | about(example, tmp_path) | {"RENDERED": str(tmp_path / f"{example}-rendered")}
        for row in ROWS[command]:
            words = words_of(row, meaning)
            if words is not None:
                run = capplan(command, *words)
                check_run(run, [command, *words])
                ended[row].add(run.exit_code)
    assert not [row for row, codes in ended.items() if codes <= {ExitCode.INPUT}]


@pytest.mark.parametrize("command", ["catalog import-model", "calibrate llm", *ONCE])
def test_options_of_the_rest(
    capplan: Callable, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    meaning = files | {"ALTERNATIVE": "scale"}
    capplan("render-manifests", files["PLAN"], "-o", files["RENDERED"], "--force")
    for row in ONCE[command]:
        words = words_of(row, meaning)
        assert words is not None
        run = capplan(*command.split(), *words)
        check_run(run, [command, *words])
        if command in ("catalog import", "catalog update", "catalog diff"):
            assert run.exit_code == ExitCode.OK, run.stderr


@pytest.mark.parametrize("trace", TRACES)
def test_traces_that_ship(capplan: Callable, trace: str) -> None:
    words = ["simulate", "examples/amas", "--trace", f"examples/traces/{trace}", "--days", "0.02"]
    words += ["--format", "json"]
    run = capplan(*[str(ROOT / word) if "/" in word else word for word in words])
    check_run(run, words)
    assert run.exit_code == 0
