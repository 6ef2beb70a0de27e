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
from capplan.adopt.terraform.table import Row
from capplan.adopt.tfplan import mapping_of
from capplan.adopt.unread import LIST, Shapes, note_unread

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
}
"""How each resource type is read."""


_MODULES: Shapes = {"child_modules": LIST, "resources": LIST, "values": {}}


def adopt_terraform(draft: Draft, plan: Mapping[str, Any]) -> None:
    """Add the resources of a plan. ``plan`` is the document of `terraform show -json`."""
    root = mapping_of(plan["planned_values"]).get("root_module")
    note_unread(draft, "planned_values.root_module", root, _MODULES)
    Reading(Graph(plan), TYPES, draft).adopt()
