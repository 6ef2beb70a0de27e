"""Objects of Kubernetes, to be checked: each in order as it is, and small."""

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify

POOL = {
    "selector": {"pool": "p"},
    "cpu": 4,
    "memory_gib": 8,
    "pods": 10,
    "gpus": 0,
    "disk_gib": 50,
    "nodes": 3,
}
FACTS = Facts(pools={"main/p": POOL})


def identity(tree):
    """Return API group, kind, namespace and name."""
    metadata = tree.get("metadata") or {}
    group = tree.get("apiVersion", "").rpartition("/")[0]
    return group, tree["kind"], metadata.get("namespace", ""), metadata.get("name", "")


def ids(*objects, facts=None):
    """Return the ids of the findings about objects in one file."""
    return {
        finding.code
        for finding in verify({"a.yaml": list(objects)}, {}, facts or Facts(), VerifyOptions(style=True))
    }


def thing(kind, api_version="v1", name="a", **fields):
    """Return an object."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def workload(kind="Deployment", name="a", container=None, containers=None, inits=(), pod=None, **spec):
    """Return a workload whose pods have the label app, with its own name."""
    one = {
        "name": "main",
        "image": "i",
        "ports": [{"name": "http", "containerPort": 80}],
        **(container or {}),
    }
    inside = {
        "containers": containers or [one],
        **({"initContainers": list(inits)} if inits else {}),
        **(pod or {}),
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": inside}
    return thing(
        kind, "apps/v1", name, spec={"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    )


def asking(requests, limits=None, **more):
    """Return a container with resources."""
    return {"name": "main", "image": "i", "resources": {"requests": requests, "limits": limits or {}}, **more}


def service(port, selector=None, **spec):
    """Return a Service of the workload a."""
    return thing("Service", spec={"selector": selector or {"app": "a"}, "ports": [port], **spec})


def ingress(backend, **spec):
    """Return an Ingress with one backend."""
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"http": {"paths": [path]}}]
    return thing("Ingress", "networking.k8s.io/v1", spec={"rules": rules, **spec})


def hpa(metrics=None, name="a", target="a", **spec):
    """Return an HPA of the workload a, by a Pods metric if nothing else is said."""
    pods = {
        "type": "Pods",
        "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    body = {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 5, "metrics": metrics or [pods]}
    return thing("HorizontalPodAutoscaler", "autoscaling/v2", name, spec={**body, **spec})


def metric(target, kind="Resource", **more):
    """Return a metric of CPU, or of what ``kind`` says."""
    block = {"Resource": "resource", "ContainerResource": "containerResource", "Pods": "pods"}[kind]
    named = {"metric": {"name": "m"}} if kind == "Pods" else {"name": "cpu"}
    return {"type": kind, block: {**named, "target": target, **more}}


UTILIZATION = {"type": "Utilization", "averageUtilization": 70}
PROMETHEUS = {
    "type": "prometheus",
    "name": "requests",
    "metadata": {"serverAddress": "http://p", "query": "up", "threshold": "15"},
}
CPU = {"type": "cpu", "metadata": {"value": "70"}}


def keda(*triggers, name="a", **spec):
    """Return a ScaledObject of the workload a."""
    found = {"scaleTargetRef": {"name": "a"}, "triggers": list(triggers or (PROMETHEUS,))}
    bounds = {"minReplicaCount": 2, "maxReplicaCount": 9}
    return thing("ScaledObject", "keda.sh/v1alpha1", name, spec={**found, **bounds, **spec})


def vpa(mode="Off", policies=(), target="a", kind="Deployment", name="a"):
    """Return a VPA of the workload a."""
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": target}
    spec = {"targetRef": reference, "updatePolicy": {"updateMode": mode}}
    if policies:
        spec["resourcePolicy"] = {"containerPolicies": list(policies)}
    return thing("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", name, spec=spec)


def pdb(selector=None, name="a", **spec):
    """Return a disruption budget of the workload a."""
    chosen = {"matchLabels": {"app": "a"}} if selector is None else selector
    return thing("PodDisruptionBudget", "policy/v1", name, spec={"selector": chosen, **spec})


def quota(**hard):
    """Return a quota."""
    return thing(
        "ResourceQuota", spec={"hard": {key.replace("_", "."): value for key, value in hard.items()}}
    )


def policy(selector=None, **block):
    """Return a network policy that lets a network in."""
    spec = {"podSelector": selector or {}, "ingress": [{"from": [{"ipBlock": block}]}]} if block else {}
    return thing("NetworkPolicy", "networking.k8s.io/v1", spec=spec or {"podSelector": selector or {}})


def at(item, namespace):
    """Return an object in a namespace."""
    return {**item, "metadata": {**item["metadata"], "namespace": namespace}}


def probe(**handler):
    """Return a workload with a readiness probe."""
    return workload(container={"readinessProbe": handler})


def env(*entries):
    """Return a workload with an environment."""
    return workload(container={"env": list(entries)})


def knative(limits=None, concurrency=80, annotations=None, image="i:1", namespace=None, **spec):
    """Return a Cloud Run service."""
    container = {"image": image, "resources": {"limits": limits or {"cpu": "1", "memory": "512Mi"}}}
    metadata = {"annotations": {"autoscaling.knative.dev/maxScale": "5", **(annotations or {})}}
    template = {
        "metadata": metadata,
        "spec": {"containerConcurrency": concurrency, "containers": [container], **spec.pop("pod", {})},
    }
    found = thing("Service", "serving.knative.dev/v1", spec={"template": template, **spec})
    return at(found, namespace) if namespace else found


GPU = {"nvidia.com/gpu": "1"}
SIDECAR = {**asking({"cpu": "1"}), "name": "side", "restartPolicy": "Always"}
BACKEND = {"service": {"name": "a", "port": {"name": "http"}}}
HTTP = {"name": "http", "port": 80, "targetPort": "http"}
AUTH = {**PROMETHEUS, "authenticationRef": {"name": "t"}}
CACHED = {**PROMETHEUS, "useCachedMetrics": True}
FALLBACK = {"replicas": 3, "failureThreshold": 3}
CONTAINER_CPU = "ContainerResource"
REDIS = thing("RedisCluster", "redis.redis.opstreelabs.in/v1beta2", "store")
