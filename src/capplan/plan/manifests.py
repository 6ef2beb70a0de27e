"""What all artefacts of a plan share: names, networks, accounts, measures, load tests."""

import json
import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from capplan.plan.fields import DEFAULTS, Duration, Money, Name, Number, Positive, Section, Share
from capplan.plan.placement import AwsPlacement
from capplan.plan.texts import MetricName, Subnet, Text, UrlPath, matching


def _network(value: str) -> str:
    return str(ip_network(value))


Cidr = Annotated[str, AfterValidator(_network)]
Identifier = Annotated[str, matching(r"[a-z_][a-z0-9_]{0,62}", "an SQL identifier in lower case")]
Url = Annotated[str, matching(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?", "a URL")]
SecurityGroup = Annotated[str, matching(r"sg-[0-9a-f]{8,17}", "a security group's id")]
KmsAlias = Annotated[str, matching(r"alias/[\w/-]{1,250}", "a key's alias, as alias/NAME")]
KmsKey = Annotated[
    str,
    matching(
        r"projects/[a-z0-9-]+/locations/[a-z0-9-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+",
        "a key, as projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY",
    ),
]
Role = Annotated[str, matching(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "a role's ARN")]


class Metrics(Section):
    """Names of the Prometheus metrics that the services export."""

    requests: MetricName = Field("http_requests_total", description="Counter metric of requests.")
    latency: MetricName = Field(
        "http_request_duration_seconds", description="Histogram metric of request times, in seconds."
    )
    queue: MetricName = Field("queue_depth", description="Gauge metric of waiting work.")
    requests_per_second: MetricName = Field(
        "http_requests_per_second", description="Metric of the Prometheus adapter that HPAs read."
    )
    cost_per_day: MetricName = Field("cloud_cost_usd_per_day", description="Gauge metric of the daily cost.")
    service_label: MetricName = Field("service", description="Label that names the service.")
    status_label: MetricName = Field("status", description="Label that holds the HTTP status.")


CheckId = Annotated[
    str, matching(r"(M[0-9]{2}-)?[a-z][a-z0-9-]*", "the code of a check, such as pod-fits-no-node")
]
Measure = Literal["cpu", "memory", "queue", "latency"]


class Level(Section):
    """When a measure asks for more instances, and when for fewer. Shares of 1, seconds, or waiting work."""

    up: Number = Field(description="Value above which more are needed.")
    up_for: Duration = Field(300.0, description="How long it must stay above.")
    down: Number | None = Field(
        None, description="Value below which fewer are enough; not watched by default."
    )
    down_for: Duration = Field(600.0, description="How long it must stay below.")


class Alerts(Section):
    """Thresholds of alerts."""

    error_rate: Share = Field(0.01, description="Share of requests that fail.")
    latency: Duration | None = Field(None, description="p95; each service's SLO by default.")
    lasting: Duration = Field(
        300.0, description="How long a threshold must be exceeded before the alert fires."
    )
    gpu_utilization: Share = Field(0.9, description="GPUs busier than this are saturated.")
    cost_per_day: Money | None = Field(
        None, description="Daily cost in USD; by default, 1.5 times the planned cost."
    )
    scaling: dict[Measure, Level] = Field({}, description="Numbers of instances that trigger an alert.")


def _json(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("holds a number that JSON cannot write") from None
    return value


def _lasts(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0, or nothing is tested")
    return value


class Endpoint(Section):
    """One endpoint of a load test."""

    path: UrlPath = Field(description="Path of the request.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "GET", description="Method of the request."
    )
    weight: Positive = Field(
        1.0, description="Its part of all requests, in proportion to the others' weights."
    )
    body: Annotated[dict[str, JsonValue], AfterValidator(_json)] = Field(
        {}, description="JSON body, with values of any type, of all methods but GET."
    )
    token: bool = Field(False, description="Send the bearer token in $TOKEN.")


class LoadTest(Section):
    """A load test up to the planned peak."""

    endpoints: list[Endpoint] = Field([], description="What is asked for; the health paths by default.")
    clients: list[Cidr] = Field(
        [],
        description="Addresses that the test runs from: rate limits of nginx's Ingresses do not count them.",
    )
    ramp: Duration = Field(120.0, description="Time to ramp from one stage to the next.")
    hold: Annotated[Duration, AfterValidator(_lasts)] = Field(300.0, description="Time at each stage.")


class Panel(Section):
    """A panel that only this system has."""

    title: Text = Field(description="Title of the panel.")
    query: Text = Field(description="PromQL.")
    unit: Literal["short", "s", "reqps", "percentunit", "currencyUSD"] = Field(
        "short", description="Unit, as Grafana names it."
    )
    threshold: Number | None = Field(None, description="Value above which the panel turns red.")
    dashboard: Name | None = Field(None, description="Separate dashboard for the panel, besides the plan's.")


class Index(Section):
    """An index of a table."""

    table: Identifier = Field(description="Table that the index is on.")
    columns: Annotated[list[Identifier], Field(min_length=1)] = Field(
        description="Columns, the most significant first."
    )
    descending: bool = Field(False, description="Whether the last column is in descending order.")


class AwsRegion(Section):
    """What AWS artefacts of a region refer to, where it is not the plan's own."""

    subnets: list[Subnet] = Field([], description="IDs of the subnets.")
    security_groups: list[SecurityGroup] = Field([], description="IDs of the security groups.")
    services: dict[Name, AwsPlacement] = Field(
        {}, description="By service of the plan, what its `workload.aws` says in this region."
    )


NOWHERE = AwsRegion.model_validate({})


class AwsAccount(Section):
    """What AWS artefacts refer to and capplan does not create."""

    subnets: list[Subnet] = Field([], description="IDs of the subnets.")
    security_groups: list[SecurityGroup] = Field([], description="IDs of the security groups.")
    regions: dict[str, AwsRegion] = Field(
        {}, description="Regions of other sites; subnets, security groups, images and ARNs are of one region."
    )
    execution_role: Role | None = Field(None, description="Role with which ECS starts tasks.")
    kms_key: KmsAlias | None = Field(
        None, description="Key of databases and caches, by an alias that every region has; AWS's by default."
    )
    node_role: Annotated[str, matching(r"[\w+=,.@-]{1,64}", "a role's name")] | None = Field(
        None, description="Role of Karpenter's nodes; KarpenterNodeRole-CLUSTER by default."
    )

    def encrypted(self, flag: str) -> dict[str, bool | str]:
        """Return ``flag`` as a call sets it, with the account's own key where there is one."""
        return {flag: True} if self.kms_key is None else {flag: True, "KmsKeyId": self.kms_key}


class GcpProject(Section):
    """Names in the Google Cloud project that artefacts refer to and capplan does not create."""

    network: Name = Field("default", description="VPC of clusters, databases and caches.")
    subnetwork: Name = Field("default", description="Subnetwork of machines and clusters.")
    kms_key: KmsKey | None = Field(
        None,
        description="Key of clusters' secrets, of disks of nodes, and of databases and caches; every region "
        "has one of the same name.",
    )

    def key_in(self, region: str) -> str | None:
        """Return the key of a region; None where Google's own keys are used."""
        return self.kms_key and re.sub(r"/locations/[^/]+/", f"/locations/{region}/", self.kms_key)


class Manifests(Section):
    """What the rendered artefacts say beyond the plan's figures."""

    namespace: Name | None = Field(None, description="The plan's name by default.")
    environments: list[Literal["dev", "prod"]] = Field(["dev", "prod"], description="Kustomize overlays.")
    networks: dict[Name, list[Cidr]] = Field(
        {}, description="Address ranges of databases and caches, for egress rules."
    )
    prometheus: Url = Field(
        "http://prometheus-operated.monitoring.svc:9090", description="Metrics server that KEDA queries."
    )
    ingress_class: Name = Field("nginx", description="IngressClass for services with a host.")
    gateway_class: Name | None = Field(
        None, description="GatewayClass of a Gateway that replaces the Ingresses."
    )
    metrics: Metrics = DEFAULTS
    alerts: Alerts = DEFAULTS
    load_test: LoadTest = DEFAULTS
    panels: list[Panel] = Field([], description="Panels in addition to those of every dashboard.")
    indexes: list[Index] = Field([], description="Indexes to create in the databases.")
    aws: AwsAccount = DEFAULTS
    gcp: GcpProject = DEFAULTS
    tls_minimum: Literal["1.2", "1.3"] = Field("1.2", description="Oldest TLS that the edge accepts.")
    secret_store: Name | None = Field(
        None, description="ClusterSecretStore of External Secrets that holds the secrets."
    )
    monitoring: Literal["prometheus-operator", "managed-prometheus"] = Field(
        "prometheus-operator",
        description="Monitoring that scrapes and alerts; managed-prometheus is Google's.",
    )
    serving: list[Literal["kserve", "llm-d"]] = Field(
        [], description="Forms of models besides Deployments: KServe's InferenceService, and llm-d's."
    )
    accepted: dict[CheckId, Text] = Field(
        {}, description="Codes of checks that may fail, each with the reason."
    )
