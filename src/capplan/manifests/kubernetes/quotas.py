"""The namespace's quota: what all pods of the plan request when every autoscaler is at its maximum."""

from __future__ import annotations

import math
from typing import Any

from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.pods import gpus_of, machines_of, resources_of
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.quantity import cpu, memory, milli, parse
from capplan.manifests.site import Service, Site
from capplan.plan.jobs import Job
from capplan.plan.stores import SelfHosted

Tree = dict[str, Any]


def pods_at_most(service: Service) -> int:
    """Return the pods during a rollout at the maximum: a quarter more, but none more on GPUs."""
    return service.hi if gpus_of(service) else service.hi + math.ceil(service.hi / 4)


def quota_of(site: Site, limit_cpu: bool = True) -> Tree:
    """Return the hard limits of the ResourceQuota."""
    totals: dict[str, float] = {}
    for service in site.all_pods:
        requests, limits = resources_of(site, service)
        pods = pods_at_most(service) * machines_of(site, service.name)
        _add(totals, requests, "requests", pods)
        _add(totals, limits, "limits", pods)
    for store in (*site.plan.databases.values(), *site.plan.caches.values()):
        if isinstance(store, SelfHosted):
            asked = store_amounts(store)
            _add(totals, asked, "requests", whole(store.replicas))
            _add(totals, asked, "limits", whole(store.replicas))
    for job in site.plan.jobs.values():
        for what in ("requests", "limits"):
            _add(totals, job_amounts(job), what, whole(job.pods))
    for pooler in (pooler_of(site, name) for name in site.plan.databases):
        if pooler is not None and pooler.name is not None:
            _add(totals, POOLER_REQUESTS, "requests", pooler.replicas)
            _add(totals, POOLER_LIMITS, "limits", pooler.replicas)
    hard: Tree = {"pods": str(int(totals.pop("pods", 0)))}
    for name, total in totals.items():
        if name == "limits.cpu" and not limit_cpu:
            continue
        hard[name] = _SHOWN.get(name.partition(".")[2], milli)(total)
    return hard


POOLER_REQUESTS = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"}
POOLER_LIMITS = POOLER_REQUESTS | {"cpu": "1"}
"""Of a pooler's pod: one thread, and some kilobytes for each client."""


def store_amounts(store: SelfHosted) -> Tree:
    """Return what a pod of a store of one's own requests, which is also its limit."""
    amounts = {"cpu": cpu(number(store.cpu)), "memory": memory(number(store.memory))}
    return amounts | {"ephemeral-storage": "1Gi"}


def job_amounts(job: Job) -> Tree:
    """Return what a pod of a job requests, which is also its limit."""
    disk = 1.0 if job.workload is None else number(job.workload.ephemeral_storage)
    amounts = {"cpu": cpu(number(job.cpu)), "memory": memory(number(job.memory))}
    return amounts | {"ephemeral-storage": memory(disk)}


_SHOWN = {"cpu": cpu, "memory": memory, "ephemeral-storage": memory}


def _add(totals: dict[str, float], amounts: Tree, what: str, pods: int) -> None:
    for resource, amount in amounts.items():
        if "/" in resource and what == "limits":
            continue
        each = parse(amount)
        if resource in ("memory", "ephemeral-storage"):
            each /= 2**30
        key = f"{what}.{resource}"
        totals[key] = totals.get(key, 0.0) + each * pods
    if what == "requests":
        totals["pods"] = totals.get("pods", 0.0) + pods
