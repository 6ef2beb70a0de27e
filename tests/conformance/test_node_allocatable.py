"""What pods may request of a node, as the providers' documents and source code have it."""

import json
import math

import pytest
from helpers import CASES

from capplan.capacity.nodes import Allocatable, aks_allocatable, eks_allocatable, gke_allocatable

FACTS = json.loads((CASES / "node_allocatable.json").read_text())


def allocatable(case) -> Allocatable:
    size = (case["vcpu"], case["memory_gib"], case["max_pods"])
    if case["platform"] == "gke":
        return gke_allocatable(*size, shared_core=case["machine"] == "e2-medium")
    return {"eks": eks_allocatable, "aks": aks_allocatable}[case["platform"]](*size)


@pytest.mark.parametrize(
    "case", FACTS["cases"], ids=lambda c: f"{c['platform']}-{c['machine']}-{c['max_pods']}"
)
def test_allocatable(case):
    node = allocatable(case)
    assert round(node.cpu * 1000) == case["cpu_millicores"]
    # The sources cut reservations to whole MiB before they subtract them, which is at most 2 MiB.
    assert node.memory_gib * 1024 == pytest.approx(case["memory_mib"], abs=2)
    assert node.pods == case["max_pods"]


@pytest.mark.parametrize("case", FACTS["published"], ids=lambda c: f"{c['platform']}-{c['max_pods']}-pods")
def test_published_reservations(case):
    rule = {"eks": lambda *size: eks_allocatable(*size, vm_overhead=0.0), "aks": aks_allocatable}[
        case["platform"]
    ]
    node = rule(4, case["memory_gib"], case["max_pods"])
    eviction = 100
    assert case["memory_gib"] * 1024 - node.memory_gib * 1024 - eviction == pytest.approx(
        case["reserved_mib"]
    )


def test_gke_150_gib():
    """The published figure has kube-reserved and eviction; the kernel's share comes on top of it."""
    total = 150 * 1024
    kernel = math.floor(total / 64) + 16 + 64 + min(0.00175 * total, 248)
    left = gke_allocatable(40, 150, 110, shared_core=False).memory_gib
    assert 150 - left - kernel / 1024 == pytest.approx(
        FACTS["gke_150_gib"]["reserved_with_eviction_gib"], abs=1e-4
    )
