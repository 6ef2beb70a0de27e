"""Load balancers of AWS: the bodies that make or change them, and what only the script knows of them."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.aws import body_of, full_name, tags_of
from capplan.manifests.observing.health import probes_of
from capplan.manifests.site import Service, Site

_LONGEST = 32
"""Characters that names of load balancers and target groups may have; internal- may not begin them."""


def _health_check(service: Service) -> Tree:
    """Return the health check of a target group: the readiness that the contract of the service states."""
    probe = probes_of(service)["readiness"]
    return {
        "HealthCheckEnabled": True,
        "HealthCheckPath": probe.path,
        "HealthCheckIntervalSeconds": probe.period_s,
        "HealthCheckTimeoutSeconds": probe.timeout_s,
        "UnhealthyThresholdCount": probe.failures,
        "HealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }


def _target_groups(service: Service) -> Iterator[Artefact]:
    """Yield the health checks of target groups that exist."""
    for index, group in enumerate(service.workload.aws.target_groups):
        body: Tree = {"TargetGroupArn": group, **_health_check(service)}
        name = service.name if index == 0 else f"{service.name}-{index + 1}"
        yield body_of(name, "modify-target-group", body)


def balancer_artefacts(site: Site, service: Service) -> Iterator[Artefact]:
    """Yield health checks of target groups that exist, or the bodies of the service's own load balancer."""
    yield from _target_groups(service)
    own = service.workload.aws.load_balancer
    if own is None:
        return
    tags = [{"Key": key, "Value": value} for key, value in tags_of(site, service.name)]
    name = full_name(site, service.name).removeprefix("internal-")[-_LONGEST:].strip("-")
    balancer: Tree = {
        "Name": name,
        "Type": "application",
        "Scheme": "internal" if own.internal else "internet-facing",
        "Subnets": list(own.subnets),
        "Tags": tags,
    }
    yield body_of(service.name, "create-load-balancer", balancer)
    # Tasks have addresses of their own, which a target group of instances would refuse.
    target = {"Name": name, "TargetType": "ip", "Protocol": "HTTP", "Port": service.workload.port}
    yield body_of(service.name, "create-target-group", {**target, **_health_check(service), "Tags": tags})
    listener: Tree = {"Protocol": "HTTP", "Port": 80}
    if own.certificate is not None:
        to_https = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        redirect = {"DefaultActions": [{"Type": "redirect", "RedirectConfig": to_https}]}
        yield body_of(f"{service.name}-redirect", "create-listener", {**listener, **redirect})
        secure = {"SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}
        certificates = [{"CertificateArn": own.certificate}]
        listener = {"Protocol": "HTTPS", "Port": 443, **secure, "Certificates": certificates}
    yield body_of(service.name, "create-listener", listener)


def balancers_of(site: Site) -> list[Tree]:
    """Return what the script is told of load balancers, whose identities and groups AWS gives."""
    found = []
    for service in site.services.values():
        own = service.workload.aws.load_balancer
        if own is None:
            continue
        account = site.aws_in(service.region)
        groups = "".join(f",{group}" for group in account.security_groups)
        found.append(
            {
                "name": service.name,
                "full": full_name(site, service.name),
                "variable": service.name.replace("-", "_"),
                "region": service.region,
                "subnet": account.subnets[0],
                "port": service.workload.port,
                "ports": [80] if own.certificate is None else [80, 443],
                "redirects": own.certificate is not None,
                "internal": own.internal,
                "network": (
                    f"awsvpcConfiguration={{subnets=[{','.join(account.subnets)}],securityGroups=[",
                    f"{groups}],assignPublicIp=DISABLED}}",
                ),
            }
        )
    return found
