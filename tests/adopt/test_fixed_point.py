"""Adopting what was rendered gives the plan again, and its price."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers import ROOT, SHIPPED
from rendering import example, rendered, write

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.components.base import Component
from capplan.estimate import Estimate, estimate
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
L4 = "clusters.afpi-prod.pools.gpu={machine: g2-standard-4, gpu: null, nodes: {min: 2, max: 200}}"
CARRIED = [
    (("afpi", "gke-web", ()), ("default=e2-standard-2",), {"default": (2, 60)}, ("web", "web/default")),
    (
        ("afpi", "gke-fits", (L4,)),
        ("gpu=g2-standard-4",),
        {"gpu": (2, 200)},
        ("afpi-prod", "afpi-prod/gpu"),
    ),
]


@pytest.mark.parametrize(("which", "types", "nodes", "components"), CARRIED)
def test_what_manifests_carry_costs_the_same(
    which: tuple[str, str, tuple[str, ...]],
    types: tuple[str, ...],
    nodes: dict[str, tuple[int, int]],
    components: tuple[str, str],
    tmp_path: Path,
) -> None:
    name, alternative, changes = which
    write(example(name, alternative, changes), tmp_path)
    asked = AdoptOptions.of("gcp", "us-central1", types, None, None)
    # No manifest says how many nodes a pool may have, nor what the account's discounts are.
    sets = ["pricing.sustained_use=false"]
    sets += [f"{POOLS}.{p}.nodes={{min: {lo}, max: {hi}}}" for p, (lo, hi) in nodes.items()]
    found = estimate(adopt(tmp_path, asked).file(sets), SHIPPED)
    original = estimate(read_plan(ROOT / "examples" / name, changes, alternative), SHIPPED)
    for own in components:
        mine = found.cost_of("/".join(["cluster", *own.split("/")[1:]]))
        theirs = original.cost_of(own)
        assert mine.floor.item() == pytest.approx(theirs.floor.item())
        assert mine.ceiling.item() == pytest.approx(theirs.ceiling.item())


def test_pods_that_keep_apart_need_as_many_nodes(tmp_path: Path) -> None:
    text = """
        name: shop
        regions: {gcp: us-central1}
        demand: {requests_per_second: 0, entry: {web: 1}}
        services:
          web: {platform: kubernetes, cpu: 300m, instances: {min: 4, max: 9}, one_per_node: true}
        databases:
          db: {platform: kubernetes, engine: postgres, replicas: 5, storage: 20Gi, one_per_node: true}
        clusters:
          main: {platform: gke, pools: {default: {machine: n2-standard-8, nodes: {min: 0}}}}
    """
    from helpers import component, estimate_of

    write(rendered(text), tmp_path)
    asked = AdoptOptions("gcp", "us-central1", {"default": "n2-standard-8"})
    found = component(estimate(adopt(tmp_path, asked).file(), SHIPPED), "cluster/default").sizing
    original = component(estimate_of(text), "main/default").sizing
    assert (found.floor.item(), found.ceiling.item()) == (5, 9)
    assert (original.floor.item(), original.ceiling.item()) == (5, 9)


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


def _every() -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for plan in sorted((ROOT / "examples").glob("*/plan.yaml")):
        tree = yaml.safe_load(plan.read_text(encoding="utf-8"))
        found += [(plan.parent.name, alternative) for alternative in (None, *tree.get("alternatives", ()))]
    return found


CARRIED_PLATFORMS = ("kubernetes", "cloud-run")
"""Whose files say how much of what runs; scripts and tfvars say the rest, and nobody adopts those."""


@pytest.mark.parametrize(("name", "alternative"), _every())
def test_every_example_is_adopted_as_it_is_rendered(
    name: str, alternative: str | None, tmp_path: Path
) -> None:
    plan = read_plan(ROOT / "examples" / name, (), alternative)
    free = [
        f"clusters.{cluster}.pools.{pool}.{field}"
        for cluster, tree in plan.plan.clusters.items()
        for pool in tree.pools
        # No file says what a pool's bounds, disks and commitments are; spot is in its labels.
        for field in ("nodes={min: 0}", "purchase.commit_1y=0", "purchase.commit_3y=0", "disk=null")
    ]
    original = estimate(
        read_plan(ROOT / "examples" / name, ["pricing.sustained_use=false", *free], alternative), SHIPPED
    )
    carried = [c for c in original.components if c.platform in CARRIED_PLATFORMS and c.sizing is not None]
    if original.plan.sites:
        # Each site has an overlay of its own; one says what runs in its region.
        carried = [component for component in carried if component.region == carried[0].region]
    if not carried:
        return
    write(example(name, alternative), tmp_path / name)
    machines = [pool.machine for tree in plan.plan.clusters.values() for pool in tree.pools.values()]
    found = _adopted(tmp_path / name, carried[0].provider, carried[0].region, plan.plan, machines)
    # Poolers are rendered beside the plan, which `rendered-not-billed` says.
    poolers = [name for name in found.file().plan.services if name.endswith("-pooler")]
    beside = [f"services.{name}.instances={{min: 0, max: 0}}" for name in poolers]
    sets = ["pricing.sustained_use=false", *beside, *_added_gpus(plan.plan)]
    adopted = estimate(found.file(sets), SHIPPED)
    mine = {component.name: component for component in adopted.components}
    for component in carried:
        own = mine.get(component.name)
        if own is None:
            # A cluster of caches is rendered as its leaders and its followers.
            parts = [c for n, c in mine.items() if n.startswith(f"{component.name}-") and c.sizing]
            assert sum(c.sizing.floor.item() for c in parts) == component.sizing.floor.item()
            continue
        assert _bounds(own) == _bounds(component), component.name
        assert _asked(own) == _asked(component), component.name
    if plan.plan.llm:
        # Their machines are their own there, and a pool's here.
        return
    pools = [
        sum(result.cost_of(pool.name).floor.item() for pool in result.components if _has_pods(result, pool))
        for result in (adopted, original)
    ]
    assert pools[0] == pytest.approx(pools[1])


def _adopted(directory: Path, provider: str, region: str, plan: Plan, machines: list[str]) -> Adopted:
    """Return what is adopted, on nodes of the plan's machine types: no manifest says those."""
    overlay = region if plan.sites else None
    once = adopt(directory, AdoptOptions(provider, region, overlay=overlay))  # type: ignore[arg-type]
    clusters = once.file().plan.clusters
    pools = [name for cluster in clusters.values() for name in cluster.pools]
    known = {name: pool.machine for tree in plan.clusters.values() for name, pool in tree.pools.items()}
    types = {name: known.get(name, machines[0] if machines else "") for name in pools if machines}
    return adopt(directory, AdoptOptions(provider, region, types, overlay))  # type: ignore[arg-type]


def _added_gpus(plan: Plan) -> list[str]:
    """Return the GPUs that are added to machines: pools have them, and no manifest does."""
    return [
        f"{POOLS}.{name}.gpu={{type: {pool.gpu.type}, count: {pool.gpu.count}}}"
        for cluster in plan.clusters.values()
        for name, pool in cluster.pools.items()
        if pool.gpu is not None
    ]


def _bounds(component: Component) -> tuple[float, float | None]:
    sizing = component.sizing
    assert sizing is not None
    return sizing.floor.item(), None if sizing.ceiling is None else sizing.ceiling.item()


def _asked(component: Component) -> tuple[object, ...]:
    """Return what is requested; limits are the renderer's where the plan has none."""
    pods = component.pods
    return () if pods is None else (pods.cpu, pods.memory_gib, pods.gpu)


def _has_pods(result: Estimate, pool: Component) -> bool:
    """Say whether a node pool runs pods that files carry: the floor of its nodes follows from theirs."""
    return pool.kind == "node-pool" and pool.sizing is not None and pool.sizing.constraints["pods"].item() > 0
