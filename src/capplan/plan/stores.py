"""What databases and caches share."""

from typing import Literal

from pydantic import Field, model_validator

from capplan.plan.fields import Cores, Memory, Name, Section, Share, Whole, Words, check_commitments

AUTO = "auto"
"""Lets capplan choose the cheapest machine that meets every need."""


class StoreBase(Section):
    """What every managed store has."""

    description: Words = ""
    region: str | None = Field(None, description="Region; the plan's for this provider by default.")
    commit_1y: Share = Field(0.0, description="Share under a one-year commitment.")
    commit_3y: Share = Field(0.0, description="Share under a three-year commitment.")

    @model_validator(mode="after")
    def _at_most_all(self) -> "StoreBase":
        check_commitments(self.commit_1y + self.commit_3y)
        return self


class SelfHosted(Section):
    """Pods of a StatefulSet on a node pool of one of the plan's clusters, each with its own disk."""

    description: Words = ""
    platform: Literal["kubernetes"]
    cluster: Name | None = Field(None, description="Cluster; the plan's only one by default.")
    pool: Name | None = Field(None, description="Node pool; the cluster's first by default.")
    cpu: Cores = Field(1.0, description="CPU request of a pod.")
    memory: Memory = Field(2.0, description="Memory request of a pod.")
    replicas: Whole = Field(1.0, description="Number of pods, leaders and followers.")
    one_per_node: bool = Field(False, description="Whether no two of its pods may run on one node.")
    storage: Memory = Field(0.0, description="Persistent volume of each pod.")
    storage_class: str | None = Field(
        None,
        description="SKU of the volumes; by default pd-balanced, gp3 or the smallest Premium SSD that fits.",
    )
