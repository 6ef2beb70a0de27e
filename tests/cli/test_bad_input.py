"""Whatever is wrong with the input: exit code 2, one clear message, nothing on stdout, nothing written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

SHOP = """\
name: shop
regions: {gcp: us-central1, aws: us-east-1}
demand:
  requests_per_second: 10
services:
  api:
    platform: cloud-run
    service_time: 100ms
    instances: {min: 1, max: 50}
"""
"""A plan that is fine; what is appended to it goes into the service, or at the top where not indented."""

VMS = SHOP.replace("cloud-run", "vm-group") + "    provider: gcp\n    machine: n1-standard-4\n"
PODS = SHOP.replace("cloud-run", "kubernetes")
TASKS = SHOP.replace("cloud-run", "fargate")
TRACED = SHOP.replace("requests_per_second: 10", "trace: {file: load.csv}")


class Bad(NamedTuple):
    """An input, and what the one message about it must say, in this order."""

    plan: str | bytes
    says: tuple[str, ...]
    options: tuple[str, ...] = ()


def changed(old: str, new: str, plan: str = SHOP) -> str:
    assert plan.count(old) == 1, old
    return plan.replace(old, new)


def rate(value: str) -> str:
    return changed("requests_per_second: 10", f"requests_per_second: {value}")


def demand(line: str, plan: str = SHOP) -> str:
    return changed("services:\n", f"  {line}\nservices:\n", plan)


RATE = "plan.yaml:4:3: demand.requests_per_second: "
API = "plan.yaml:6:3: services.api"

WRONG_VALUES = {
    "text for a number": Bad(rate("many"), (RATE, "expected a number", "got 'many'")),
    "list for a number": Bad(rate("[1]"), (RATE, "expected a number", "got a list")),
    "mapping for a number": Bad(rate("{a: 1}"), (RATE, "expected a number", "got a mapping")),
    "boolean for a number": Bad(rate("true"), (RATE, "expected a number", "got true")),
    "YAML 1.1 boolean": Bad(rate("yes"), (RATE, "expected a number", "got 'yes'")),
    "YAML 1.1 sexagesimal": Bad(rate("12:30"), (RATE, "expected a number", "got '12:30'")),
    "YAML 1.2 octal": Bad(rate("0o17"), (RATE, "expected a number", "got '0o17'")),
    "NaN": Bad(rate(".nan"), (RATE, "must be a finite number, got nan")),
    "infinity": Bad(rate(".inf"), (RATE, "must be a finite number, got inf")),
    "more than a float holds": Bad(rate("1e400"), (RATE, "must be a finite number")),
    "negative number": Bad(rate("-3"), (RATE, "must be at least 0, got -3")),
    "duration without unit": Bad(
        changed("100ms", "100"), ("plan.yaml:8:5: services.api.service_time: ", "got 100 without a unit")
    ),
    "unknown unit": Bad(
        changed("100ms", "100 parsecs"), ("plan.yaml:8:5: services.api.service_time: ", "'100 parsecs'")
    ),
    "memory without unit": Bad(
        SHOP + "    memory: 512\n", ("plan.yaml:10:5: services.api.memory: ", "512Mi", "got 512 without")
    ),
    "cpu of zero": Bad(SHOP + "    cpu: 0\n", ("plan.yaml:10:5: services.api.cpu: ", "above 0, got 0")),
    "percent without sign": Bad(
        VMS + "    purchase: {spot: 30}\n", ("plan.yaml:12:16: services.api.purchase.spot: ", "write 30%")
    ),
    "more than all machines spot": Bad(
        VMS + "    purchase: {spot: 130%}\n",
        ("plan.yaml:12:16: services.api.purchase.spot: ", "between 0% and 100%, got 130%"),
    ),
    "no target utilization": Bad(
        SHOP + "    target_utilization: {cpu: 0}\n",
        ("plan.yaml:10:26: services.api.target_utilization.cpu: ", "above 0%", "got 0%"),
    ),
    "part of an instance": Bad(
        changed("min: 1", "min: 1.5"),
        ("plan.yaml:9:17: services.api.instances.min: ", "whole number", "got 1.5"),
    ),
    "minimum above maximum": Bad(
        changed("min: 1", "min: 99"), ("plan.yaml:9:5: services.api.instances: ", "min 99 is above max 50")
    ),
    "all zones lost": Bad(
        SHOP + "    redundancy: {zones: 2, survive_zones: 2}\n",
        ("plan.yaml:10:5: services.api.redundancy: ", "cannot survive 2 of 2 zones"),
    ),
    "more concurrency than the platform has": Bad(
        SHOP + "    concurrency: 2000\n", (f"{API}: ", "at most 1000, got 2000")
    ),
    "month without hours": Bad(
        "hours_per_month: 0\n" + SHOP, ("plan.yaml:1:1: hours_per_month: ", "above 0, got 0")
    ),
    "load that shrinks below nothing": Bad(
        demand("growth_per_month: -200%"), ("plan.yaml:5:3: demand.growth_per_month: ", "-0.99", "-2")
    ),
    "number for a name": Bad(changed("shop", "7"), ("plan.yaml:1:1: name: ", "expected text, got 7")),
    "name with capitals": Bad(
        changed("shop", "My Shop"), ("plan.yaml:1:1: name: ", "'My Shop'", "lower-case")
    ),
    "section left empty": Bad(
        SHOP.partition("services")[0] + "services:\n",
        ("plan.yaml:5:1: services: ", "expected a mapping, got nothing"),
    ),
    "list for services": Bad(
        SHOP.partition("services")[0] + "services: [api]\n",
        ("plan.yaml:5:1: services: ", "expected a mapping, got a list"),
    ),
    "memory that the base alone fills": Bad(
        SHOP + "    memory: 1Gi\n    memory_base: 2Gi\n    memory_per_request: 1Mi\n",
        (f"{API}: ", "no memory left for a single request"),
    ),
    "task size that Fargate has not": Bad(
        TASKS + "    cpu: 3\n", ("plan.yaml:10:5: services.api.cpu: ", "no task with 3 vCPU", "2, 4")
    ),
    "task memory that Fargate has not": Bad(
        TASKS + "    cpu: 1\n    memory: 20Gi\n",
        ("plan.yaml:11:5: services.api.memory: ", "1 vCPU cannot have 20Gi", "2Gi"),
    ),
    "larger Redis than is sold": Bad(
        SHOP + "caches: {c: {platform: memorystore, size: 900Gi}}\n",
        ("plan.yaml:10:37: caches.c.size: ", "900 GiB", "300 GiB"),
    ),
    "API priced twice": Bad(
        SHOP + "external_apis: {llm: {price_per_request: 1, input_tokens: 5}}\n",
        ("plan.yaml:10:17: external_apis.llm: ", "both per request and per token"),
    ),
    "profile of the wrong length": Bad(
        demand("profile: [1, 2]"), ("plan.yaml:5:3: demand.profile: ", "24 or 168 hours, got 2")
    ),
    "profile of nothing": Bad(
        demand(f"profile: [{', '.join(['0'] * 24)}]"), ("plan.yaml:5:3: demand.profile: ", "not all 0")
    ),
    "text with a line break": Bad(rate('"ten\\nmore"'), (RATE, "expected a number", "got 'ten")),
    "text that colours the terminal": Bad(rate('"\\e[31mten"'), (RATE, "expected a number", r"\x1b[31mten")),
    "integer of 400 digits": Bad(rate("9" * 400), (RATE, "must be a finite number")),
    "load beyond all computing": Bad(rate("1.0e+300"), ("demand",)),
    "growth beyond all computing": Bad(demand("growth_per_month: 100%\n  month: 5000"), ("demand",)),
    "commitments of more than everything": Bad(
        VMS + "    purchase: {commit_1y: 60%, commit_3y: 60%}\n",
        ("plan.yaml:12:", "services.api.purchase"),
    ),
    "database committed more than whole": Bad(
        SHOP + "databases:\n  db: {platform: cloud-sql, engine: postgres, machine: db-custom-2-7680,"
        " commit_1y: 80%, commit_3y: 80%}\n",
        ("plan.yaml:11:", "databases.db"),
    ),
}

UNKNOWN_NAMES = {
    "field": Bad(
        SHOP + "    memmory: 1Gi\n",
        ("plan.yaml:10:5: services.api.memmory: unknown field", "Did you mean 'memory'?"),
    ),
    "field at the top": Bad(
        SHOP + "chaches: {}\n", ("plan.yaml:10:1: chaches: unknown field", "Did you mean 'caches'?")
    ),
    "field without a near one": Bad(
        demand("colour: red"), ("plan.yaml:5:3: demand.colour: unknown field", "Known: ", "requests_per_day")
    ),
    "platform": Bad(
        changed("cloud-run", "cloudrun"), (f"{API}: unknown platform 'cloudrun'", "Did you mean 'cloud-run'?")
    ),
    "no platform": Bad(
        changed("    platform: cloud-run\n", ""), (f"{API}: needs a 'platform'", "Known: cloud-run, ")
    ),
    "region": Bad(
        changed("us-central1", "us-centrall"),
        ("plan.yaml:2:11: regions.gcp: ", "'us-centrall'", "Did you mean 'us-central1'?"),
    ),
    "region of a service": Bad(
        SHOP + "    region: europe-west77\n",
        ("plan.yaml:10:5: services.api.region: ", "'europe-west77'", "Did you mean 'europe-west"),
    ),
    "no region": Bad(changed("gcp: us-central1, ", ""), (f"{API}: has no region", "gcp", "Set regions.gcp")),
    "provider": Bad(
        changed("gcp: us-central1", "gpc: us-central1"), ("plan.yaml:2:11: regions.gpc: ", "'gcp'", "'gpc'")
    ),
    "profile": Bad(
        demand("profile: consumer"),
        ("plan.yaml:5:3: demand.profile: ", "consumer-diurnal", "got 'consumer'"),
    ),
    "machine": Bad(
        changed("n1-standard-4", "n1-standart-4", VMS),
        ("plan.yaml:11:5: services.api.machine: ", "unknown SKU 'n1-standart-4'", "'n1-standard-4'?"),
    ),
    "database": Bad(
        SHOP + "databases: {db: {platform: cloud-sql, engine: postgres, machine: db-large}}\n",
        ("plan.yaml:10:57: databases.db.machine: ", "unknown SKU 'db-large'", "db-custom-2-7680"),
    ),
    "engine": Bad(
        SHOP + "databases: {db: {platform: cloud-sql, engine: mariadb, machine: db-f1-micro}}\n",
        ("plan.yaml:10:39: databases.db.engine: ", "'postgres' or 'mysql'", "got 'mariadb'"),
    ),
    "resource": Bad(
        SHOP + "resources: {lb: {provider: aws, service: elb, sku: alb-hours}}\n",
        ("plan.yaml:10:47: resources.lb.sku: ", "unknown SKU 'alb-hours'", "Did you mean 'alb-hour'?"),
    ),
    "service of the catalog": Bad(
        SHOP + "resources: {lb: {provider: aws, service: elbs, sku: alb-hour}}\n",
        ("plan.yaml:10:33: resources.lb.service: ", "'elbs'", "Did you mean 'elb'?"),
    ),
    "callee": Bad(
        SHOP + "    calls: {dbb: 1}\ncaches: {db: {platform: memorystore, size: 1Gi}}\n",
        ("plan.yaml:10:13: services.api.calls.dbb: ", "not in the plan", "Did you mean 'db'?"),
    ),
    "entry": Bad(
        demand("entry: {apl: 1}"), ("plan.yaml:5:11: demand.entry.apl: ", "not in the plan", "'api'?")
    ),
    "cluster": Bad(
        PODS + "    cluster: prod\n"
        "clusters: {prod1: {platform: gke, pools: {a: {machine: n1-standard-4, nodes: 1}}}}\n",
        ("plan.yaml:10:5: services.api.cluster: ", "unknown cluster 'prod'", "Did you mean 'prod1'?"),
    ),
    "pool": Bad(
        PODS
        + "    pool: b\nclusters: {k: {platform: gke, pools: {a: {machine: n1-standard-4, nodes: 1}}}}\n",
        ("plan.yaml:10:5: services.api.pool: ", "unknown pool 'b'", "Known: a."),
    ),
    "gpu": Bad(
        VMS + "    gpu: {type: nvidia-tesla-t5}\n",
        ("plan.yaml:12:11: services.api.gpu.type: ", "'nvidia-tesla-t5'", "'nvidia-tesla-t4'?"),
    ),
}

INCONSISTENT = {
    "no volume": Bad(
        changed("requests_per_second: 10", "profile: flat"),
        ("plan.yaml:3:1: demand: ", "no volume", "users_per_day"),
    ),
    "two volumes": Bad(
        demand("requests_per_day: 3"), (RATE, "given twice", "requests_per_day and requests_per_second")
    ),
    "users without requests": Bad(
        changed("requests_per_second: 10", "users_per_day: 10"),
        ("plan.yaml:3:1: demand.requests_per_user: ", "required with users_per_day"),
    ),
    "calls in a cycle": Bad(
        SHOP + "    calls: {web: 1}\n  web: {platform: cloud-run, service_time: 1s, calls: {api: 1}}\n",
        ("plan.yaml:10:13: services.api.calls.web: ", "cycle: api → web → api"),
    ),
    "a service that calls itself": Bad(
        SHOP + "    calls: {api: 1}\n", ("plan.yaml:10:13: services.api.calls.api: ", "cycle: api → api")
    ),
    "a name twice": Bad(
        SHOP + "caches: {api: {platform: memorystore, size: 1Gi}}\n",
        ("plan.yaml:10:10: caches.api: ", "already used by services.api"),
    ),
    "pods without a cluster": Bad(PODS, (f"{API}.cluster: ", "the plan has none", "under clusters")),
    "GPU where none can be added": Bad(
        PODS + "clusters: {k: {platform: gke, pools: {a: {machine: e2-standard-4, nodes: 1,"
        " gpu: {type: nvidia-tesla-t4}}}}}\n",
        ("plan.yaml:10:", "clusters.k.pools.a.gpu: ", "only N1", "e2-standard-4"),
    ),
    "several entries": Bad(
        SHOP + "  web: {platform: cloud-run, service_time: 1s}\n",
        ("plan.yaml:", "demand.entry: ", "api, web", "{api: 1}"),
    ),
    "peak below the average": Bad(
        demand("peak_to_average: 0.5"), ("plan.yaml:5:3: demand.peak_to_average: ", "0.5")
    ),
    "peak out of the profile's reach": Bad(
        demand("peak_to_average: 24"), ("plan.yaml:5:3: demand.peak_to_average: ", "24", "below 24")
    ),
    "peak of a flat profile": Bad(
        demand("peak_to_average: 2\n  profile: flat"),
        ("plan.yaml:5:3: demand.peak_to_average: ", "2", "flat"),
    ),
    "cluster without a pool": Bad(
        PODS + "clusters: {k: {platform: gke, pools: {}}}\n", ("plan.yaml:10:", "clusters.k.pools: ")
    ),
    "nothing to estimate": Bad(SHOP.partition("services")[0], ("plan.yaml", "services")),
}

NOT_YAML = {
    "empty file": Bad("", ("plan.yaml: the file is empty", "capplan init")),
    "only a comment": Bad("# later\n", ("plan.yaml: the file is empty", "capplan init")),
    "list": Bad("- a\n- b\n", ("plan.yaml: a plan is a mapping of fields",)),
    "one word": Bad("hello\n", ("plan.yaml: a plan is a mapping of fields",)),
    "key twice": Bad(
        changed("name: shop", "name: shop\nname: two"), ("plan.yaml:2:1: key 'name' is given twice",)
    ),
    "key twice, deep down": Bad(
        changed("max: 50", "max: 50, min: 2"), ("plan.yaml:9:34: key 'min' is given twice",)
    ),
    "a list for a key": Bad(SHOP + "? [a, b]\n: 1\n", ("plan.yaml:10:3: a key must be plain text",)),
    "alias bomb": Bad(
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
            for old, new in zip("abcdef", "bcdefg", strict=True)
        ),
        ("plan.yaml:6:4: aliases expand to more than 500000 values",),
    ),
    "alias of itself": Bad("name: &a [*a]\n", ("plan.yaml:1:7: an alias contains itself",)),
    "alias of nothing": Bad("name: *x\n", ("plan.yaml:1:7: ",)),
    "10 MB": Bad(SHOP + "#" + "x" * 10_000_000, ("plan.yaml: the file is too large", "8 MiB")),
    "brackets without end": Bad(
        "name: " + "[" * 3000 + "]" * 3000, ("plan.yaml:1:", "nested more than 100 levels deep")
    ),
    "dashes without end": Bad("- " * 5000 + "a", ("plan.yaml:1:", "nested more than 100 levels deep")),
    "tab": Bad(changed("  requests", "\trequests"), ("plan.yaml:4:1: not valid YAML",)),
    "bracket not closed": Bad(changed("us-east-1}", "us-east-1"), ("plan.yaml:3:", "not valid YAML")),
    "two documents": Bad(SHOP + "---\nname: b\n", ("plan.yaml:10:1: not valid YAML",)),
    "code to run": Bad(
        "name: !!python/object/apply:os.system [ls]\n", ("plan.yaml:1:7: ", "python/object/apply:os.system")
    ),
    "Latin-1": Bad("name: caf\u00e9\n".encode("latin-1"), ("plan.yaml:1: not UTF-8 text (byte 0xe9)",)),
    "half of UTF-16": Bad(
        b"\xff\xfen\x00a", ("plan.yaml:1: not UTF-16-LE text (byte 0x", "Save it as UTF-8")
    ),
    "binary": Bad(bytes(range(256)), ("plan.yaml:2: not UTF-8 text (byte 0x80)",)),
    "zero byte": Bad("name: a\0b\n", ("plan.yaml: not valid YAML", "U+0000")),
}

BAD_OPTIONS = {
    "set of nothing known": Bad(SHOP, ("--set: ", "no 'colour'", "Known: "), ("--set", "colour=red")),
    "set of something near": Bad(
        SHOP,
        ("--set: ", "no 'request_per_second'", "Did you mean 'requests_per_second'?"),
        ("--set", "request_per_second=3"),
    ),
    "set of an unknown field": Bad(
        SHOP,
        ("--set demand.users=3: demand.users: unknown field", "users_per_day"),
        ("--set", "demand.users=3"),
    ),
    "set without a value": Bad(SHOP, ("--set: expected PATH=VALUE, got 'min='",), ("--set", "min=")),
    "set without an equals sign": Bad(SHOP, ("--set: expected PATH=VALUE, got 'min'",), ("--set", "min")),
    "set to the wrong type": Bad(
        SHOP, ("--set min=few: services.api.instances.min: ", "got 'few'"), ("--set", "min=few")
    ),
    "set of what stands twice": Bad(
        SHOP + "  web: {platform: cloud-run, service_time: 1s, instances: {min: 2}}\n",
        ("--set: 'min' is ambiguous", "services.api.instances.min, services.web.instances.min"),
        ("--set", "min=3"),
    ),
    "set against another value": Bad(
        SHOP, ("services.api.instances: ", "min 99 is above max 50"), ("--set", "min=99")
    ),
    "set to broken YAML": Bad(SHOP, ("--set min=[1: ", "not valid YAML"), ("--set", "min=[1")),
    "set of a new service by mistake": Bad(
        SHOP,
        ("--set: the plan has no 'services.apl'", "Did you mean 'api'?"),
        ("--set", "services.apl.cpu=2"),
    ),
    "sweep of nothing known": Bad(SHOP, ("--sweep: ", "no 'colour'", "Known: "), ("--sweep", "colour=1,2")),
    "sweep without values": Bad(SHOP, ("--sweep: expected PATH=VALUE",), ("--sweep", "min=")),
    "sweep of text": Bad(
        SHOP,
        ("--sweep: services.api.platform is not a number", "--set"),
        ("--sweep", "platform=cloud-run,cloud-run"),
    ),
    "sweep of a region": Bad(
        SHOP,
        ("--sweep: regions.gcp is not a number",),
        ("--sweep", "regions.gcp=us-central1,us-east1"),
    ),
    "sweep over a negative value": Bad(
        SHOP,
        ("--sweep demand.requests_per_second=-1: ", "at least 0, got -1"),
        ("--sweep", "requests_per_second=1,-1"),
    ),
    "sweep over NaN": Bad(SHOP, ("--sweep ", "min=nan", "got 'nan'"), ("--sweep", "min=1,nan")),
    "sweep past another value": Bad(
        SHOP, ("services.api.instances: ", "min 99 is above max 50"), ("--sweep", "min=1,99")
    ),
    "sweep with a hole": Bad(
        SHOP, ("--sweep", "requests_per_second=1,,2"), ("--sweep", "requests_per_second=1,,2")
    ),
    "sweep twice": Bad(
        SHOP,
        ("--sweep: 'demand.requests_per_second' is swept twice",),
        ("--sweep", "requests_per_second=1,2", "--sweep", "demand.requests_per_second=3"),
    ),
    "sweep of too many": Bad(
        SHOP,
        ("--sweep: 2,085,136 scenarios are too many", "2,000,000"),
        tuple(
            part
            for path in ("requests_per_second", "services.api.cpu", "services.api.concurrency", "max")
            for part in ("--sweep", f"{path}={','.join(map(str, range(1, 39)))}")
        ),
    ),
    "no months": Bad(SHOP, ("--months: ", "'0'"), ("--months", "0")),
    "months of text": Bad(SHOP, ("--months: ", "'soon'"), ("--months", "soon")),
    "more months than anyone plans": Bad(SHOP, ("--months: ", "'3000000'"), ("--months", "3000000")),
    "explained sweep": Bad(
        SHOP,
        ("--explain: can explain only one estimate", "--sweep"),
        ("--explain", "--sweep", "requests_per_second=1,2"),
    ),
    "explained stranger": Bad(
        SHOP, ("--explain: no component 'apl'", "Did you mean 'api'?"), ("--explain", "apl")
    ),
    "FOCUS of a sweep": Bad(
        SHOP,
        ("--format focus: a FOCUS file can hold only one estimate", "--sweep"),
        ("--format", "focus", "--sweep", "requests_per_second=1,2"),
    ),
    "alternative": Bad(
        SHOP + "alternatives: {pods: {}}\n",
        ("plan.yaml: the plan has no alternative 'pod'", "Did you mean 'pods'?"),
        ("--alternative", "pod"),
    ),
    "alternative that is no mapping": Bad(
        SHOP + "alternatives: {pods: 3}\n", ("plan.yaml:10:16: alternatives.pods: ", "mapping")
    ),
    "error inside an alternative": Bad(
        SHOP + "alternatives: {big: {services: {api: {cpu: lots}}}}\n",
        ("plan.yaml:10:39: services.api.cpu: ", "expected cores", "'lots'"),
        ("--alternative", "big"),
    ),
    "format": Bad(SHOP, ("--format", "'yaml'", "'table', 'json'"), ("--format", "yaml")),
    "option": Bad(SHOP, ("--verbos", "--verbose"), ("--verbos",)),
    "two plans": Bad(SHOP, ("unexpected extra argument", "plan.yaml"), ("plan.yaml",)),
    "book": Bad(SHOP, ("no book 'afpy'", "Did you mean 'afpi'?"), ("--book", "afpy")),
    "catalogs": Bad(SHOP, ("nowhere: no such directory of catalogs",), ("--catalogs", "nowhere")),
    "period": Bad(
        SHOP,
        ("--period: expected YYYY-MM, got '2026-13'",),
        ("--format", "focus", "--period", "2026-13"),
    ),
    "period of text": Bad(
        SHOP, ("--period: expected YYYY-MM, got 'May'",), ("--format", "focus", "--period", "May")
    ),
    "period of the year 0": Bad(
        SHOP, ("--period: ", "'0000-01'"), ("--format", "focus", "--period", "0000-01")
    ),
    "period at the end of time": Bad(
        SHOP, ("--period: ", "'9999-12'"), ("--format", "focus", "--period", "9999-12")
    ),
    "period of another format": Bad(
        SHOP, ("--period: ", "'2026-13'"), ("--format", "json", "--period", "2026-13")
    ),
}

_ALL = {**WRONG_VALUES, **UNKNOWN_NAMES, **INCONSISTENT, **NOT_YAML, **BAD_OPTIONS}


@pytest.mark.parametrize("bad", _ALL.values(), ids=_ALL)
def test_bad_plan_or_option_gets_one_message(capplan: Callable, workplace: Path, bad: Bad) -> None:
    _write(workplace / "plan.yaml", bad.plan)
    assert_refused(capplan, workplace, bad.says, "estimate", "plan.yaml", *bad.options, "-o", "out")


TRACES = {
    "missing": (None, ("load.csv: no such file",)),
    "empty": ("", ("load.csv: not a readable CSV file",)),
    "heading alone": (
        "timestamp,requests\n",
        ("load.csv: a recorded load needs at least two different times",),
    ),
    "one row": (
        "timestamp,requests\n2026-01-01T00:00:00Z,5\n",
        ("load.csv: a recorded load needs at least two different times",),
    ),
    "no such column": (
        "timestamp,request\n2026-01-01,5\n2026-01-02,6\n",
        ("load.csv: no column 'requests'", "Did you mean 'request'?"),
    ),
    "no time": (
        "time,requests\n2026-01-01,5\n2026-01-02,6\n",
        ("load.csv: no column 'timestamp'", "Did you mean 'time'?"),
    ),
    "NaN": (
        "timestamp,requests\n2026-01-01,5\n2026-01-02,nan\n",
        ("load.csv:3: requests 'nan' is not a number",),
    ),
    "text": (
        "timestamp,requests\n2026-01-01,5\n2026-01-02,lots\n",
        ("load.csv:3: requests 'lots' is not a number",),
    ),
    "negative": (
        "timestamp,requests\n2026-01-01,5\n2026-01-02,-4\n",
        ("load.csv:3: requests '-4' is negative",),
    ),
    "no date": (
        "timestamp,requests\n2026-01-01,5\nyesterday-ish,6\n",
        ("load.csv:3: timestamp 'yesterday-ish' is not a time",),
    ),
    "no load": (
        "timestamp,requests\n2026-01-01,0\n2026-01-02,0\n",
        ("load.csv: column 'requests' holds no load",),
    ),
    "time that stands still": (
        "timestamp,requests\n2026-01-01,1\n2026-01-01,2\n2026-01-01,3\n",
        ("load.csv: a recorded load needs at least two different times",),
    ),
    "ragged": (
        "timestamp,requests\n2026-01-01,1\n2026-01-02,1,2,3\n",
        ("load.csv:3: the row has 4 cells, and the header 2",),
    ),
    "Latin-1": (
        "timestamp,r\u00e9quests\n2026-01-01,1\n".encode("latin-1"),
        ("load.csv:1: not UTF-8 text (byte 0xe9)",),
    ),
    "infinite": ("timestamp,requests\n2026-01-01,5\n2026-01-02,inf\n", ("load.csv:3: requests 'inf'",)),
    "negative after a blank line": (
        "timestamp,requests\n2026-01-01,5\n\n2026-01-02,-4\n",
        ("load.csv:4: requests '-4' is negative",),
    ),
}


def _trace_cases() -> list:
    return [
        pytest.param(*getattr(case, "values", case), id=name, marks=getattr(case, "marks", ()))
        for name, case in TRACES.items()
    ]


@pytest.mark.parametrize(("trace", "says"), _trace_cases())
def test_bad_trace_gets_one_message(
    capplan: Callable, workplace: Path, trace: str | bytes | None, says: tuple[str, ...]
) -> None:
    _write(workplace / "plan.yaml", TRACED)
    if trace is not None:
        _write(workplace / "load.csv", trace)
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", "-o", "out")


def test_trace_that_is_a_directory_gets_one_message(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", TRACED)
    (workplace / "load.csv").mkdir()
    assert_refused(capplan, workplace, ("load.csv", "directory"), "estimate", "plan.yaml", "-o", "out")


def test_trace_with_a_profile_gets_one_message(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", demand("profile: flat", TRACED))
    says = ("plan.yaml:5:3: demand.profile: ", "trace")
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", "-o", "out")


CATALOG = """\
# Redis for one size.
schema: 1
provider: gcp
service: memorystore-redis
kind: cache
unit: GiB-hour
sources: {me: {as_of: 2026-01-01, text: mine}}
source: me
skus:
  basic-M1: {size_gib: [1, 4], usd: {us-central1: 0.05}}
