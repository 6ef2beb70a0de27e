"""The instances of one service: which are there, which are ready, and on which nodes they fit.

The newest go first, as they do in Kubernetes where nothing else tells instances apart. So instances are a
stack, and readiness never falls with age.
"""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.hpa.pods import Readiness, starting

_LONG_AGO_S = -1e9


class FleetSpec(NamedTuple):
    """How long starting takes.

    per_node: instances that fit a node, 0 where nodes are not the reader's concern. node_start_s: from a
    pending pod to a ready node. node_hold_s: how long an unneeded node stays.
    """

    startup_s: float
    per_node: int = 0
    node_start_s: float = 120.0
    node_hold_s: float = 600.0


class SimulatedFleet(NamedTuple):
    """Instances in order of age, in columns.

    place_at_s, left_at_s: when the place of an instance on a node is there, and when it was left. number,
    ready, mature, places, kept: one figure each; mature instances are ready and past the controller's CPU
    initialisation, kept is the highest count of the last while, for which nodes are still there.
    """

    created_s: Reals
    ready_at_s: Reals
    place_at_s: Reals
    left_at_s: Reals
    number: Ints
    ready: Ints
    mature: Ints
    places: Ints
    kept: Ints


def fleet(spec: FleetSpec, count: int, most: int) -> SimulatedFleet:
    """Return ``count`` instances that have been ready for long; there are never more than ``most``."""
    room = most + max(spec.per_node, 1)
    return SimulatedFleet(
        created_s=reals([_LONG_AGO_S] * room),
        ready_at_s=reals([_LONG_AGO_S] * room),
        place_at_s=reals([_LONG_AGO_S] * room),
        left_at_s=reals([_LONG_AGO_S] * room),
        number=ints([count]),
        ready=ints([count]),
        mature=ints([count]),
        places=ints([-(-count // spec.per_node) * spec.per_node if spec.per_node else 0]),
        kept=ints([count]),
    )


@compiled
def scale(fleet: SimulatedFleet, spec: FleetSpec, wanted: int, now_s: float) -> None:
    """Start instances, or stop the newest."""
    for i in range(fleet.number[0], wanted):
        fleet.created_s[i] = now_s
        placed_s = now_s
        if spec.per_node > 0:
            _order_nodes(fleet, spec, i, now_s)
            placed_s = max(now_s, fleet.place_at_s[i])
        fleet.ready_at_s[i] = placed_s + spec.startup_s
    for i in range(wanted, fleet.number[0]):
        fleet.left_at_s[i] = now_s
    fleet.number[0] = wanted
    fleet.kept[0] = max(fleet.kept[0], wanted) if spec.per_node > 0 else wanted
    fleet.ready[0] = min(fleet.ready[0], wanted)
    fleet.mature[0] = min(fleet.mature[0], wanted)


@compiled
def _order_nodes(fleet: SimulatedFleet, spec: FleetSpec, instance: int, now_s: float) -> None:
    while fleet.places[0] <= instance:
        first = fleet.places[0]
        for place in range(first, min(first + spec.per_node, len(fleet.place_at_s))):
            fleet.place_at_s[place] = now_s + spec.node_start_s
        fleet.places[0] = first + spec.per_node


@compiled
def advance(fleet: SimulatedFleet, spec: FleetSpec, readiness: Readiness, now_s: float) -> int:
    """Bring readiness up to ``now_s``, let unneeded nodes go, and return the instances that are ready."""
    while fleet.ready[0] < fleet.number[0] and fleet.ready_at_s[fleet.ready[0]] <= now_s:
        fleet.ready[0] += 1
    while (
        fleet.mature[0] < fleet.ready[0]
        and fleet.created_s[fleet.mature[0]] + readiness.cpu_initialization_s <= now_s
    ):
        fleet.mature[0] += 1
    if spec.per_node > 0:
        _let_go(fleet, spec, now_s)
    return fleet.ready[0]


@compiled
def _let_go(fleet: SimulatedFleet, spec: FleetSpec, now_s: float) -> None:
    """Give up nodes that were left for long enough; what is highest was left first."""
    while fleet.kept[0] > fleet.number[0] and now_s - fleet.left_at_s[fleet.kept[0] - 1] > spec.node_hold_s:
        fleet.kept[0] -= 1
    fleet.places[0] = (fleet.kept[0] + spec.per_node - 1) // spec.per_node * spec.per_node


@compiled
def pending(fleet: SimulatedFleet, spec: FleetSpec, now_s: float) -> int:
    """Return the instances that no node has room for yet."""
    waiting = 0
    if spec.per_node > 0:
        for i in range(fleet.ready[0], fleet.number[0]):
            waiting += fleet.place_at_s[i] > now_s
    return waiting


@compiled
def counted_for_cpu(
    fleet: SimulatedFleet, spec: FleetSpec, readiness: Readiness, window_s: float, now_s: float
) -> tuple[int, int]:
    """Return the instances whose CPU sample the HPA believes, and those of them that are ready."""
    believed = busy = fleet.mature[0]
    for i in range(fleet.mature[0], fleet.number[0]):
        if spec.per_node > 0 and fleet.place_at_s[i] > now_s:
            continue
        is_ready = i < fleet.ready[0]
        age_s = now_s - fleet.created_s[i]
        changed_s = now_s - fleet.ready_at_s[i] if is_ready else age_s
        if not starting(not is_ready, age_s, changed_s, 0.0, window_s, readiness):
            believed += 1
            busy += is_ready
    return believed, busy
