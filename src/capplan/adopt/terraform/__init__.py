"""Terraform plans and states: a graph that resolves, a table for each type of resource, and its readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capplan.adopt.draft import Draft
from capplan.adopt.terraform import (
    aws_containers,
    aws_data,
    aws_ec2,
    aws_network,
    azure_machines,
    azure_services,
    gcp_machines,
    gcp_services,
    gke,
)
from capplan.adopt.terraform.graph import Graph
from capplan.adopt.terraform.reading import Reading
from capplan.adopt.terraform.simple import told
from capplan.adopt.terraform.table import Row
from capplan.adopt.tfplan import mapping_of
from capplan.adopt.unread import LIST, Shapes, note_unread

_PODS = "its pods run on nodes that are priced as they are, and more pods may need more of them"
_WORKLOADS = (
    *("deployment", "deployment_v1", "daemonset", "daemon_set_v1", "stateful_set", "stateful_set_v1"),
    *("job", "job_v1", "cron_job", "cron_job_v1", "pod", "pod_v1"),
    *("replication_controller", "replication_controller_v1"),
)

TYPES: Mapping[str, Row] = {
    **aws_ec2.TYPES,
    **aws_containers.TYPES,
    **aws_data.TYPES,
    **aws_network.TYPES,
    **gcp_machines.TYPES,
    **gcp_services.TYPES,
    **gke.TYPES,
    **azure_machines.TYPES,
    **azure_services.TYPES,
    **{f"kubernetes_{kind}": Row(told(_PODS), "*") for kind in _WORKLOADS},
}
"""How each resource type is read."""


_MODULES: Shapes = {"child_modules": LIST, "resources": LIST, "values": {}}


def adopt_terraform(draft: Draft, plan: Mapping[str, Any]) -> None:
    """Add the resources of a plan. ``plan`` is the document of `terraform show -json`."""
    root = mapping_of(plan["planned_values"]).get("root_module")
    note_unread(draft, "planned_values.root_module", root, _MODULES)
    Reading(Graph(plan), TYPES, draft).adopt()