"""
REGIONS = "gcp: {us-central1: Iowa}\n"
CACHED = SHOP.partition("services")[0] + "services: {}\ncaches: {c: {platform: memorystore, size: 1Gi}}\n"

CATALOGS = {
    "unknown field": ("kind: cache", "knid: cache", (":5:1: knid: unknown field", "Did you mean 'kind'?")),
    "unknown kind": ("kind: cache", "kind: cash", (":5:1: kind: unknown kind 'cash'", "'cache'?")),
    "unknown schema": ("schema: 1", "schema: 2", (":2:1: schema: expected 1, got '2'",)),
    "other currency": ("schema: 1", "schema: 1\ncurrency: EUR", (":3:1: currency: only USD", "'EUR'")),
    "no unit": ("unit: GiB-hour\n", "", ("unit: is required, but missing",)),
    "negative price": ("0.05", "-0.05", (":10:", "skus.basic-M1.usd.us-central1: ", "'-0.05'")),
    "text for a price": ("0.05", "cheap", (":10:", "skus.basic-M1.usd.us-central1: ", "'cheap'")),
    "NaN for a price": ("0.05", ".nan", (":10:", "skus.basic-M1.usd.us-central1: ", "'nan'")),
    "free by mistake": ("0.05", "0", (":10:", "skus.basic-M1.usd.us-central1: ", "free: true")),
    "price without region": ("{us-central1: 0.05}", "0.05", (":10:", "skus.basic-M1.usd: ", "region")),
    "unknown field of a SKU": ("size_gib", "size_gb", (":10:14: skus.basic-M1.size_gb", "'size_gib'?")),
    "unknown source": ("source: me", "source: you", (":8:1: source: unknown source 'you'", "Known: me")),
    "no date": ("2026-01-01", "new", (":7:", "sources.me.as_of: ", "2026-07-30", "got 'new'")),
    "source without text": (", text: mine", "", (":7:", "sources.me: needs 'text'")),
    "not YAML": ("skus:", "skus: [", (":11:1: not valid YAML",)),
    "list for the file": (CATALOG, "- 1\n", ("memorystore-redis.yaml: expected a mapping of fields",)),
    "empty file": (CATALOG, "", ("memorystore-redis.yaml: expected a mapping of fields",)),
}
MALFORMED_CATALOGS = {
    "no SKUs": ("  basic-M1: {size_gib: [1, 4], usd: {us-central1: 0.05}}\n", "", (":9:1: skus",)),
    "list of sources": ("{me: {as_of: 2026-01-01, text: mine}}", "[me]", (":7:1: sources: ",)),
    "list for a source": ("source: me", "source: [me]", (":8:1: source",)),
    "size that is no bracket": ("[1, 4]", "4", (":10:14: skus.basic-M1.size_gib",)),
    "sustained use that is no list": (
        "skus:",
        "families: {a: {sustained_use: 3}}\nskus:",
        (":9:16: families.a.sustained_use: expected a list",),
    ),
    "high availability that is a word": ("skus:", "high_availability: yes\nskus:", (":9:1: high_avail",)),
}


def _replacements(cases: dict, *marks: pytest.MarkDecorator) -> list:
    return [pytest.param(*case, id=name, marks=marks) for name, case in cases.items()]


@pytest.mark.parametrize(("old", "new", "says"), _replacements(CATALOGS) + _replacements(MALFORMED_CATALOGS))
def test_bad_catalog_gets_one_message(
    capplan: Callable, workplace: Path, old: str, new: str, says: tuple[str, ...]
) -> None:
    _write_catalogs(workplace, changed(old, new, CATALOG))
    options = ("--catalogs", "prices", "-o", "out")
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", *options)


def test_the_catalog_before_it_was_broken_is_fine(capplan: Callable, workplace: Path) -> None:
    _write_catalogs(workplace, CATALOG)
    assert capplan("estimate", "plan.yaml", "--catalogs", "prices").exit_code == 0


@pytest.mark.parametrize(
    "regions",
    [
        pytest.param(None, id="no file"),
        pytest.param("", id="empty"),
        pytest.param("aws: {us-east-1: N. Virginia}\n", id="no gcp"),
    ],
)
def test_bad_list_of_regions_gets_one_message(
    capplan: Callable, workplace: Path, regions: str | None
) -> None:
    _write_catalogs(workplace, CATALOG)
    (workplace / "prices/hardware/regions.yaml").unlink()
    if regions is not None:
        _write(workplace / "prices/hardware/regions.yaml", regions)
    options = ("--catalogs", "prices", "-o", "out")
    assert_refused(capplan, workplace, ("regions.yaml",), "estimate", "plan.yaml", *options)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param("", id="empty"),
        pytest.param("- gke\n", id="list"),
        pytest.param("gke: 110\n", id="number for a mapping"),
        pytest.param("gke: {daemonsets: {cpu: 1, memory_gib: 1, pods: 1}}\n", id="missing number"),
        pytest.param("gke: {max_pods: many, daemonsets: {}}\n", id="text for a number"),
    ],
)
def test_bad_facts_get_one_message(capplan: Callable, workplace: Path, facts: str) -> None:
    shutil.copytree(Path(__file__).parent / "frozen_catalogs", workplace / "prices")
    _write(workplace / "prices/hardware/kubernetes.yaml", facts)
    plan = PODS + "clusters: {k: {platform: gke, pools: {a: {machine: n1-standard-4, nodes: 1}}}}\n"
    _write(workplace / "plan.yaml", plan)
    options = ("--catalogs", "prices", "-o", "out")
    assert_refused(capplan, workplace, ("kubernetes.yaml",), "estimate", "plan.yaml", *options)


BOOK = """\
schema: 1
name: mine
source: {as_of: 2026-01-01, text: the contract}
prices:
  gcp/cloud-run/requests: {unit: request, usd: 0.0000003}
