"""Nodes: what of a machine pods may request, and how many nodes they need."""

import itertools

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity.nodes import (
    Allocatable,
    PodGroup,
    aks_allocatable,
    eks_allocatable,
    gke_allocatable,
    nodes_for,
    shares,
)

NODE = Allocatable(cpu=4.0, memory_gib=16.0, pods=10.0, gpus=1.0)


def group(pods: float, cpu: float = 1.0, memory: float = 1.0, gpus: float = 0.0) -> PodGroup:
    return PodGroup(cpu, memory, gpus, np.array([[float(pods)]]))


def needed(groups: list[PodGroup], node: Allocatable = NODE) -> int:
    return int(nodes_for(groups, node)[0, 0])


def single_pods(groups: list[PodGroup]) -> list[tuple[float, ...]]:
    """Return every pod on its own: what it requests of cpu, memory, pods, gpus."""
    return [
        (float(g.cpu), float(g.memory_gib), 1.0, float(g.gpus))
        for g in groups
        for _ in range(int(g.pods[0, 0]))
    ]


def fits(loads: list[float], pod: tuple[float, ...], node: Allocatable) -> bool:
    limits = (node.cpu, node.memory_gib, node.pods, node.gpus)
    return all(used + more <= there + 1e-9 for used, more, there in zip(loads, pod, limits, strict=True))


def first_fit(pods: list[tuple[float, ...]], node: Allocatable) -> int:
    """Return the nodes that a scheduler opens which takes the first node with room."""
    nodes: list[list[float]] = []
    for pod in pods:
        place = next((n for n in nodes if fits(n, pod, node)), None)
        if place is None:
            place = [0.0] * 4
            nodes.append(place)
        place[:] = [used + more for used, more in zip(place, pod, strict=True)]
    return len(nodes)


def best_packing(pods: list[tuple[float, ...]], node: Allocatable) -> int:
    """Return the fewest nodes over every order of first fit, which includes an optimal one."""
    return min(first_fit(list(order), node) for order in set(itertools.permutations(pods)))


@pytest.mark.parametrize(
    ("groups", "nodes"),
    [
        ([group(0)], 0),
        ([group(1)], 1),
        ([group(8)], 2),  # four of one core each
        ([group(9)], 3),
        ([group(3, cpu=1.4)], 2),  # 4 ÷ 1.4 = 2.86: two a node, what is left is lost
        ([group(4, cpu=0.1, memory=6)], 2),  # memory binds
        ([group(25, cpu=0.01, memory=0.01)], 3),  # the pod limit binds
        ([group(3, gpus=1)], 3),  # a GPU is not shared
        ([group(12, cpu=4 / 3)], 4),  # three of a third, whatever the floats say
        ([group(2, cpu=2.5), group(2, cpu=1.5)], 2),
        ([group(3, cpu=2.1)], 3),  # no two fit, though they add up to 1.6 nodes
        ([group(2, cpu=2.1), group(1, cpu=2.2)], 3),  # the same with two kinds
        ([group(6, cpu=0.1)._replace(one_per_node=True)], 6),  # whatever they take
        ([group(6, cpu=0.1)._replace(one_per_node=True), group(3, cpu=0.1)], 6),  # others run beside them
    ],
)
def test_known_packings(groups, nodes):
    assert needed(groups) == nodes


def test_no_pods_need_no_nodes():
    assert nodes_for([], NODE).tolist() == [[0.0]]


