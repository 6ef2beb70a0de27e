"""Sound inputs of every kind that capplan reads, and the commands that read them."""

# ruff: noqa: E501  (a table of commands and values reads best with a row a line)

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from catalog import price_lists as lists

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

_PLAN = """\
name: shop
regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
demand: {requests_per_second: 40, growth_per_month: 4%, horizon_months: 6}
pricing: {currency: EUR, rate: {per_usd: 0.92, as_of: 2026-11-01, source: a bank}, tax: 19%}
services:
  web: {platform: cloud-run, service_time: 80ms, cpu_time: 20ms, response_size: 20KB, calls: {api: 2}}
  api:
    platform: kubernetes
    pool: main
    cpu: 500m
    memory: 512Mi
    cpu_time: 15ms
    service_time: 60ms
    instances: {min: 2, max: 60}
    slo: {p95: 400ms}
    calls: {db: {per_request: 1, pool: {max: 5, hold_time: 10ms}}, store: {per_request: 1}}
databases:
  db: {platform: cloud-sql, engine: postgres, machine: db-custom-2-7680, storage: 50Gi}
caches:
  store: {platform: memorystore, size: 5Gi}
clusters:
  main-cluster: {platform: gke, pools: {main: {machine: e2-standard-4, nodes: {min: 1}}}}
gates:
  budgets: [{max: 5000}, {component: db, max: 400}]
  policies: [{name: small, when: "monthly_cost.expected > 4000", message: too dear}]
"""
_TRACED = """\
name: traced
regions: {gcp: us-central1}
demand: {trace: {file: trace.csv}}
services:
  api: {platform: cloud-run, service_time: 100ms, cpu_time: 10ms, instances: {max: 100}}
"""
_BILLS = {
    "focus": "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,BillingPeriodStart,BillingCurrency,"
    "ChargeCategory\nec2,aws/ec2/m5.xlarge,Hours,2920,560.64,2026-08-01,USD,Usage\n"
    "ec2,aws/ec2/m5.xlarge,Hours,24,5,2026-08-02,USD,Tax\n",
    "aws": "lineItem/ProductCode,lineItem/UsageType,pricing/unit,lineItem/UsageAmount,lineItem/UnblendedCost,"
    "lineItem/UsageStartDate,lineItem/LineItemType\nAmazonEC2,BoxUsage:m5.xlarge,Hrs,24,4.6,2026-08-01T00:00:00Z,Usage\n"
    "AmazonEC2,BoxUsage:m5.xlarge,Hrs,24,4.6,2026-08-02T00:00:00Z,Usage\n",
    "azure": "Date,MeterCategory,MeterSubCategory,MeterName,UnitOfMeasure,Quantity,CostInBillingCurrency\n"
    "08/01/2026,Virtual Machines,Dsv5,D4s v5,1 Hour,24,4.6\n08/13/2026,Virtual Machines,Dsv5,D4s v5,1 Hour,24,4.6\n",
}
_BILLED = """\
name: billed
regions: {aws: us-east-1}
demand: {requests_per_second: 10}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, instances: {min: 4, max: 4}}
"""
_COMPOSE = """\
services:
  web: {image: "nginx:1.27", deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 512M}}}}
  db: {image: "postgres:16", mem_limit: 1g, cpus: 1, scale: 1}
volumes: {data: {}}
"""
_BOOK = """\
schema: 1
name: mine
source: {as_of: 2026-01-01, text: x}
discounts: []
prices:
  aws/ec2/m5.xlarge: {unit: hour, usd: 0.1}
  aws/beam/far-free: {unit: request, tier_of: far, free: true, usd: 0}
  aws/beam/far: {unit: request, tier_of: far, from: 10, usd: {us-east-1: 0.2}}
regions: {us-east-9: {like: us-east-1, factor: 1.2}}
exchange: {EUR: {per_usd: 0.9, as_of: 2026-01-01, source: a bank}}
"""
_TRACE = "timestamp,requests\n" + "".join(f"2026-01-01T{h:02}:00:00Z,{3600 * (5 + h)}\n" for h in range(24))
_USAGE = "timestamp,cpu_cores,memory_bytes,pod\n" + "".join(
    f"2026-01-01T00:{minute:02}:00Z,0.{minute:02},{10**8 + minute},web-{minute % 2}\n" for minute in range(40)
)
_ANSWER = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "requests_total"},
                "values": [[1767225600 + 60 * n, str(6000 * n)] for n in range(9)],
            }
        ],
    },
}


def _resource(kind: str, name: str, values: dict[str, object]) -> dict[str, object]:
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": values}


