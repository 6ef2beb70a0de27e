"""Jobs: pods that run at their times and need room on nodes only then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from capplan.arrays import Array, hourly_max, hourly_mean, per_scenario
from capplan.capacity.sizing import Bounds, Sizing
from capplan.components import job_checks as checks
from capplan.components.autopilot import autopilot_meters
from capplan.components.base import Component, Context, Path, Pods
from capplan.components.measures import measure
from capplan.cost.meters import Range
from capplan.demand.schedule import runs
from capplan.findings import Finding
from capplan.plan.jobs import Job
from capplan.plan.services import CLUSTER_PROVIDERS


def build_jobs(ctx: Context, _: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.jobs``."""
    for name, job in ctx.plan.jobs.items():
        yield _job(ctx, name, job)


def _job(ctx: Context, name: str, job: Job) -> Component:
    path: Path = ("jobs", name)
    cluster = job.cluster or next(iter(ctx.plan.clusters))
    owner = ctx.plan.clusters[cluster]
    provider = CLUSTER_PROVIDERS[owner.platform]
    region = ctx.region(provider, owner.region, path)
    share = runs(job.schedule, job.timezone, job.duration, ctx.pattern)
    sizing = _sized(job, share)
    busy = hourly_mean(share)
    size = (job.cpu, job.memory)
    alone = owner.autopilot
    return Component(
        name=name,
        kind="job",
        platform="kubernetes",
        provider=provider,
        region=region,
        path=path,
        sizing=sizing,
        meters=list(autopilot_meters(ctx, name, region, owner, size, Range.fixed(busy * job.pods)))
        if alone
        else [],
        findings=list(_findings(name, share)),
        billed_with=None if alone else cluster,
        measures=[measure("runs", 100 * busy, "% of the time", "starts × duration, one at a time")],
        pods=Pods(cluster, job.pool, job.cpu, job.memory),
    )


def _sized(job: Job, share: Array) -> Sizing:
    """Return all pods in every hour in which the job runs at all: nodes are paid until they leave."""
    pods = per_scenario(job.pods)
    running: Array = pods * (share > 0)
    return Sizing(
        required=running,
        peak=hourly_max(running),
        running=running,
        floor=np.zeros((1, 1)),
        ceiling=pods,
        constraints={"schedule": pods},
        capacity_rps=np.full((1, 1), np.inf),
        limits=(),
        bounds=Bounds(0.0, job.pods),
    )


def _findings(name: str, share: Array) -> Iterator[Finding]:
    if not np.any(share, axis=1).all():
        yield checks.JOB_SCHEDULE.finding(name, "its schedule has no time at which it starts")
    elif np.any(np.min(share, axis=1) >= 1):
        yield checks.JOB_SCHEDULE.finding(name, "a run takes longer than the time until the next one")
