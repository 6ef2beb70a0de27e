"""The commands from an empty account to a running system, in order, with what a person does before each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from shlex import quote
from typing import NamedTuple

from capplan.manifests.kubernetes.secrets import secrets_of
from capplan.manifests.managed import MANAGED
from capplan.manifests.site import Site
from capplan.plan.databases import AzurePostgres


class Step(NamedTuple):
    """One command, and what must be done or known before it; empty where nothing is."""

    command: str
    before: str = ""


_SIGN_IN = {
    "eks": "aws sts get-caller-identity",
    "gke": "gcloud services enable container.googleapis.com compute.googleapis.com sqladmin.googleapis.com "
    "redis.googleapis.com servicenetworking.googleapis.com run.googleapis.com",
    "aks": "az account show",
}
_BEFORE = {
    "eks": "Sign in with aws configure as somebody who may make clusters, roles and networks.",
    "gke": "Sign in with gcloud auth login, and choose a project with billing: gcloud config set project.",
    "aks": "Sign in with az login, and choose a subscription: az account set.",
}
_SCRIPTS = {"eks": "aws", "gke": "gcloud", "aks": "az"}
_KUBECONFIG = {
    "eks": "aws eks update-kubeconfig --name {name} --region {region}",
    "gke": "gcloud container clusters get-credentials {name} --location {location}",
    "aks": "az aks get-credentials --name {name} --resource-group {plan}",
}
_CHARTS = {
    "kube-prometheus-stack": ("monitoring", "https://prometheus-community.github.io/helm-charts"),
    "keda": ("keda", "https://kedacore.github.io/charts"),
    "vpa": ("vpa", "https://charts.fairwinds.com/stable"),
    "redis-operator": ("redis-operator", "https://ot-container-kit.github.io/helm-charts"),
    "external-secrets": ("external-secrets", "https://charts.external-secrets.io"),
    "ingress-nginx": ("ingress-nginx", "https://kubernetes.github.io/ingress-nginx"),
    "aws-load-balancer-controller": ("kube-system", "https://aws.github.io/eks-charts"),
    "cluster-autoscaler": ("kube-system", "https://kubernetes.github.io/autoscaler"),
    "prometheus-adapter": ("monitoring", "https://prometheus-community.github.io/helm-charts"),
}
"""Charts by name: their namespace, and where they are published."""

_OWN_OBJECTS = ("serviceMonitor", "podMonitor", "rule")
_SETTINGS = {
    "aws-load-balancer-controller": " --set clusterName={cluster}",
    # Otherwise it reads only the objects of its own release.
    "kube-prometheus-stack": " --set "
    + ",".join(f"prometheus.prometheusSpec.{kind}SelectorNilUsesHelmValues=false" for kind in _OWN_OBJECTS),
}
"""What a chart must be told."""

_NEEDED_BY = (
    ("/servicemonitor-", "kube-prometheus-stack"),
    ("components/keda/", "keda"),
    ("components/vpa/", "vpa"),
    ("/rediscluster-", "redis-operator"),
    ("components/external-secrets/", "external-secrets"),
    ("helm/ingress-nginx.", "ingress-nginx"),
    ("helm/cluster-autoscaler-", "cluster-autoscaler"),
    ("helm/prometheus-adapter.", "prometheus-adapter"),
)
"""Parts of paths, and the chart without which those files do nothing or are refused."""


def platforms_of(site: Site) -> list[str]:
    """Return the platforms of the plan's clusters, each once."""
    return [platform for platform in MANAGED if any(c.platform == platform for c in site.clusters.values())]


def steps_of(site: Site, platform: str, paths: Collection[str], output: str) -> Iterator[Step]:
    """Yield the steps for the clusters of a platform; ``paths``: what is rendered, below ``output``."""
    where = quote(output)
    yield Step(_SIGN_IN[platform], _BEFORE[platform])
    script = f"commands/{_SCRIPTS[platform]}.sh"
    if script in paths:
        yield Step(f"sh {where}/{script}", _password(site, platform))
    for name, cluster in site.clusters.items():
        if cluster.platform == platform:
            region = site.region_of(name)
            location = f"{region}-a" if getattr(cluster, "zonal", False) else region
            said = {"name": name, "region": region, "location": location, "plan": site.name}
            yield Step(_KUBECONFIG[platform].format(**said))
    yield from _charts(site, platform, paths, where)
    environments = site.manifests.environments
    overlay = f"kubernetes/overlays/{'prod' if 'prod' in environments else environments[0]}"
    if site.pods:
        # Objects of a namespace can be made only once it is there.
        yield Step(f"kubectl apply -f {where}/kubernetes/base/namespace-{site.namespace}.yaml")
        yield from _secrets(site)
        yield Step(f"kubectl apply -k {where}/{overlay}", _images(site))
    if "sql/apply.sh" in paths:
        yield Step(
            f"sh {where}/sql/apply.sh", "Set the URLs that it names, where the databases can be reached."
        )
    if site.pods:
        yield Step(f"kubectl --namespace {site.namespace} rollout status deployment --timeout 15m")


def _password(site: Site, platform: str) -> str:
    own = any(isinstance(database, AzurePostgres) for database in site.plan.databases.values())
    return "Set DATABASE_PASSWORD to a password of your own." if platform == "aks" and own else ""


def _charts(site: Site, platform: str, paths: Collection[str], where: str) -> Iterator[Step]:
    needed = [(chart, path) for part, chart in _NEEDED_BY for path in sorted(paths) if part in path]
    hosts = any(service.workload.host is not None for service in site.pods.values())
    balancers = platform == "eks" and hosts and site.manifests.ingress_class == "alb"
    if balancers and site.manifests.gateway_class is None:
        needed.append(("aws-load-balancer-controller", ""))
    for chart, path in reversed(dict(reversed(needed)).items()):
        namespace, published = _CHARTS[chart]
        values = f" --values {where}/{path}" if path.startswith("helm/") else ""
        cluster = next(iter(site.clusters))
        named = _SETTINGS.get(chart, "").format(cluster=cluster)
        alb = chart == "aws-load-balancer-controller"
        before = "Give its service account the policy of the controller first." if alb else ""
        install = f"helm upgrade --install {chart} {chart} --repo {published}"
        yield Step(f"{install} --namespace {namespace} --create-namespace{values}{named}", before)


def _secrets(site: Site) -> Iterator[Step]:
    """Yield one command for the first Secret, with the names of all; External Secrets makes its own."""
    found = secrets_of(site)
    if not found or site.manifests.secret_store is not None:
        return
    name, keys = next(iter(found.items()))
    literals = " ".join(f"--from-literal {quote(f'{key}=…')}" for key in keys)
    others = ", ".join(f"{other} ({', '.join(keys)})" for other, keys in list(found.items())[1:])
    before = f"Do the same for {others}." if others else ""
    yield Step(f"kubectl --namespace {site.namespace} create secret generic {name} {literals}", before)


def _images(site: Site) -> str:
    unset = [service.name for service in site.pods.values() if service.workload.image is None]
    return f"Name the images of {', '.join(unset)} in the plan and render it again." if unset else ""