_RESOURCES = [
    _resource("aws_instance", "web", {"instance_type": "m5.large", "availability_zone": "us-east-1a"}),
    _resource(
        "aws_db_instance",
        "db",
        {"engine": "postgres", "instance_class": "db.m5.large", "allocated_storage": 50},
    ),
    _resource(
        "aws_autoscaling_group", "pool", {"min_size": 1, "max_size": 4, "availability_zones": ["us-east-1b"]}
    ),
    _resource("aws_launch_template", "pool", {"instance_type": "m5.large"}),
    _resource("aws_eks_cluster", "k", {"name": "k"}),
    _resource(
        "aws_eks_node_group",
        "n",
        {"instance_types": ["m5.large"], "scaling_config": [{"min_size": 1, "max_size": 3}]},
    ),
    _resource("google_container_cluster", "g", {"location": "us-central1"}),
    _resource(
        "google_container_node_pool",
        "p",
        {"node_count": 2, "node_config": [{"machine_type": "e2-standard-4"}]},
    ),
    _resource(
        "google_cloud_run_v2_service",
        "run",
        {
            "location": "us-central1",
            "template": [
                {
                    "scaling": [{"max_instance_count": 9}],
                    "containers": [
                        {"resources": [{"limits": {"cpu": "1", "memory": "512Mi"}, "cpu_idle": True}]}
                    ],
                }
            ],
        },
    ),
    _resource(
        "azurerm_kubernetes_cluster",
        "aks",
        {
            "location": "eastus",
            "default_node_pool": [{"name": "main", "vm_size": "Standard_D4s_v5", "node_count": 2}],
        },
    ),
    _resource("aws_elasticache_cluster", "c", {"node_type": "cache.m5.large", "num_cache_nodes": 1}),
    _resource(
        "google_sql_database_instance",
        "sql",
        {
            "database_version": "POSTGRES_15",
            "region": "us-central1",
            "settings": [{"tier": "db-custom-2-7680", "disk_size": 20}],
        },
    ),
]
_TERRAFORM = {
    "format_version": "1.2",
    "planned_values": {
        "root_module": {
            "resources": _RESOURCES[:6],
            "child_modules": [{"address": "module.m", "resources": _RESOURCES[6:]}],
        }
    },
    "configuration": {
        "provider_config": {
            "aws": {"name": "aws", "expressions": {"region": {"constant_value": "us-east-1"}}}
        },
        "root_module": {
            "resources": [
                {
                    "address": "aws_autoscaling_group.pool",
                    "type": "aws_autoscaling_group",
                    "name": "pool",
                    "expressions": {
                        "launch_template": [{"id": {"references": ["aws_launch_template.pool.id"]}}]
                    },
                }
            ],
            "module_calls": {"m": {"module": {"resources": []}}},
        },
    },
}
_SERVE = {
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 200,
    "completed": 200,
    "request_rate": "inf",
    "max_concurrency": 16,
    "duration": 30.0,
    "total_input_tokens": 200000,
    "total_output_tokens": 60000,
    "output_throughput": 2000.0,
    "mean_ttft_ms": 120.0,
    "mean_tpot_ms": 9.0,
}


class Kind(NamedTuple):
    """A kind of input. form: yaml, json or csv. file: the name that it has in the directory of the commands.

    beside: other files there. commands: words of each; {file} and {dir} stand for the damaged file and its directory.
    """

    name: str
    form: str
    file: str
    texts: Sequence[str]
    commands: Sequence[str]
    beside: tuple[tuple[str, str], ...] = ()


def _texts(*paths: str) -> list[str]:
    return [(EXAMPLES / path).read_text(encoding="utf-8") for path in paths]


