"""The checklist: what of the usual scaling work is rendered, and what no file can do, with its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.edge import needs_nginx, tls_secret_of
from capplan.manifests.kubernetes.network import OBJECT_STORES, STORE_PORTS
from capplan.manifests.kubernetes.pods import gpus_of, machines_of
from capplan.manifests.kubernetes.secrets import secrets_of
from capplan.manifests.kubernetes.settings import pooler_of, pools_of
from capplan.manifests.limits import limits_of, on_ingress
from capplan.manifests.observing.stores import EXPORTERS, WatchedStore, watched_stores
from capplan.manifests.site import Site
from capplan.manifests.split import shared, split_of
from capplan.manifests.steps import platforms_of, steps_of
from capplan.plan.caches import AzureRedis
from capplan.plan.services import VmGroup
from capplan.plan.stores import SelfHosted
from capplan.quantities import counted, plain

_DATABASES, _CACHES = "Databases and read replicas", "Settings of caches"
_POOLS = "Pools of connections"
_INDEXES, _SERIES = "Indexes", "Compression and retention of time series"
_LIMITS = "Rate limits"
_RENDERED: dict[str, tuple[str, ...]] = {
    "Autoscalers": (
        "/horizontalpodautoscaler-",
        "/scaledobject-",
        "put-scaling-policy",
        ".service.yaml",
        ".containerapp.",
        "commands/gcloud.sh",
        "commands/az.sh",
    ),
    "Requests and limits of resources": (
        "/deployment-",
        "/leaderworkerset-",
        "register-task-definition",
        ".service.yaml",
        ".containerapp.",
    ),
    _DATABASES: ("create-db-", "commands/gcloud.sh", "commands/az.sh", "/statefulset-"),
    _CACHES: ("-config.yaml", "cache-parameter-group", "commands/gcloud.sh", "commands/az.sh"),
    _POOLS: ("pgbouncer/", "/configmap-", "cloudrun/", "register-task-definition", "azure/"),
    _INDEXES: ("-indexes.sql", "-timeseries.sql"),
    _SERIES: ("-timeseries.sql",),
    _LIMITS: ("ratelimits/",),
    "Metrics, alerts and dashboards": ("prometheus/", "grafana/"),
    "Load tests": ("loadtest/",),
    "Health endpoints": ("health/",),
}
"""What the scaling documents list, and the paths of the files that do it."""

_RUN_SQL = "run sql/apply.sh, now and after each migration"
_LEFT: dict[str, str] = {
    _INDEXES: _RUN_SQL,
    _SERIES: _RUN_SQL,
    "Metrics, alerts and dashboards": "load the rules and dashboards into yours",
    "Load tests": "run one before you go live",
    "Health endpoints": "your services must answer as it says",
}
"""What is not done when the files are applied."""

_EDGES = {
    "gcp": ("Cloud CDN", "Cloud Armor", "Secret Manager", "Cloud KMS", "Binary Authorization"),
    "aws": ("CloudFront", "AWS WAF", "Secrets Manager", "AWS KMS", "Image signatures by AWS Signer"),
    "azure": ("Front Door", "Azure WAF", "Key Vault", "Key Vault keys", "Image integrity by Azure Policy"),
}
"""By provider: what caches at the edge, guards it, keeps secrets, keeps keys, and admits images."""


def checklist_artefact(site: Site, files: Sequence[Rendered]) -> Artefact:
    """Return the checklist of the plan; ``files``: everything else that is rendered."""
    left = {**_LEFT, **_unlimited(site)}
    asked = _asked(site)
    rendered = [
        _found(work, patterns, asked.get(work), left.get(work), files) for work, patterns in _RENDERED.items()
    ]
    paths = {item.path for item in files}
    ways = [
        {"platform": _NAMES[platform], "steps": list(steps_of(site, platform, paths, "."))}
        for platform in platforms_of(site)
    ]
    context: Tree = {"name": site.name, "rendered": rendered, "ways": ways, "yours": list(_yours(site))}
    return Artefact("CHECKLIST.md", "checklist.md.j2", context, "checklist")


def _asked(site: Site) -> dict[str, list[str]]:
    """Return the components that a work is for, where it is for each of them."""
    return {
        "Autoscalers": [service.name for service in site.services.values() if not service.fixed],
        "Requests and limits of resources": [
            service.name for service in site.services.values() if service.spec.platform != "vm-group"
        ],
        _DATABASES: list(site.plan.databases),
        _CACHES: list(site.plan.caches),
        _POOLS: [name for name in site.services if pools_of(site, name)],
    }


_NAMES = {"eks": "AWS (EKS)", "gke": "Google Cloud (GKE)", "aks": "Azure (AKS)"}


def _unlimited(site: Site) -> dict[str, str]:
    """Return what is left of rate limits: those that no Ingress holds are for the application."""
    names = [limit.service for limit in limits_of(site) if not on_ingress(site, limit)]
    return {_LIMITS: f"{', '.join(dict.fromkeys(names))} must enforce the table"} if names else {}


def _found(
    work: str, patterns: tuple[str, ...], names: list[str] | None, left: str | None, files: Sequence[Rendered]
) -> Tree:
    """Return the files of a work, and what is left of it: components of ``names`` that no file knows."""
    held = [item for item in files if any(pattern in item.path for pattern in patterns)]
    if names is not None:
        held = [item for item in held if any(_is_of(item, name) for name in names)]
    paths = sorted(item.path for item in held)
    without = [name for name in names or () if not any(_is_of(item, name) for item in held)]
    if without and paths:
        left = f"not for {', '.join(without)}"
    more = max(0, len(paths) - 1)
    return {"work": work, "first": paths[0] if paths else None, "more": more, "left": left}


def _is_of(item: Rendered, name: str) -> bool:
    """Say whether a file is for a component: by its path, or a script by what it makes."""
    return name in item.path or (item.path.startswith("commands/") and name in item.text)


def _yours(site: Site) -> Iterator[Tree]:
    """Yield the work that stays, each with what the plan says of it."""
    entry = site.components[site.entries[0]].provider if site.entries else ""
    cdn, firewall, secrets, keys, images = _EDGES.get(entry, _EDGES["gcp"])
    peak = sum(site.services[name].peak_rps for name in site.entries if name in site.services)
    yield _item(cdn, f"static assets; {plain(peak)} requests/s enter at the peak")
    yield _item(firewall, _guard(site))
    found = {
        "gRPC or HTTP/2 between services": _busiest_call(site),
        secrets: [f"{name} ({', '.join(sorted(names))})" for name, names in _secrets(site).items()],
        f"{keys} for": list(_without_key(site)),
        **_images(site, images),
        "What the plan buys besides": [
            f"{name} ({resource.provider} {resource.service} {resource.sku})"
            for name, resource in site.plan.resources.items()
        ],
        "Ways in": list(_ways_in(site)),
        "Requests divided with an API": list(_divided(site)),
        "Prefill and decode on separate replicas": [
            f"{name}: KServe with llm-d, an image with NIXL (vLLM 0.14 or later), a network between pools "
            f"of {number(llm.disaggregated.link_gb_per_s):g} GB/s for each replica"
            for name, llm in site.plan.llm.items()
            if llm.disaggregated is not None and name in site.apart
        ],
        "Connection strings": list(_connections(site)),
        "LeaderWorkerSets": list(_groups(site)),
        "Identities": list(_identities(site)),
        "Exporters": list(_exporters(site)),
        "Names and certificates": [
            f"{service.workload.host} in {tls_secret_of(service)}"
            for service in site.pods.values()
            if service.workload.host is not None
        ],
    }
    for work, names in found.items():
        if names:
            yield _item(work, ", ".join(names))
    if needs_nginx(site):
        what = (
            "ingress-nginx has had no fixes since March 2026; set manifests.gateway_class to use a "
            "Gateway instead"
        )
        yield _item("Another controller", what)


def _secrets(site: Site) -> dict[str, set[str]]:
    """Return the keys of each secret, of pods and of services elsewhere."""
    found = {name: set(names) for name, names in secrets_of(site).items()}
    for service in site.services.values():
        for reference in service.workload.secrets.values():
            secret, _, key = reference.partition("/")
            found.setdefault(secret, set()).add(key)
    return found


def _without_key(site: Site) -> Iterator[str]:
    """Yield what no key of one's own encrypts: stores, and disks of nodes, whose key only GKE is told."""
    own = {"gcp": site.manifests.gcp.kms_key, "aws": site.manifests.aws.kms_key}
    for name, store in {**site.plan.databases, **site.plan.caches}.items():
        if isinstance(store, SelfHosted) or own.get(site.components[name].provider) is None:
            yield name
    if any(cluster.platform != "gke" or own["gcp"] is None for cluster in site.clusters.values()):
        yield "disks of nodes"


