"""Adopts Kubernetes objects written as text, for the tests of what is read of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from helpers import SHIPPED, monthly

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.estimate import Estimate, estimate

AWS = AdoptOptions("aws", "us-east-1", {"default": "m5.xlarge"})
GCP = AdoptOptions("gcp", "us-central1")
AZURE = AdoptOptions("azure", "eastus")


def adopted(directory: Path, *documents: str, asked: AdoptOptions = AWS) -> Adopted:
    path = directory / "all.yaml"
    path.write_text("---\n".join(textwrap.dedent(text) for text in documents), encoding="utf-8")
    return adopt(path, asked)


def tree_of(found: Adopted) -> dict[str, Any]:
    """Return the plan as it is written."""
    tree: dict[str, Any] = yaml.safe_load(found.text)
    return tree


def priced(found: Adopted, sets: Sequence[str] = ()) -> Estimate:
    return estimate(found.file(sets), SHIPPED)


def costs(found: Adopted) -> dict[str, float]:
    """Return the expected cost of every component that has one."""
    result = priced(found)
    every = {component.name: round(monthly(result, component.name), 2) for component in result.components}
    return {name: cost for name, cost in every.items() if cost}


def codes(found: Adopted) -> set[str]:
    return {note.code for note in found.notes}


def pod(
    requests: str = "{cpu: 500m, memory: 1Gi}",
    more: str = "",
    name: str = "web",
    kind: str = "Deployment",
    api: str = "apps/v1",
    spec: str = "",
) -> str:
    """Return a workload of one container; ``more`` stands in the pod's specification, ``spec`` beside it."""
    return (
        f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
        + textwrap.indent(textwrap.dedent(spec), "  ")
        + "  template:\n    spec:\n"
        + textwrap.indent(textwrap.dedent(more), "      ")
        + f"      containers: [{{name: c, image: {name}, resources: {{requests: {requests}}}}}]\n"
    )
