"""Volumes by their storage classes, and load balancers of Services, Ingresses and Gateways."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifested import AWS, AZURE, GCP, adopted, codes, costs, pod, tree_of

from capplan.adopt.draft import AdoptOptions


def claim(storage_class: str | None = "fast", gib: int = 100, name: str = "data") -> str:
    named = "" if storage_class is None else f", storageClassName: {storage_class}"
    return (
        f"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {{name: {name}}}\n"
        f"spec: {{resources: {{requests: {{storage: {gib}Gi}}}}{named}}}\n"
    )


def storage_class(provisioner: str, parameters: str = "{}", default: bool = False) -> str:
    mark = "annotations: {storageclass.kubernetes.io/is-default-class: 'true'}, " if default else ""
    return (
        "kind: StorageClass\napiVersion: storage.k8s.io/v1\n"
        f"metadata: {{{mark}name: fast}}\nprovisioner: {provisioner}\nparameters: {parameters}\n"
    )


EBS, PD, AZURE_DISK = "ebs.csi.aws.com", "pd.csi.storage.gke.io", "disk.csi.azure.com"
GP3_GIB, GP3_IOPS, GP3_MBPS, IO1_GIB, IO1_IOPS = 0.08, 0.005, 0.04, 0.125, 0.065


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("{type: gp3}", 100 * GP3_GIB),
        ("{}", 100 * GP3_GIB),
        ("{type: gp3, iops: '5000', throughput: '325'}", 100 * GP3_GIB + 2000 * GP3_IOPS + 200 * GP3_MBPS),
        ("{type: gp3, iops: '3000', throughput: '125'}", 100 * GP3_GIB),
        ("{type: io1, iopsPerGB: '10'}", 100 * IO1_GIB + 1000 * IO1_IOPS),
        ("{type: io1, iops: '4000'}", 100 * IO1_GIB + 4000 * IO1_IOPS),
        ("{type: gp2}", 100 * 0.10),
    ],
)
def test_a_class_provisions_performance(tmp_path: Path, parameters: str, expected: float) -> None:
    found = adopted(tmp_path, claim(), storage_class(EBS, parameters))
    assert sum(costs(found).values()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("provisioner", "parameters", "asked", "sku"),
    [
        ("kubernetes.io/aws-ebs", "{}", AWS, "gp2"),
        (PD, "{type: pd-ssd}", GCP, "pd-ssd"),
        (PD, "{type: pd-balanced, replication-type: regional-pd}", GCP, "balanced-replicated"),
        (PD, "{type: pd-ssd, replication-type: none}", GCP, "pd-ssd"),
        (AZURE_DISK, "{skuName: StandardSSD_ZRS}", AZURE, "E10-ZRS-128GiB"),
        (AZURE_DISK, "{skuname: Standard_LRS}", AZURE, "S10-LRS-128GiB"),
    ],
)
def test_a_class_names_its_disk(
    tmp_path: Path, provisioner: str, parameters: str, asked: AdoptOptions, sku: str
) -> None:
    found = adopted(tmp_path, claim(), storage_class(provisioner, parameters), asked=asked)
    assert [entry["sku"] for entry in tree_of(found)["resources"].values()] == [sku]


def test_the_clusters_default_class_serves_claims_without_one(tmp_path: Path) -> None:
    default = storage_class(EBS, "{type: io1, iops: '1000'}", default=True)
    for named, sku in ((None, "io1"), ("other", "gp3")):
        found = adopted(tmp_path, claim(named), default)
        assert tree_of(found)["resources"]["data-disk"]["sku"] == sku


def test_performance_without_a_price_is_named(tmp_path: Path) -> None:
    found = adopted(tmp_path, claim(), storage_class(PD, "{provisioned-iops-on-create: '9000'}"), asked=GCP)
    assert "unpriced-attribute" in codes(found)


@pytest.mark.parametrize(
    ("provisioner", "code"), [("efs.csi.aws.com", "unknown-usage"), ("rancher.io/local-path", None)]
)
def test_what_is_no_disk_is_none(tmp_path: Path, provisioner: str, code: str | None) -> None:
    found = adopted(tmp_path, pod(), claim(), storage_class(provisioner))
    assert "resources" not in tree_of(found)
    assert (code in codes(found)) == (code is not None)
    assert tree_of(found)["adopted"].get("not_covered") is None or code


@pytest.mark.parametrize(
    ("source", "priced", "named"),
    [
        ("csi: {driver: ebs.csi.aws.com, volumeHandle: x}", True, False),
        ("csi: {driver: efs.csi.aws.com, volumeHandle: x}", False, True),
        ("nfs: {server: files, path: /}", False, True),
        ("hostPath: {path: /data}", False, False),
    ],
)
def test_a_claim_of_a_volume_that_is_there_is_what_the_volume_is(
    tmp_path: Path, source: str, priced: bool, named: bool
) -> None:
    volume = f"""
        apiVersion: v1
        kind: PersistentVolume
        metadata: {{name: old}}
        spec: {{capacity: {{storage: 50Gi}}, {source}}}
    """
    claim = """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data}
        spec: {storageClassName: "", volumeName: old, resources: {requests: {storage: 50Gi}}}
    """
    found = adopted(tmp_path, volume, claim)
    assert ("data-disk" in (tree_of(found).get("resources") or {})) == priced
    assert ("unknown-usage" in codes(found)) == named


def test_volumes_of_a_stateful_set_provision_for_each_pod(tmp_path: Path) -> None:
    claims = (
        "replicas: 3\nvolumeClaimTemplates:\n"
        "- {metadata: {name: d}, spec: {storageClassName: fast, resources: {requests: {storage: 10Gi}}}}\n"
    )
    gp3 = storage_class(EBS, "{type: gp3, iops: '4000'}")
    found = costs(adopted(tmp_path, pod(kind="StatefulSet", spec=claims), gp3))
    assert found["web-d-iops"] == pytest.approx(3 * 1000 * GP3_IOPS)
    assert found["web-d-disk"] == pytest.approx(3 * 10 * GP3_GIB)
    store = pod(kind="StatefulSet", spec=claims, name="redis")
    assert costs(adopted(tmp_path, store, gp3))["redis-iops"] == pytest.approx(3 * 1000 * GP3_IOPS)


def ingress(name: str = "web", spec: str = "{}", **annotations: str) -> str:
    said = ", ".join(f"{key}: '{value}'" for key, value in annotations.items())
    return (
        f"apiVersion: networking.k8s.io/v1\nkind: Ingress\n"
        f"metadata: {{name: {name}, annotations: {{{said}}}}}\nspec: {spec}\n"
    )


def ingress_class(name: str, controller: str, default: bool = False) -> str:
    mark = "{ingressclass.kubernetes.io/is-default-class: 'true'}" if default else "{}"
    return (
        f"apiVersion: networking.k8s.io/v1\nkind: IngressClass\n"
        f"metadata: {{name: {name}, annotations: {mark}}}\nspec: {{controller: {controller}}}\n"
    )


ALB_USD, NLB_USD, RULES_USD = 0.0225 * 730, 0.0225 * 730, 0.025 * 730
GROUP = {"alb.ingress.kubernetes.io/group.name": "shared"}


def balancers(found) -> float:
    return sum(cost for name, cost in costs(found).items() if "balancer" in name)


@pytest.mark.parametrize(
    ("asked", "objects", "expected"),
    [
        (AWS, [ingress(spec="{ingressClassName: alb}")], ALB_USD),
        (
            AWS,
            [ingress("a", "{ingressClassName: alb}"), ingress("b", "{ingressClassName: alb}")],
            2 * ALB_USD,
        ),
        (
            AWS,
            [ingress(n, "{ingressClassName: alb}", **GROUP) for n in ("a", "b", "c")],
            ALB_USD,
        ),
        (AWS, [ingress()], 0),
        (AWS, [ingress(), ingress_class("main", "ingress.k8s.aws/alb", default=True)], ALB_USD),
        (AWS, [ingress(spec="{ingressClassName: x}"), ingress_class("x", "eks.amazonaws.com/alb")], ALB_USD),
        (AWS, [ingress(spec="{ingressClassName: nginx}")], 0),
        (GCP, [ingress()], RULES_USD),
        (GCP, [ingress(spec="{ingressClassName: nginx}")], 0),
        (GCP, [ingress(), ingress_class("nginx", "k8s.io/ingress-nginx", default=True)], 0),
        (GCP, [ingress(**{"kubernetes.io/ingress.class": "gce-internal"})], RULES_USD),
        (AZURE, [ingress(spec="{ingressClassName: webapprouting.kubernetes.azure.com}")], RULES_USD),
    ],
)
def test_ingresses_order_balancers(
    tmp_path: Path, asked: AdoptOptions, objects: list[str], expected: float
) -> None:
    assert balancers(adopted(tmp_path, pod(), *objects, asked=asked)) == pytest.approx(expected, abs=0.01)


def test_a_class_may_put_all_its_ingresses_into_a_group(tmp_path: Path) -> None:
    params = (
        "apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: {name: p}\n"
        "spec: {group: {name: shared}}\n"
    )
    of_params = (
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: alb}\n"
        "spec: {controller: ingress.k8s.aws/alb, parameters: {kind: IngressClassParams, name: p}}\n"
    )
    every = [ingress(name, "{ingressClassName: alb}") for name in ("a", "b")]
    assert balancers(adopted(tmp_path, pod(), *every, params, of_params)) == pytest.approx(ALB_USD, abs=0.01)


def test_an_ingress_without_a_controller_is_said(tmp_path: Path) -> None:
    nginx = ingress(spec="{ingressClassName: nginx}")
    assert "assumed-value" in codes(adopted(tmp_path, pod(), nginx))
    both = adopted(tmp_path, pod(), nginx, ingress_class("nginx", "k8s.io/ingress-nginx"))
    assert "assumed-value" not in codes(both)


def test_an_application_gateway_serves_all_its_ingresses(tmp_path: Path) -> None:
    old = {"kubernetes.io/ingress.class": "azure/application-gateway"}
    found = adopted(tmp_path, pod(), ingress("a", **old), ingress("b", **old), asked=AZURE)
    names = [name for name in costs(found) if name.startswith("application-gateway")]
    assert names == ["application-gateway"]
    assert "unknown-usage" in codes(found)


def gateway(name: str, listeners: int = 1) -> str:
    ports = ", ".join(f"{{name: l{n}, port: {80 + n}, protocol: HTTP}}" for n in range(listeners))
    return (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge}}\n"
        f"spec: {{gatewayClassName: {name}, listeners: [{ports}]}}\n"
    )


@pytest.mark.parametrize(
    ("asked", "object_", "expected"),
    [
        (AWS, gateway("istio"), NLB_USD),
        (GCP, gateway("gke-l7-global-external-managed", 2), RULES_USD),
        (GCP, gateway("gke-l7-global-external-managed", 7), RULES_USD + 2 * 0.01 * 730),
        (AWS, gateway("amazon-vpc-lattice"), 0),
    ],
)
def test_gateways_order_balancers(tmp_path: Path, asked: AdoptOptions, object_: str, expected: float) -> None:
    found = adopted(tmp_path, pod(), object_, asked=asked)
    assert balancers(found) == pytest.approx(expected, abs=0.01)
    mesh = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge}\nspec: {}\n"
    assert balancers(adopted(tmp_path, pod(), mesh, asked=asked)) == 0


@pytest.mark.parametrize("port", ["{}", "[1]", "null", "x"])
def test_ports_of_any_shape_are_one_rule_each(tmp_path: Path, port: str) -> None:
    service = (
        "kind: Service\napiVersion: v1\nmetadata: {name: web}\n"
        f"spec: {{type: LoadBalancer, ports: [{{port: 80, protocol: {port}}}]}}\n"
    )
    edge = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\n"
        f"spec: {{gatewayClassName: gke-l7, listeners: [{{port: {port}}}, {{port: 80}}]}}\n"
    )
    assert balancers(adopted(tmp_path, pod(), service, edge, asked=GCP)) == pytest.approx(RULES_USD)
