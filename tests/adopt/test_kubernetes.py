"""Manifests as input: what runs, on which nodes, at which price; nothing is dropped in silence."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from helpers import SHIPPED, component, disks, moderate, monthly
from hypothesis import given
from hypothesis import strategies as st

from capplan.adopt.document import KINDS, note_line
from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate

GCP = AdoptOptions("gcp", "us-central1")

# Requests (thousandths of a core, MiB) of the twelve Deployments, one replica each, of
# GoogleCloudPlatform/microservices-demo@0426953 release/kubernetes-manifests.yaml.
ONLINE_BOUTIQUE = {
    "emailservice": (100, 64),
    "checkoutservice": (100, 64),
    "recommendationservice": (100, 220),
    "frontend": (100, 64),
    "paymentservice": (100, 64),
    "productcatalogservice": (100, 64),
    "cartservice": (200, 64),
    "loadgenerator": (300, 256),
    "currencyservice": (100, 64),
    "shippingservice": (100, 64),
    "redis-cart": (70, 200),
    "adservice": (200, 180),
}


def deployment(name: str = "web", requests: str = "{cpu: 500m, memory: 1Gi}", **spec: object) -> str:
    more = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n{more}"
        f"  template:\n    metadata: {{labels: {{app: {name}}}}}\n"
        f"    spec:\n      containers: [{{name: c, image: {name}, resources: {{requests: {requests}}}}}]\n"
    )


def adopted(directory: Path, *documents: str, asked: AdoptOptions = GCP) -> Adopted:
    path = directory / "all.yaml"
    path.write_text("---\n".join(textwrap.dedent(text) for text in documents), encoding="utf-8")
    return adopt(path, asked)


def priced(
    directory: Path, *documents: str, asked: AdoptOptions = GCP, sets: tuple[str, ...] = ()
) -> Estimate:
    return estimate(adopted(directory, *documents, asked=asked).file(sets), SHIPPED)


def owned(text: str, kind: str, name: str) -> str:
    """Return an object as a cluster has it: made by a controller."""
    return text.replace("metadata: {", f"metadata: {{ownerReferences: [{{kind: {kind}, name: {name}}}], ", 1)


CLUSTER = (
    deployment(replicas=3),
    owned(deployment("web-5f", replicas=3).replace("Deployment", "ReplicaSet"), "Deployment", "web"),
    owned("kind: Pod\nmetadata: {name: web-5f-x}\nspec: {containers: [{name: c}]}\n", "ReplicaSet", "web-5f"),
    owned("kind: Pod\nmetadata: {name: api-server}\nspec: {containers: [{name: c}]}\n", "Node", "n1"),
    "kind: Pod\nmetadata: {name: done}\nspec: {containers: [{name: c}]}\nstatus: {phase: Succeeded}\n",
    "kind: Job\nmetadata: {name: old}\nstatus: {conditions: [{type: Complete, status: 'True'}]}\n",
    owned(deployment("mesh").replace("Deployment", "StatefulSet"), "Unknown", "mesh"),
    """
    kind: StatefulSet
    metadata: {name: db}
    spec:
      replicas: 2
      template: {spec: {containers: [{name: c, image: "app:1"}]}}
      volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 50Gi}}}}]
    """,
    *(
        f"kind: PersistentVolumeClaim\nmetadata: {{name: data-db-{index}}}\n"
        "spec: {resources: {requests: {storage: 50Gi}}}\n"
        for index in range(3)
    ),
    "kind: Event\nmetadata: {name: e}\n",
)


def test_what_controllers_made_in_a_cluster_counts_once(tmp_path: Path) -> None:
    """What no object among the others made counts, and so does a claim that its StatefulSet left behind."""
    found = adopted(tmp_path, *CLUSTER)
    plan = found.file().plan
    assert set(plan.services) == {"web", "mesh", "db"}
    assert sorted(plan.resources) == ["data-db-2-disk", "db-data-disk"]
    assert not [note for note in found.notes if note.severity == "warning"]
    alone = adopted(tmp_path, CLUSTER[1], CLUSTER[2])
    assert set(alone.file().plan.services) == {"web-5f"}


def test_a_pod_that_ends_is_none_that_stays(tmp_path: Path) -> None:
    pod = "kind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c}], restartPolicy: %s}\n"
    test = (pod % ("try", "Never")).replace("{name: try", "{annotations: {helm.sh/hook: test}, name: try")
    found = adopted(tmp_path, pod % ("stays", "Always"), pod % ("ends", "OnFailure"), test)
    services = found.file().plan.services
    assert {n: (s.instances.min, s.instances.max) for n, s in services.items()} == {
        "stays": (1, 1),
        "ends": (0, 1),
    }
    assert "Pod/try: runs only with `helm test`" in "\n".join(map(note_line, found.notes))


@pytest.mark.parametrize(("asked", "said"), [(AdoptOptions("azure", "eastus"), True), (GCP, False)])
def test_disks_that_nodes_of_aks_have_are_said_to_have_no_price(
    asked: AdoptOptions, said: bool, tmp_path: Path
) -> None:
    found = adopted(tmp_path, deployment(), asked=asked)
    assert bool([note for note in found.notes if "system disks" in note.message]) is said


def notes(found: Adopted, kind: str) -> list[str]:
    return [note_line(note) for note in found.notes if KINDS[note.severity] == kind]


def counts(result: Estimate, name: str) -> tuple[float, float]:
    sizing = component(result, name).sizing
    return float(sizing.floor.item()), float(sizing.ceiling.item())


def test_a_public_demo_costs_what_it_costs_by_hand(tmp_path: Path) -> None:
    objects = [
        deployment(name, f"{{cpu: {cores}m, memory: {mib}Mi}}")
        for name, (cores, mib) in ONLINE_BOUTIQUE.items()
    ]
    result = priced(tmp_path, *objects, asked=GCP._replace(node_types={"default": "e2-standard-2"}))
    # 1.57 cores. An e2-standard-2 leaves 1.93 by GKE's formula, less 0.384 for GKE's own pods: two nodes.
    assert counts(result, "cluster/default") == (2, 2)
    # Each node has GKE's default boot disk of 100 GiB at $0.10.
    assert monthly(result) == pytest.approx(730 * (0.1 + 2 * 0.06701142) + 2 * 10, abs=0.005)


def test_an_autoscaler_gives_the_range(tmp_path: Path) -> None:
    hpa = """
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {kind: Deployment, name: web}
          minReplicas: 2
          maxReplicas: 40
          metrics: [{resource: {name: cpu, target: {averageUtilization: 60}}}]
    """
    found = adopted(tmp_path, deployment(replicas=7), hpa)
    plan = found.file().plan
    assert (plan.services["web"].instances.min, plan.services["web"].instances.max) == (2, 40)
    assert plan.services["web"].target_utilization.cpu == 0.6
    total = estimate(found.file(), SHIPPED).total
    assert total.floor.item() < total.ceiling.item()


def test_a_scaled_object_may_go_to_zero_and_to_a_hundred(tmp_path: Path) -> None:
    scaled = """
        apiVersion: keda.sh/v1alpha1
        kind: ScaledObject
        metadata: {name: web}
        spec: {scaleTargetRef: {name: web}, triggers: []}
    """
    instances = adopted(tmp_path, deployment(), scaled).file().plan.services["web"].instances
    assert (instances.min, instances.max) == (0, 100)


def test_jobs_count_in_the_highest_cost_only(tmp_path: Path) -> None:
    job = """
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: report}
        spec:
          schedule: "0 3 * * *"
          jobTemplate:
            spec:
              parallelism: 5
              completions: 3
              template: {spec: {containers: [{name: c, resources: {requests: {cpu: 3, memory: 1Gi}}}]}}
    """
    found = adopted(tmp_path, job)
    result = estimate(found.file(), SHIPPED)
    assert counts(result, "report") == (0, 3)
    assert counts(result, "cluster/default") == (0, 3)
    assert "runs for an unknown time" in notes(found, "assumed")[-1]


def test_daemonsets_take_their_share_of_every_node(tmp_path: Path) -> None:
    agent = deployment("agent", "{cpu: 900m, memory: 256Mi}").replace("Deployment", "DaemonSet")
    web = deployment(replicas=6)
    alone, together = priced(tmp_path, web), priced(tmp_path, web, agent)
    # 3.92 cores less GKE's 0.384 hold seven pods of 0.5; less 0.9 more, five.
    assert counts(alone, "cluster/default") == (1, 1)
    assert counts(together, "cluster/default") == (2, 2)


def test_pods_without_requests_are_not_free(tmp_path: Path) -> None:
    found = adopted(tmp_path, deployment(requests="{}", replicas=200))
    assert len(notes(found, "assumed")) == 3
    assert "requests no cpu" in notes(found, "assumed")[0]
    assert counts(estimate(found.file(), SHIPPED), "cluster/default")[0] > 1


def test_limit_ranges_fill_in_what_containers_leave_out(tmp_path: Path) -> None:
    limits = """
        apiVersion: v1
        kind: LimitRange
        metadata: {name: limits}
        spec: {limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 2}}]}
    """
    found = adopted(tmp_path, deployment(requests="{}"), limits)
    service = found.file().plan.services["web"]
    assert (service.cpu, service.memory) == (2, 1)
    assert not any("requests no" in note for note in notes(found, "assumed"))


def test_gpus_and_node_selectors_make_pools(tmp_path: Path) -> None:
    gpu = deployment("llm", "{cpu: 2, memory: 8Gi, nvidia.com/gpu: 1}")
    chosen = deployment("db").replace(
        "    spec:\n      c",
        "    spec:\n      nodeSelector: {node.kubernetes.io/instance-type: n2-highmem-4}\n      c",
    )
    asked = GCP._replace(node_types={"gpu": "g2-standard-8"})
    pools = adopted(tmp_path, gpu, chosen, asked=asked).file().plan.clusters["cluster"].pools
    assert {name: pool.machine for name, pool in pools.items()} == {
        "gpu": "g2-standard-8",
        "n2-highmem-4": "n2-highmem-4",
    }


def test_stores_keep_their_volumes(tmp_path: Path) -> None:
    postgres = """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: db}
        spec:
          replicas: 3
          template: {spec: {containers: [{name: c, image: "postgres:16",
            resources: {requests: {cpu: 1, memory: 4Gi}}}]}}
          volumeClaimTemplates:
            - metadata: {name: data}
              spec: {storageClassName: premium-rwo, resources: {requests: {storage: 100Gi}}}
    """
    found = adopted(tmp_path, postgres)
    database = found.file().plan.databases["db"]
    assert (database.replicas, database.storage, database.storage_class) == (3, 100, "pd-ssd")
    # 3 × 100 GiB at $0.17.
    assert monthly(estimate(found.file(), SHIPPED), "db") == pytest.approx(51.0)


def test_disks_and_balancers_are_ordered_once(tmp_path: Path) -> None:
    claim = """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: files}
        spec: {resources: {requests: {storage: 50Gi}}}
    """
    services = [
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{i}}}\n"
        "spec: {type: LoadBalancer, ports: [{port: 80}, {port: 443}]}\n"
        for i in range(7)
    ]
    result = priced(tmp_path, claim, *services)
    assert monthly(result, "files-disk") == pytest.approx(5.0)
    # Seven forwarding rules: five for one price, two at $0.01 an hour.
    assert monthly(result) == pytest.approx(5.0 + 730 * (0.025 + 2 * 0.01))
    aws = priced(tmp_path, *services, asked=AdoptOptions("aws", "us-east-1"))
    assert monthly(aws) == pytest.approx(7 * 730 * 0.0225)


def test_unknown_kinds_are_listed(tmp_path: Path) -> None:
    shop = deployment().replace("apps/v1", "example.com/v1").replace("Deployment", "Shop")
    found = adopted(tmp_path, deployment("api"), shop, "kind: Widget\nmetadata: {name: w}\n", "a: 1\n")
    said = "\n".join(notes(found, "not covered"))
    for name in ("Shop/web", "and it runs pods", "Widget/w", "not a Kubernetes object"):
        assert name in said
        assert name in found.text


def test_an_autoscaler_of_nothing_is_named(tmp_path: Path) -> None:
    lost = "kind: ScaledObject\nmetadata: {name: s}\nspec: {scaleTargetRef: {name: gone}}\n"
    found = adopted(tmp_path, deployment(), lost)
    assert any("scales Deployment gone" in note for note in notes(found, "not covered"))


def test_names_that_meet_stay_apart(tmp_path: Path) -> None:
    one = deployment().replace("{name: web}\nspec", "{name: web, namespace: blue}\nspec")
    two = deployment().replace("{name: web}\nspec", "{name: web, namespace: green}\nspec")
    assert list(adopted(tmp_path, one, two).file().plan.services) == ["web", "green-web"]


def test_cloud_run_is_priced_between_its_bounds(tmp_path: Path) -> None:
    service = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: api}
        spec:
          template:
            metadata:
              annotations: {autoscaling.knative.dev/minScale: "1", autoscaling.knative.dev/maxScale: "10"}
            spec:
              containerConcurrency: 40
              containers: [{image: api, resources: {limits: {cpu: 1, memory: 512Mi}}}]
    """
    found = adopted(tmp_path, service)
    api = found.file().plan.services["api"]
    assert (api.cpu, api.memory, api.concurrency) == (1, 0.5, 40)
    total = estimate(found.file(), SHIPPED).total
    # An idle vCPU and half GiB all month at $0.0000025 each a second; no free tier for idle time.
    assert total.floor.item() == pytest.approx(730 * 3600 * (1 + 0.5) * 0.0000025)
    assert total.ceiling.item() > 10 * total.floor.item()