def _ways_in(site: Site) -> Iterator[str]:
    """Yield what no file lets in: entries without a host, and certificates that no Secret can hold."""
    for name in site.entries:
        service = site.pods.get(name)
        if service is not None and service.workload.host is None and not service.workload.public:
            yield f"{name} has no host and is not public, so only the cluster reaches it"
    if site.manifests.ingress_class == "alb" and site.manifests.gateway_class is None:
        yield "the load balancer takes certificates of AWS Certificate Manager by the names of the hosts"
    for name in site.plan.streams:
        yield f"{name}: let the security group of its callers in on port {STORE_PORTS['kafka']}"


def _connections(site: Site) -> Iterator[str]:
    for name in site.plan.databases:
        pooler = pooler_of(site, name)
        if pooler is not None and pooler.name is not None:
            yield f"services reach {name} at {pooler.name}:{STORE_PORTS['postgres']}, with TLS"
    for name, cache in site.plan.caches.items():
        if isinstance(cache, AzureRedis):
            yield f"{name} is at port {STORE_PORTS['azure-redis']}, with TLS and an access key"


def _groups(site: Site) -> Iterator[str]:
    """Yield what replicas on several machines need of the cluster."""
    for name in site.pods:
        machines = machines_of(site, name)
        if machines > 1:
            yield (
                f"{name} needs the LeaderWorkerSet controller (lws.sigs.k8s.io), and for each replica "
                f"{machines} nodes next to each other whose pods get RDMA"
            )


