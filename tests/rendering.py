"""What the tests of manifests share: rendered examples, and the tools that judge them."""

import os
import re
import shutil
import sysconfig
from functools import cache
from pathlib import Path

import pytest
from helpers import ROOT, SHIPPED, plan_of

from capplan.estimate import estimate
from capplan.manifests.artefact import Rendered
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.plan.read import read_plan

EXAMPLES = [
    ("afpi", None, ()),
    ("afpi", "gke-fits", ()),
    ("afpi", "l4", ()),
    ("levqor", None, ()),
    ("levqor", "eks", ()),
    ("amas", None, ()),
    ("llm-governance", None, ()),
    ("llm-governance", "redis-cluster", ()),
    ("llm-observatory", None, ()),
    ("llm-observatory", "aws-ecs", ()),
    ("llm-observatory", "gcp", ()),
    ("llm-observatory", "azure", ()),
    ("llm-serving", None, ()),
    ("llm-serving", "cheapest", ()),
    ("llm-serving", None, ()),
]

EVERY = [
    (name, alternative)
    for name in ("afpi", "amas", "levqor", "llm-governance", "llm-observatory", "llm-serving")
    for alternative in (None, *read_plan(ROOT / "examples" / name, (), None).plan.alternatives)
]
"""Every alternative of the five systems' plans and of the one that serves models."""

_SCHEMAS = os.environ.get("CAPPLAN_SCHEMAS")
"""Read before the tests hide the environment of whoever runs them."""

SERVICE = """
    name: shop
    regions: {gcp: us-central1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        throughput: 20/s
        instances: {min: 2, max: 10}
        workload: {secrets: {API_TOKEN: shop/token}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}}
"""


PARCELS = """
    name: parcels
    regions: {aws: us-east-1}
    demand: {requests_per_second: 20, profile: flat, entry: {shop: 1}}
    services:
      shop:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        throughput: 20/s
        instances: {min: 2, max: 4}
        workload: {host: shop.example.com, port: 8080, ports: {admin: 9000}}
        calls: {rates: 1, sessions: 1, carrier: 1}
      rates: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 40/s, calls: {ledger: 2}}
    clusters: {main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 2, max: 6}}}}}
    databases: {ledger: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 50Gi}}
    caches: {sessions: {platform: kubernetes, cpu: 1, memory: 1Gi}}
    external_apis: {carrier: {price_per_request: 0.001}}
"""


@cache
def site_of(name: str, alternative: str | None = None, sets: tuple[str, ...] = ()) -> Site:
    """Return an example as figures."""
    return Site(estimate(read_plan(ROOT / "examples" / name, sets, alternative), SHIPPED))


@cache
def example(name: str, alternative: str | None = None, sets: tuple[str, ...] = ()) -> dict[str, Rendered]:
    """Return the rendered files of an example by path."""
    return {
        item.path: item for item in render(site_of(name, alternative, sets), Templates(), RenderOptions())
    }


def rendered(text: str, *sets: str, templates: Path | None = None) -> dict[str, Rendered]:
    """Return the rendered files of the plan in ``text``, with the changes ``path=value``."""
    site = Site(estimate(plan_of(text, *sets), SHIPPED))
    return {item.path: item for item in render(site, Templates(templates), RenderOptions())}


def tool(name: str) -> str:
    """Return the path of a program, first beside this Python, or skip the test and name what is missing."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def sql_of(text: str) -> str:
    """Return the SQL of a script without what only psql reads."""
    plain = re.sub(r"^\\.*$", "", text.replace(" \\gset\n", ";\n"), flags=re.MULTILINE)
    return re.sub(r":('\w+')", r"\1", plain)


def schemas() -> Path:
    """Return the directory of JSON Schemas, or skip the test."""
    if not _SCHEMAS:
        pytest.skip("CAPPLAN_SCHEMAS names no directory of Kubernetes and operator schemas")
    return Path(_SCHEMAS)


def write(files: dict[str, Rendered], directory: Path) -> None:
    """Write rendered files as they are."""
    for path, item in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(item.text, encoding="utf-8")