def test_a_cloud_run_service_of_a_size_without_a_price_is_named(tmp_path: Path) -> None:
    service = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: api}
        spec:
          template:
            spec:
              containers:
              - {image: api, ports: [{containerPort: 80}], resources: {limits: {cpu: 2, memory: 1Gi}}}
              - {image: log, resources: {limits: {cpu: 250m, memory: 128Mi}}}
    """
    found = adopted(tmp_path, deployment(), service)
    assert list(estimate(found.file(), SHIPPED).context.plan.services) == ["web"]
    assert any("Service/api: its containers together" in note for note in notes(found, "not covered"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (AdoptOptions(), "--provider: manifests do not say"),
        (AdoptOptions("gcp"), "--region: manifests do not say"),
        (
            GCP._replace(node_types={"gpux": "g2-standard-4", "default": "e2-standard-4"}),
            "no pods run in a pool",
        ),
        (GCP._replace(node_types={"default": "e2-standrad-4"}), "e2-standard-4"),
    ],
)
def test_nothing_is_guessed_that_prices_hang_on(asked: AdoptOptions, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        priced(tmp_path, deployment(), asked=asked)


quantities = st.sampled_from(
    ["1m", "0.5", "2", "1500m", "100k", "64Mi", "1Gi", "3e2", "", "lots", None, -1, {}, []]
)


@moderate
@given(
    cpu=quantities,
    memory=quantities,
    replicas=st.sampled_from([0, 1, 3, -2, "2", None, 1.5, {}]),
    name=st.text(max_size=70),
)
def test_whatever_a_manifest_says_the_plan_can_be_read(
    cpu: object, memory: object, replicas: object, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import json

    path = tmp_path_factory.mktemp("any") / "all.json"
    container = {"name": name, "image": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    spec = {"replicas": replicas, "template": {"spec": {"containers": [container, None, 3]}}}
    path.write_text(json.dumps({"kind": "Deployment", "metadata": {"name": name}, "spec": spec}))
    found = adopt(path, GCP)
    assert len(found.file().plan.services) == 1


def test_a_store_that_capplan_does_not_know_keeps_its_disks(tmp_path: Path) -> None:
    # Facts of kubernetes/website@3389c10, examples/application/cassandra/cassandra-statefulset.yaml.
    cassandra = """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: cassandra}
        spec:
          replicas: 3
          template: {spec: {containers: [{name: cassandra, image: "google-samples/cassandra:v13",
            resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: 500m, memory: 1Gi}}}]}}
          volumeClaimTemplates:
            - metadata: {name: cassandra-data}
              spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}
    """
    fast = "kind: StorageClass\nmetadata: {name: fast}\nparameters: {type: pd-ssd}\n"
    result = priced(tmp_path, cassandra, fast)
    assert counts(result, "cassandra") == (3, 3)
    assert monthly(result, "cassandra-cassandra-data-disk") == pytest.approx(3 * 0.17)
    assert monthly(result) - disks(result) == pytest.approx(730 * (0.1 + 0.13402284) + 3 * 0.17)


def test_a_site_with_disk_and_balancer_costs_what_it_costs_by_hand(tmp_path: Path) -> None:
    # Facts of kubernetes/website@0f00975, examples/application/wordpress/wordpress-deployment.yaml.
    service = """
        apiVersion: v1
        kind: Service
        metadata: {name: wordpress}
        spec: {type: LoadBalancer, ports: [{port: 80}], selector: {app: wordpress}}
    """
    claim = """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: wp-pv-claim}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}
    """
    found = adopted(tmp_path, deployment("wordpress", "{}"), service, claim)
    # Control plane, one node and its disk, a forwarding rule, 20 GiB at $0.10; the container says no size.
    assert monthly(estimate(found.file(), SHIPPED)) == pytest.approx(
        730 * (0.1 + 0.13402284 + 0.025) + 10 + 2.0
    )
    assert sum("requests no" in note for note in notes(found, "assumed")) == 2
    assert found.file().plan.services["wordpress"].workload.public