_SYSTEMS = ("afpi", "amas", "levqor", "llm-governance", "llm-observatory", "llm-serving")
_PLACE = "--provider gcp --region us-central1"
KINDS = (
    Kind(
        "plan",
        "yaml",
        "plan.yaml",
        [_PLAN, *_texts(*(f"{name}/plan.yaml" for name in _SYSTEMS))],
        (
            *(
                f"estimate {{file}} --format {form}"
                for form in ("json", "json", "table", "csv", "markdown", "focus")
            ),
            *(
                "estimate {file} --explain all",
                "estimate {file} --months 3 --format json",
                "check {file} --format json",
            ),
            *("recommend {file} --format json", "estimate {file} --alternative all --format json"),
            *("estimate {file} --sensitivity --format json", "render-manifests {file} -o {dir}/out"),
            *(
                "simulate {file} --days 0.05 --steady --format json",
                "llm {file} --format json",
                "diff {file} {file}",
            ),
            *("breakeven {file} --points 20 --format json", "render-manifests {file} --list"),
        ),
    ),
    Kind(
        "gates",
        "yaml",
        "gates.yaml",
        _texts(*(f"{n}/capplan.gates.yaml" for n in _SYSTEMS[:5])),
        [f"check {EXAMPLES}/{name}/plan.yaml --gates {{file}} --format json" for name in ("afpi", "amas")],
    ),
    Kind(
        "claims",
        "yaml",
        "claims.yaml",
        _texts(*(f"{n}/claims.yaml" for n in ("afpi", "llm-observatory"))),
        [f"audit {EXAMPLES}/afpi/plan.yaml --claims {{file}} --format json"],
    ),
    Kind(
        "book",
        "yaml",
        "book.yaml",
        [
            (ROOT / "catalogs/books/afpi.yaml").read_text(encoding="utf-8"),
            _BOOK,
        ],
        [
            f"estimate {EXAMPLES}/afpi/plan.yaml --book {{file}} --format json",
            "estimate plan.yaml --book {file} -q",
        ],
        (("plan.yaml", _PLAN),),
    ),
    Kind(
        "catalog",
        "yaml",
        "catalog.yaml",
        [(ROOT / "catalogs/gcp/cloud-run.yaml").read_text(encoding="utf-8")[:200000]],
        ["catalog check {file}"],
    ),
    Kind(
        "offer",
        "csv",
        "offer.csv",
        [lists.EC2, lists.RDS, lists.EGRESS, lists.TRAVEL, lists.FOCUS],
        ["catalog import aws {file} -o {dir}/out --format json"],
    ),
    *(
        Kind(
            f"{provider} prices",
            "json",
            "prices.json",
            texts,
            [f"catalog import {provider} {{file}} -o {{dir}}/out --format json"],
        )
        for provider, texts in (
            ("aws", [lists.offer_json(), json.dumps(lists.ADVISOR), json.dumps(lists.PLANS)]),
            ("azure", [json.dumps(lists.AZURE)]),
            ("gcp", [json.dumps(lists.GCP), json.dumps(lists.MODELS)]),
        )
    ),
    Kind(
        "trace",
        "csv",
        "trace.csv",
        [_TRACE, *_texts("traces/llm-code.csv")],
        (
            "estimate {dir}/plan.yaml --format json",
            "simulate {dir}/plan.yaml --trace {file} --days 0.02 --format json",
            "check {dir}/plan.yaml --format json",
            "forecast {file} --format json",
        ),
        (("plan.yaml", _TRACED),),
    ),
    Kind(
        "answer",
        "json",
        "trace.csv",
        [json.dumps(_ANSWER)],
        (
            "estimate {dir}/plan.yaml --format json",
            "simulate {dir}/plan.yaml --trace {file} --days 0.02 --format json",
        ),
        (("plan.yaml", _TRACED),),
    ),
    Kind(
        "usage",
        "csv",
        "web.csv",
        [_USAGE],
        ["simulate {dir}/plan.yaml --days 0.01 --right-size --usage {file} --format json"],
        (("plan.yaml", _PLAN),),
    ),
    Kind(
        "used",
        "json",
        "web.json",
        [json.dumps(_ANSWER)],
        ["simulate {dir}/plan.yaml --days 0.01 --right-size --usage cpu={file} --format json"],
        (("plan.yaml", _PLAN),),
    ),
    Kind(
        "bill",
        "csv",
        "bill.csv",
        list(_BILLS.values()),
        ["diff {dir}/plan.yaml --actual {file} --format json"],
        (("plan.yaml", _BILLED),),
    ),
    Kind(
        "map",
        "yaml",
        "map.yaml",
        ["ec2/x: aws/ec2/m5.xlarge\n"],
        ["diff {dir}/plan.yaml --actual {dir}/bill.csv --map {file} --format json"],
        (("plan.yaml", _BILLED), ("bill.csv", _BILLS["focus"])),
    ),
    Kind(
        "manifests",
        "yaml",
        "objects.yaml",
        _texts("manifests/web.yaml", "manifests/db.yaml", "manifests/worker.yaml"),
        (
            f"adopt {{file}} {_PLACE}",
            "verify {file} --format json",
            "verify {dir} --format json",
            f"estimate --manifests {{file}} {_PLACE} --format json",
            f"diff {{file}} {{file}} {_PLACE} --format json",
        ),
    ),
    Kind(
        "compose",
        "yaml",
        "compose.yaml",
        [_COMPOSE],
        (f"adopt {{file}} {_PLACE}", f"estimate --manifests {{file}} {_PLACE} --format json"),
    ),
    Kind(
        "terraform",
        "json",
        "tf.json",
        [json.dumps(_TERRAFORM)],
        ("adopt {file}", f"adopt {{file}} {_PLACE}", f"estimate --manifests {{file}} {_PLACE} --format json"),
    ),
    Kind(
        "config",
        "json",
        "config.json",
        _texts("llm-serving/config.json"),
        ["catalog import-model {file} --as x"],
    ),
    Kind(
        "bench",
        "csv",
        "bench.csv",
        ["\n".join(_texts("llm-serving/bench.csv")[0].splitlines()[:12])],
        ["calibrate llm {file}"],
    ),
    Kind(
        "served",
        "json",
        "serve.json",
        [json.dumps([_SERVE, _SERVE, _SERVE])],
        ["calibrate llm {file} --gpu H100 --precision bf16"],
    ),
    Kind(
        "saved",
        "json",
        "saved.json",
        [],
        ["diff {file} {dir}/plan.yaml --format json", "check {dir}/plan.yaml --base {file} --format json"],
        (("plan.yaml", _PLAN),),
    ),
    Kind(
        "baseline",
        "json",
        "baseline.json",
        [],
        ["check {dir}/plan.yaml --baseline {file} --format json"],
        (("plan.yaml", _PLAN),),
    ),
)
"""`saved` and `baseline` are made by capplan itself before they are damaged."""

MADE = {
    "saved": "estimate {dir}/plan.yaml --format json",
    "baseline": "check {dir}/plan.yaml --format json --exit-zero",
}