def _divided(site: Site) -> Iterator[str]:
    """Yield who divides requests between models of one's own and APIs, and what that takes."""
    for name, llm in site.plan.llm.items():
        share, api = shared(llm), llm.api
        if share is None or api is None or name not in site.specs:
            continue
        if split_of(site.plan, name) is None:
            yield f"who calls {name} sends {1 - share:.4g} of the requests to {api.model}, as no route does"
        else:
            yield (
                f"{name}: enableBackend in the EnvoyGateway (1.7 or later), and the Secret {name}-api with "
                "the key credential, 'Bearer …'"
            )


def _identities(site: Site) -> Iterator[str]:
    """Yield which services need a right of the provider's to what they call."""
    for name, service in site.services.items():
        called = [callee for callee in service.spec.calls if callee in site.plan.resources]
        stored = [callee for callee in called if site.plan.resources[callee].service in OBJECT_STORES]
        if stored:
            yield f"{name} may read and write {', '.join(stored)}"


def _exporters(site: Site) -> Iterator[str]:
    """Yield what must report the metrics that the rules read and no service has."""
    yield f"{site.manifests.metrics.cost_per_day} from your bill, for CostAnomaly"
    machines = [name for name, service in site.services.items() if isinstance(service.spec, VmGroup)]
    if machines:
        yield f"node exporter on the machines of {', '.join(machines)}, with the service as the label service"
    for store in watched_stores(site):
        chart = EXPORTERS[store.engine].chart.removeprefix("prometheus-")
        yield f"{chart} for {store.name}" + _installed_by(site, store)
    if site.pods:
        yield "kube-state-metrics"
    if any(gpus_of(service) for service in site.all_pods):
        yield "DCGM exporter for GpuSaturation"
        if any(pool.gpus and not pool.managed.brings_gpus for pool in site.pools.values()):
            yield "NVIDIA's device plugin; without it, nodes offer no GPU"


def _installed_by(site: Site, store: WatchedStore) -> str:
    """Return how an exporter comes to be: with its values and perhaps a Secret, or by hand."""
    if not site.clusters:
        return f", with {store.name} as the label {site.manifests.metrics.service_label}"
    chart = f" with helm/{EXPORTERS[store.engine].chart}-{store.name}.values.yaml"
    spec = {**site.plan.databases, **site.plan.caches}.get(store.name)
    if isinstance(spec, SelfHosted):
        return chart
    if store.name in site.plan.streams:
        return f"{chart}, and the addresses of its brokers in it"
    return f"{chart}, and its connection string as the key url of the Secret {store.name}-exporter"


def _images(site: Site, admission: str) -> dict[str, list[str]]:
    """Return the images that the plan does not name, and those that a registry could change."""
    run = [service for service in site.services.values() if service.spec.platform != "vm-group"]
    unset = [service.name for service in run if service.workload.image is None]
    named = {service.name: service.workload.image or "@sha256:" for service in run}
    moving = [name for name, image in named.items() if "@sha256:" not in image]
    every = [service.name for service in run]
    return {"Images to name in the plan": unset, "Images to pin by digest": moving, admission: every}


def _item(work: str, what: str) -> Tree:
    return {"work": work, "what": what}


def _guard(site: Site) -> str:
    """Return the limit of one client at the edge: the plan's highest, or a word on where to get one."""
    allowed = [one.per_minute for limit in limits_of(site) for one in limit.tiers[0].limits.values()]
    if allowed:
        most = counted(max(allowed), "request")
        return f"block a client beyond {most} a minute, the highest limit of the plan"
    return "a limit for each client; add rate_limits to the plan to compute it"


def _busiest_call(site: Site) -> list[str]:
    """Return the call between services that is made most often at the peak."""
    calls = [
        (service.peak_rps * number(call.per_request), caller, callee)
        for caller, service in site.services.items()
        for callee, call in service.spec.calls.items()
        if callee in site.services
    ]
    if not calls:
        return []
    rate, caller, callee = max(calls)
    return [f"{caller} calls {callee} most, {counted(math.ceil(rate), 'time')} a second at the peak"]
