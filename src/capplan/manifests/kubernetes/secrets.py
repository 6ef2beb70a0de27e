"""External Secrets: objects that fetch the plan's secrets from a store; no value ever stands in a file."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes.objects import COMPONENTS
from capplan.manifests.kubernetes.pods import MANAGED_BY
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.site import Site
from capplan.plan.stores import SelfHosted


def secret_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield an ExternalSecret for every Secret that the plan's pods refer to, where it names a store."""
    if site.manifests.secret_store is None:
        return
    for name, keys in secrets_of(site).items():
        context: Tree = {
            "name": name,
            "namespace": site.namespace,
            "labels": {"app.kubernetes.io/part-of": site.name} | MANAGED_BY,
            "store": site.manifests.secret_store,
            "data": [{"secretKey": key, "remoteRef": {"key": name, "property": key}} for key in keys],
        }
        path = f"{COMPONENTS}/external-secrets/externalsecret-{name}.yaml"
        yield Artefact(path, "kubernetes/externalsecret.yaml.j2", context, "external-secrets")


def secrets_of(site: Site) -> dict[str, list[str]]:
    """Return the keys of each Secret that pods refer to: their environment, and passwords of stores."""
    found: dict[str, list[str]] = {}
    own = [service.workload for service in site.all_pods]
    for workload in (*own, *(job.workload for job in site.plan.jobs.values() if job.workload)):
        for reference in workload.secrets.values():
            secret, _, key = reference.partition("/")
            found.setdefault(secret, []).append(key)
    for name, store in {**site.plan.databases, **site.plan.caches}.items():
        if isinstance(store, SelfHosted):
            found.setdefault(name, []).append("password")
    for name, database in site.plan.databases.items():
        pooler = pooler_of(site, name)
        if pooler is not None and pooler.name is not None:
            signed = [] if isinstance(database, SelfHosted) else ["ca.pem"]
            keys = ["userlist.txt", "tls.crt", "tls.key", *signed]
            found.setdefault(pooler.name, []).extend(keys)
    return {secret: sorted(set(keys)) for secret, keys in sorted(found.items())}