kinds = st.builds(
    group,
    pods=st.integers(0, 3),
    cpu=st.sampled_from([0.3, 1.0, 1.4, 2.0, 2.1, 3.0, 4.0]),
    memory=st.sampled_from([0.5, 3.0, 5.4, 8.0, 9.0, 16.0]),
    gpus=st.sampled_from([0.0, 0.0, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(kinds, min_size=1, max_size=3))
def test_never_more_than_the_best_placement_needs(groups):
    pods = single_pods(groups)[:7]
    assert needed([group(1, *pod[:2], pod[3]) for pod in pods]) <= best_packing(pods, NODE)


@pytest.mark.parametrize(
    "groups",
    [
        # A node has 4 cores and 16 GiB. Neither pod leaves room for the other: 10 + 10 nodes, not 10.
        [group(10, cpu=0.3, memory=16), group(10, cpu=4, memory=0.5)],
        # One resource is enough: 39 of 0.6 fill a node each, 31 of 0.45 go in twos: 39 + 16, not 39.
        [group(39, cpu=2.4), group(31, cpu=1.8)],
        [group(16, cpu=2, memory=16, gpus=1), group(4, cpu=1, memory=3), group(6, cpu=1.4, memory=0.5)],
        # A GPU service and a service that asks for whole nodes.
        [group(20, cpu=4, memory=0.5, gpus=1), group(17, cpu=2, memory=16)],
    ],
)
def test_first_fit_needs_at_most_one_node_more(groups):
    """The error that the docstring states. Largest pods first, which is kinder than a scheduler."""
    largest_first = sorted(single_pods(groups), key=lambda pod: (-max(pod[0] / 4, pod[1] / 16, pod[3]), pod))
    assert first_fit(largest_first, NODE) <= needed(groups) + 1


@moderate
@given(kinds, st.integers(1, 40))
def test_alike_pods_really_fit_and_one_node_fewer_does_not_do(kind, count):
    """For pods that are all alike the answer is exact: first fit reaches it."""
    alike = kind._replace(pods=np.array([[float(count)]]))
    assert needed([alike]) == first_fit(single_pods([alike]), NODE)


@moderate
@given(st.lists(kinds, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 5))
def test_more_pods_never_need_fewer_nodes(groups, which, more):
    grown = list(groups)
    index = which % len(groups)
    grown[index] = groups[index]._replace(pods=groups[index].pods + more)
    assert needed(grown) >= needed(groups)


@moderate
@given(st.lists(kinds, min_size=1, max_size=4))
def test_never_below_what_the_sum_of_requests_needs(groups):
    for resource in ("cpu", "memory", "pods", "gpu"):
        total = sum(float(g.pods[0, 0]) * float(shares(g, NODE)[resource]) for g in groups)
        assert needed(groups) >= total - 1e-6


@moderate
@given(st.lists(kinds, min_size=2, max_size=4))
def test_the_order_of_the_services_does_not_matter(groups):
    assert needed(groups) == needed(groups[::-1])


@moderate
@given(kinds, st.integers(0, 20), st.integers(0, 20))
def test_a_service_split_in_two_never_needs_more_than_whole(kind, some, others):
    parts = [kind._replace(pods=np.array([[float(n)]])) for n in (some, others)]
    whole = kind._replace(pods=np.array([[float(some + others)]]))
    assert needed(parts) <= needed([whole])


def test_hours_and_scenarios_are_kept_apart():
    pods = np.array([[1.0, 5.0], [8.0, 9.0]])
    assert nodes_for([PodGroup(1.0, 1.0, 0.0, pods)], NODE).tolist() == [[1, 2], [2, 3]]


def test_a_pod_above_the_node_shows_in_its_shares():
    found = shares(group(1, cpu=5, memory=4, gpus=2), NODE)
    assert {name: float(share) for name, share in found.items()} == {
        "cpu": 1.25,
        "memory": 0.25,
        "pods": 0.1,
        "gpu": 2,
    }


def test_a_gpu_on_a_node_without_one_never_fits():
    assert np.isinf(shares(group(1, gpus=1), NODE._replace(gpus=0.0))["gpu"])


def test_daemonsets_take_their_share_and_never_leave_less_than_nothing():
    left = NODE.less(0.5, 20.0, 3)
    assert (left.cpu, left.memory_gib, left.pods, left.gpus) == (3.5, 0.0, 7.0, 1.0)


machines = st.tuples(st.sampled_from([2, 4, 8, 16, 32, 64]), st.floats(2, 512))


@moderate
@given(machines, st.integers(8, 110))
def test_reservations_are_positive_and_never_all(machine, pods):
    vcpu, memory = machine
    for node in (
        gke_allocatable(vcpu, memory, pods, shared_core=False),
        eks_allocatable(vcpu, memory, pods),
        aks_allocatable(vcpu, memory, pods),
    ):
        assert 0.9 * vcpu < node.cpu < vcpu
        assert 0 < node.memory_gib < memory or memory < 4


@moderate
@given(st.floats(1, 200), st.floats(1, 200), st.integers(8, 110))
def test_more_memory_never_leaves_less(one, other, pods):
    low, high = sorted((one, other))
    for rule in (lambda m: gke_allocatable(4, m, pods, False), lambda m: eks_allocatable(4, m, pods)):
        # GKE's kernel keeps 64 MiB more above 3 GiB of memory and 8 MiB more up to 8 GiB.
        assert rule(high).memory_gib >= rule(low).memory_gib - 0.065


def test_more_pods_reserve_more_on_eks_and_aks():
    for rule in (eks_allocatable, aks_allocatable):
        assert rule(4, 16, 200).memory_gib < rule(4, 16, 30).memory_gib


def test_gke_keeps_400_millicores_more_above_110_pods():
    few, many = (gke_allocatable(8, 32, pods, False).cpu for pods in (110, 111))
    assert few - many == pytest.approx(0.4)