discounts:
  - {provider: gcp, percent: 10%}
"""
BOOKS = {
    "no name": ("name: mine\n", "", ("name: is required, but missing",)),
    "unknown field": ("prices:", "price:", ("book.yaml:4:1: price: unknown field", "'prices'?")),
    "unknown schema": ("schema: 1", "schema: 3", ("book.yaml:1:1: schema: expected 1, got '3'",)),
    "no path to a SKU": ("gcp/cloud-run/requests", "requests", ("book.yaml:5:3: ", "provider/service/sku")),
    "no price": (", usd: 0.0000003", "", ("book.yaml:5:3: ", "has no price", "commit_1y")),
    "text for a price": ("0.0000003", "cheap", ("book.yaml:5:", "expected a number", "'cheap'")),
    "negative price": ("0.0000003", "-1", ("book.yaml:5:", "expected a number", "'-1'")),
    "no date": ("2026-01-01", "soon", ("book.yaml:3:", "source.as_of: ", "'soon'")),
    "not YAML": ("{provider: gcp,", "{provider: gcp", ("book.yaml:7:", "not valid YAML")),
    "empty file": (BOOK, "", ("book.yaml: expected a mapping of fields",)),
}
MALFORMED_BOOKS = {
    "list of prices": ("  gcp/cloud-run/requests: ", "  - ", ("book.yaml:4:1: prices",)),
    "number for discounts": ("\n  - {provider: gcp, percent: 10%}", " 3", ("book.yaml:6:1: discounts",)),
}
MISJUDGED_BOOKS = {
    "no discount": (", percent: 10%", "", ("book.yaml:7:5: discounts.0.percent: ",)),
    "unknown field of a discount": ("percent", "procent", ("book.yaml:7:21: discounts.0.procent: ",)),
    "discount of more than everything": ("10%", "1000%", ("book.yaml:7:", "discounts.0", "percent")),
}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    _replacements(BOOKS) + _replacements(MALFORMED_BOOKS) + _replacements(MISJUDGED_BOOKS),
)
def test_bad_book_gets_one_message(
    capplan: Callable, workplace: Path, old: str, new: str, says: tuple[str, ...]
) -> None:
    _write(workplace / "plan.yaml", SHOP)
    _write(workplace / "book.yaml", changed(old, new, BOOK))
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", "--book", "book.yaml", "-o", "out")


def test_the_plan_and_the_book_before_they_were_broken_are_fine(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "book.yaml", BOOK)
    for plan in (SHOP, VMS, TASKS + "    cpu: 1\n    memory: 2Gi\n"):
        _write(workplace / "plan.yaml", plan)
        assert capplan("estimate", "plan.yaml", "--book", "book.yaml").exit_code == 0


def test_missing_plan_names_its_neighbour(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    says = ("plam.yaml: no such file", "Did you mean 'plan.yaml'?")
    assert_refused(capplan, workplace, says, "estimate", "plam.yaml", "-o", "out")


def test_missing_directory_is_a_missing_plan(capplan: Callable, workplace: Path) -> None:
    assert_refused(capplan, workplace, ("far/plan.yaml: no such file",), "estimate", "far/plan.yaml")


def test_directory_without_a_plan_says_what_it_looked_for(capplan: Callable, workplace: Path) -> None:
    says = (".: no plan in this directory", "plan.yaml, plan.yml, capplan.yaml")
    assert_refused(capplan, workplace, says, "estimate", ".", "-o", "out")


def test_no_plan_at_all_is_a_usage_error(capplan: Callable, workplace: Path) -> None:
    assert_refused(capplan, workplace, ("PLAN: is missing",), "estimate")


def test_plan_that_may_not_be_read_gets_one_message(
    capplan: Callable, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(workplace / "plan.yaml", SHOP)
    # Permissions do not stop root, which CI containers run as.
    monkeypatch.setattr(Path, "open", _permission_denied)
    result = capplan("estimate", "plan.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "capplan: plan.yaml: cannot be read (Permission denied).\n"


def _permission_denied(self: Path, *_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied", str(self))


def test_existing_output_is_kept_without_force(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    _write(workplace / "out", "mine")
    says = ("out: the file exists", "Use --force")
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", "-o", "out")


def test_output_that_is_a_directory_is_refused_even_with_force(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    (workplace / "out").mkdir()
    assert_refused(capplan, workplace, ("out: ",), "estimate", "plan.yaml", "-o", "out", "--force")


def test_output_below_a_file_is_refused(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    assert_refused(
        capplan, workplace, ("plan.yaml/out: cannot",), "estimate", "plan.yaml", "-o", "plan.yaml/out"
    )


def test_output_where_nothing_can_be_made_is_refused(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    says = ("/proc/nowhere/out: cannot be written",)
    assert_refused(capplan, workplace, says, "estimate", "plan.yaml", "-o", "/proc/nowhere/out")


def test_output_with_an_impossible_name_is_refused(capplan: Callable, workplace: Path) -> None:
    _write(workplace / "plan.yaml", SHOP)
    name = "x" * 300
    assert_refused(capplan, workplace, ("xxx: ", "too long"), "estimate", "plan.yaml", "-o", name)


def test_every_problem_of_a_plan_is_said_at_once(capplan: Callable, workplace: Path) -> None:
    plan = "hours_per_month: 0\n" + changed("100ms", "5") + "colour: red\n"
    _write(workplace / "plan.yaml", plan)
    result = capplan("estimate", "plan.yaml")
    fields = [line.split(": ")[2] for line in result.stderr.splitlines()]
    assert sorted(fields) == ["colour", "hours_per_month", "services.api.service_time"]
    assert result.exit_code == 2


def test_problem_on_stdin_is_said_to_be_there(capplan: Callable) -> None:
    result = capplan("estimate", "-", stdin=rate("many").encode())
    assert result.exit_code == 2
    assert result.stderr.startswith("capplan: stdin:4:3: demand.requests_per_second: ")


def test_broken_bytes_on_stdin_are_said_to_be_there(capplan: Callable) -> None:
    result = capplan("estimate", "-", stdin=b"name: \xff\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("capplan: stdin:1: not UTF-8 text (byte 0xff)")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _write_catalogs(workplace: Path, redis: str) -> None:
    _write(workplace / "plan.yaml", CACHED)
    _write(workplace / "prices/gcp/memorystore-redis.yaml", redis)
    _write(workplace / "prices/hardware/regions.yaml", REGIONS)


def assert_refused(capplan: Callable, workplace: Path, says: tuple[str, ...], *arguments: str) -> None:
    """Run a command and check that it ends as bad input must; ``says`` is found in this order."""
    before = _files(workplace)
    result = capplan(*arguments)
    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    message = _only_message(result.stderr)
    position = 0
    for part in says:
        assert part in message[position:], message
        position = message.index(part, position) + len(part)
    assert _files(workplace) == before


def _only_message(stderr: str) -> str:
    """Return the one message on stderr: capplan's own, or typer's below its line of usage."""
    lines = [line for line in stderr.splitlines() if line]
    if lines[0].startswith("Usage: "):
        lines = [line for line in lines[1:] if not line.startswith("Try ")]
    assert len(lines) == 1, stderr
    assert lines[0].startswith(("capplan: ", "Error: ")), stderr
    assert "Traceback" not in stderr
    return lines[0]


def _files(directory: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }
