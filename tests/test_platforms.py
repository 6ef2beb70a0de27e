"""Every room knows what runs services and clusters; what a room does not know is named here."""

from typing import get_args, get_type_hints

import pytest

from capplan.autoscale import scalers
from capplan.components import managed as sizing_of_clusters
from capplan.components.services import platforms as sizing
from capplan.decide import changes
from capplan.manifests import managed as nodes
from capplan.manifests import platforms as artefacts
from capplan.manifests.observing import health
from capplan.plan import starter
from capplan.plan.clusters import ClusterBase
from capplan.plan.services import CLUSTER_PROVIDERS, ServiceBase

SERVICES = {
    "sizing and prices": sizing.PLATFORMS,
    "autoscalers over time": scalers.PLATFORMS,
    "recommendations": changes.PLATFORMS,
    "artefacts": artefacts.PLATFORMS,
    "probes": health.PLATFORMS,
}
CLUSTERS = {
    "providers": CLUSTER_PROVIDERS,
    "sizing and prices": sizing_of_clusters.MANAGED,
    "nodes and objects": nodes.MANAGED,
}
LACKS: dict[str, set[str]] = {}
"""By room the platforms that it does not know; empty as long as every room knows all."""


def names_of(base: type) -> set[str]:
    """Return the platforms that a plan may name: those of the models on ``base``."""
    return {get_args(get_type_hints(model)["platform"])[0] for model in base.__subclasses__()}


@pytest.mark.parametrize("room", SERVICES)
def test_every_room_knows_what_runs_services(room):
    assert names_of(ServiceBase) - LACKS.get(room, set()) == set(SERVICES[room])


@pytest.mark.parametrize("room", CLUSTERS)
def test_every_room_knows_what_runs_clusters(room):
    assert names_of(ClusterBase) - LACKS.get(room, set()) == set(CLUSTERS[room])


def test_a_starter_plan_can_be_had_for_every_platform():
    # Pods run on a cluster, so that is what `init` asks for.
    known = (names_of(ServiceBase) - {"kubernetes"}) | names_of(ClusterBase)
    assert set(starter.PLATFORMS) == known
