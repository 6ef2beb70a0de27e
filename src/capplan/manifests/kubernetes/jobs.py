"""CronJobs of the plan's jobs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.objects import BASE, priority_class_of
from capplan.manifests.kubernetes.pods import MANAGED_BY, labels_of, selector_of, spot_labels_of
from capplan.manifests.kubernetes.quotas import job_amounts
from capplan.manifests.site import Site
from capplan.plan.jobs import Job
from capplan.plan.workload import Workload


def job_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a CronJob, its account and its network policy for every job."""
    for name, job in site.plan.jobs.items():
        common: Tree = {
            "name": name,
            "namespace": site.namespace,
            "labels": labels_of(site, name) | MANAGED_BY,
        }
        # The plan does not say what a job calls, so it may reach everything, and nothing reaches it.
        policy = {"pod_selector": {"matchLabels": selector_of(name)}, "ingress": [], "egress": [{}]}
        for kind, own in (
            ("cronjob", _context(site, name, job)),
            ("serviceaccount", {}),
            ("networkpolicy", policy),
        ):
            path = f"{BASE}/{name}/{kind}-{name}.yaml"
            yield Artefact(path, f"kubernetes/{kind}.yaml.j2", {**common, **own}, "kubernetes")


def _context(site: Site, name: str, job: Job) -> Tree:
    workload = job.workload or Workload.model_validate({})
    pool = site.pool_of(job.cluster, job.pool)
    shared = len(site.clusters[pool.cluster].pools) > 1
    asked = job_amounts(job)
    mounts = [{"name": f"writable-{i}", "mountPath": path} for i, path in enumerate(workload.writable)]
    env: list[Tree] = [{"name": variable, "value": value} for variable, value in workload.env.items()]
    for variable, reference in workload.secrets.items():
        secret, _, key = reference.partition("/")
        env.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    empty = {"emptyDir": {"sizeLimit": asked["ephemeral-storage"]}}
    return {
        "schedule": job.schedule,
        "timezone": job.timezone,
        "pods": whole(job.pods),
        # A run that takes twice as long as planned hangs.
        "deadline_s": math.ceil(2 * number(job.duration)),
        "pod_labels": labels_of(site, name),
        "priority_class": priority_class_of(site),
        "node_selector": (pool.selector if shared else {}) | spot_labels_of(pool) | workload.node_selector,
        "image": workload.image or f"registry.invalid/{site.name}/{name}:unset@sha256:{'0' * 64}",
        "command": list(workload.command),
        "args": list(workload.args),
        "env": env,
        "resources": {"requests": asked, "limits": asked},
        "mounts": mounts,
        "volumes": [{"name": mount["name"], **empty} for mount in mounts],
    }
