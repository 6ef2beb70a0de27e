"""Adopting what was rendered gives the plan again, and its price."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import ROOT, SHIPPED
from rendering import example, rendered, write

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import adopt
from capplan.estimate import estimate
from capplan.plan.model import Plan
from capplan.plan.read import read_plan

EXAMPLES = [
    ("afpi", None, "gcp", "us-central1"),
    ("afpi", "gke-web", "gcp", "us-central1"),
    ("afpi", "l4", "gcp", "us-central1"),
    ("amas", None, "gcp", "us-central1"),
    ("levqor", "eks", "aws", "us-east-1"),
    ("llm-governance", None, "aws", "us-east-1"),
    ("llm-observatory", None, "azure", "eastus"),
]


@pytest.mark.parametrize(("name", "alternative", "provider", "region"), EXAMPLES)
def test_adopt_render_adopt_is_a_fixed_point(
    name: str, alternative: str | None, provider: str, region: str, tmp_path: Path
) -> None:
    asked = AdoptOptions(provider, region)  # type: ignore[arg-type]
    write(example(name, alternative), tmp_path / "a" / name)
    once = adopt(tmp_path / "a" / name, asked)
    write(rendered(once.text), tmp_path / "b" / name)
    twice = adopt(tmp_path / "b" / name, asked)
    assert _without_coverage(twice.text) == _without_coverage(once.text)
    first, second = once.file().plan, twice.file().plan
    assert _not_covered(second) <= _not_covered(first)
    assert len(first.services) >= 1


def _without_coverage(text: str) -> str:
    """Return the plan without what it says of its source: objects that cost nothing may come and go."""
    return text.partition("\nadopted:")[0]


def _not_covered(plan: Plan) -> set[str]:
    assert plan.adopted is not None
    return {remark.resource for remark in plan.adopted.not_covered}


POOLS = "clusters.cluster.pools"
CARRIED = [
    (("afpi", "gke-web"), ("default=e2-standard-2",), {"default": (2, 60)}, ("web", "web/default")),
    (
        ("afpi", "l4"),
        ("gpu=g2-standard-4",),
        {"gpu": (2, 200)},
        ("afpi-prod", "afpi-prod/gpu"),
    ),
]


@pytest.mark.parametrize(("which", "types", "nodes", "components"), CARRIED)
def test_what_manifests_carry_costs_the_same(
    which: tuple[str, str],
    types: tuple[str, ...],
    nodes: dict[str, tuple[int, int]],
    components: tuple[str, str],
    tmp_path: Path,
) -> None:
    name, alternative = which
    write(example(name, alternative), tmp_path)
    asked = AdoptOptions.of("gcp", "us-central1", types, None, None)
    # No manifest says how many nodes a pool may have, nor what the account's discounts are.
    sets = ["pricing.sustained_use=false"]
    sets += [f"{POOLS}.{p}.nodes={{min: {lo}, max: {hi}}}" for p, (lo, hi) in nodes.items()]
    found = estimate(adopt(tmp_path, asked).file(sets), SHIPPED)
    original = estimate(read_plan(ROOT / "examples" / name, (), alternative), SHIPPED)
    for own in components:
        mine = found.cost_of("/".join(["cluster", *own.split("/")[1:]]))
        theirs = original.cost_of(own)
        assert mine.floor.item() == pytest.approx(theirs.floor.item())
        assert mine.ceiling.item() == pytest.approx(theirs.ceiling.item())


def test_cloud_run_and_stores_cost_the_same(tmp_path: Path) -> None:
    text = """
        name: shop
        regions: {gcp: us-central1}
        demand: {requests_per_second: 0, entry: {api: 1}}
        services:
          api: {platform: cloud-run, cpu: 2, memory: 2Gi, service_time: 100ms, instances: {min: 1, max: 20}}
          web: {platform: kubernetes, cpu: 300m, memory: 700Mi, instances: {min: 2, max: 50}}
        databases:
          db: {platform: kubernetes, engine: postgres, cpu: 2, memory: 8Gi, replicas: 2, storage: 200Gi}
        caches:
          redis: {platform: kubernetes, cpu: 500m, memory: 2Gi, storage: 10Gi}
        clusters:
          main: {platform: gke, pools: {default: {machine: n2-standard-4, nodes: {min: 0}}}}
    """
    from helpers import estimate_of

    write(rendered(text), tmp_path)
    original = estimate_of(text)
    asked = AdoptOptions("gcp", "us-central1", {"default": "n2-standard-4"})
    found = estimate(adopt(tmp_path, asked).file(), SHIPPED)
    assert found.total.floor.item() == pytest.approx(original.total.floor.item())
    assert found.total.ceiling.item() == pytest.approx(original.total.ceiling.item())
