"""AWS: bodies of API calls, for `aws … --cli-input-json`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.components.services.platforms import surge_of
from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.networks import ZONES, aws_networks
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.pods import environment_of, image_of, ports_of
from capplan.manifests.site import Service, Site
from capplan.plan.caches import ElastiCache
from capplan.plan.databases import Aurora, DatabaseBase, Rds
from capplan.plan.services import Fargate, VmGroup
from capplan.quantities import DAY_S

_ENGINE_MAJOR = {"postgres": "16", "mysql": "8.0"}
"""Major versions: RDS chooses the minor one, as it stops creating old ones."""


def aws_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the bodies of the calls that make the plan's databases and caches on AWS."""
    for name, database in site.plan.databases.items():
        if isinstance(database, Rds):
            yield from _rds(site, name, database)
        elif isinstance(database, Aurora):
            yield from _aurora(site, name, database)
    for name, cache in site.plan.caches.items():
        if isinstance(cache, ElastiCache):
            yield from _elasticache(site, name, cache)


def machine_of(site: Site, name: str, named: str) -> str:
    """Return the machine of a store: the one that capplan chose where the plan says `auto`."""
    pick = site.components[name].pick
    return pick.name(0) if named == "auto" and pick is not None else named


def body_of(name: str, operation: str, body: Tree) -> Artefact:
    """Return the body of a call of AWS' API, as a file."""
    return Artefact(f"aws/{name}.{operation}.json", "aws/call.json.j2", {"body": body}, "aws")


def full_name(site: Site, name: str) -> str:
    """Return the name of something in an account, where all plans share one space of names."""
    return name if name.startswith(site.name) else f"{site.name}-{name}"


def tags_of(site: Site, service: str) -> list[tuple[str, str]]:
    """Return the tags of what belongs to a component of the plan."""
    return [("capplan/plan", site.name), ("capplan/component", service)]


def group_artefacts(site: Site, service: Service, spec: VmGroup) -> Iterator[Artefact]:
    """Yield the bodies of the calls that make a group of EC2 machines."""
    name = full_name(site, service.name)
    yield body_of(service.name, "create-launch-template", _launch_template(site, service, spec))
    yield body_of(service.name, "create-auto-scaling-group", _scaling_group(site, service, spec))
    target = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    policy: Tree = {
        "AutoScalingGroupName": f"{name}-asg",
        "PolicyName": f"{name}-cpu",
        "PolicyType": "TargetTrackingScaling",
        "EstimatedInstanceWarmup": math.ceil(service.workload.startup),
        "TargetTrackingConfiguration": {
            "PredefinedMetricSpecification": target,
            "TargetValue": round(100 * service.target("cpu"), 2),
        },
    }
    if not service.fixed:
        yield body_of(service.name, "put-scaling-policy", policy)


def _launch_template(site: Site, service: Service, spec: VmGroup) -> Tree:
    placement = service.workload.aws
    data: Tree = {"InstanceType": spec.machine}
    if placement.ami is not None:
        data["ImageId"] = placement.ami
    groups = site.aws_in(service.region).security_groups
    if groups:
        data["SecurityGroupIds"] = list(groups)
    if spec.disk is not None:
        size = {"VolumeSize": whole(spec.disk.size), "VolumeType": spec.disk.type}
        volume = {**size, "Encrypted": True, "DeleteOnTermination": True}
        data["BlockDeviceMappings"] = [{"DeviceName": placement.root_device, "Ebs": volume}]
    data["MetadataOptions"] = {"HttpTokens": "required", "HttpEndpoint": "enabled"}
    data["Monitoring"] = {"Enabled": True}
    return {"LaunchTemplateName": full_name(site, service.name), "LaunchTemplateData": data}


def _scaling_group(site: Site, service: Service, spec: VmGroup) -> Tree:
    name = full_name(site, service.name)
    template: Tree = {"LaunchTemplateName": name, "Version": "$Latest"}
    body: Tree = {
        "AutoScalingGroupName": f"{name}-asg",
        "MinSize": service.lo,
        "MaxSize": service.hi,
        "DesiredCapacity": service.start,
        "DefaultCooldown": 300,
        "DefaultInstanceWarmup": math.ceil(service.workload.startup),
    }
    spot = number(spec.purchase.spot)
    if spot > 0:
        shares = {"OnDemandPercentageAboveBaseCapacity": round(100 * (1 - spot))}
        distribution = shares | {"SpotAllocationStrategy": "price-capacity-optimized"}
        body["MixedInstancesPolicy"] = {
            "LaunchTemplate": {"LaunchTemplateSpecification": template},
            "InstancesDistribution": distribution,
        }
    else:
        body["LaunchTemplate"] = template
    subnets = site.aws_in(service.region).subnets
    if subnets:
        body["VPCZoneIdentifier"] = ",".join(subnets)
    else:
        body["AvailabilityZones"] = [f"{service.region}{zone}" for zone in ZONES]
    groups = list(service.workload.aws.target_groups)
    body["HealthCheckType"] = "ELB" if groups else "EC2"
    body["HealthCheckGracePeriod"] = math.ceil(service.workload.startup)
    if groups:
        body["TargetGroupARNs"] = groups
    tags = tags_of(site, service.name)
    body["Tags"] = [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags]
    return body


def fargate_artefacts(site: Site, service: Service, spec: Fargate) -> Iterator[Artefact]:
    """Yield the bodies of the calls that make an ECS service."""
    _check_account(site, service.name)
    name = full_name(site, service.name)
    yield body_of(service.name, "register-task-definition", _task(site, service, spec))
    yield body_of(service.name, "create-service", _ecs_service(site, service, spec))
    if service.fixed:
        return
    resource = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{site.name}/{name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    bounds = {"MinCapacity": service.lo, "MaxCapacity": service.hi}
    yield body_of(service.name, "register-scalable-target", resource | bounds)
    target = {
        "TargetValue": round(100 * service.target("cpu"), 2),
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 300,
    }
    policy = {"PolicyName": f"{name}-cpu", "PolicyType": "TargetTrackingScaling"}
    body = resource | policy | {"TargetTrackingScalingPolicyConfiguration": target}
    yield body_of(service.name, "put-scaling-policy", body)


def _writable(service: Service) -> dict[str, str]:
    """Return the directories that a task may write to, by the name of their volume."""
    return {f"writable-{index}": path for index, path in enumerate(service.workload.writable)}


def log_group_of(family: str) -> str:
    """Return where the tasks of a family log to."""
    return f"/ecs/{family}"


def subnets_path(site: Site, region: str) -> str:
    """Return the field of the plan that names the subnets of a region."""
    return f"manifests.aws{'' if site.aws_in(region) is site.manifests.aws else f'.regions.{region}'}.subnets"


def _check_account(site: Site, service: str) -> None:
    """Raise for what AWS refuses a Fargate task without: subnets, and the role that pulls and logs for it."""
    account, needed = site.manifests.aws, f"is missing, and no task of {service} can start without it"
    region = site.components[service].region
    problems = []
    if not site.aws_in(region).subnets:
        path = subnets_path(site, region)
        problems.append(Problem(path, needed, "Give their ids: [subnet-…, subnet-…]."))
    if account.execution_role is None:
        problems.append(
            Problem("manifests.aws.execution_role", needed, "Give its ARN: arn:aws:iam::…:role/….")
        )
    if problems:
        raise InputError(*problems)


def _task(site: Site, service: Service, spec: Fargate) -> Tree:
    units = round(number(spec.cpu) * 1024)
    task: Tree = {
        "family": full_name(site, service.name),
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": str(units),
        "memory": str(round(number(spec.memory) * 1024)),
        "executionRoleArn": site.manifests.aws.execution_role,
        "runtimePlatform": {
            "cpuArchitecture": "ARM64" if spec.architecture == "arm" else "X86_64",
            "operatingSystemFamily": "LINUX",
        },
        "containerDefinitions": [_container(site, service, units)],
        "volumes": [{"name": volume} for volume in _writable(service)],
    }
    if number(spec.ephemeral_storage) > 20:
        task["ephemeralStorage"] = {"sizeInGiB": whole(spec.ephemeral_storage)}
    return task


def _container(site: Site, service: Service, units: int) -> Tree:
    workload = service.workload
    container: Tree = {
        "name": service.name,
        "image": image_of(site, service),
        "essential": True,
        "cpu": units,
        "portMappings": [
            {"name": n, "containerPort": p, "protocol": "tcp"} for n, p in ports_of(service).items()
        ],
        "environment": [{"name": k, "value": v} for k, v in environment_of(site, service).items()],
        "readonlyRootFilesystem": True,
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": path} for volume, path in _writable(service).items()
        ],
        "stopTimeout": min(120, math.ceil(workload.grace)),
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group_of(full_name(site, service.name)),
                "awslogs-region": service.region,
                "awslogs-stream-prefix": service.name,
            },
        },
    }
    # What Kubernetes calls command and args are entry point and command here.
    for field, words in (("entryPoint", workload.command), ("command", workload.args)):
        if words:
            container[field] = list(words)
    if workload.secrets:
        container["secrets"] = [
            {"name": k, "valueFrom": _secret(site, service, reference)}
            for k, reference in workload.secrets.items()
        ]
    return container


def _secret(site: Site, service: Service, reference: str) -> str:
    """Return a key of a secret in Secrets Manager; a name alone, ECS looks up in Parameter Store."""
    _, partition, _, _, account, _ = str(site.manifests.aws.execution_role).split(":", 5)
    name, _, key = reference.partition("/")
    return f"arn:{partition}:secretsmanager:{service.region}:{account}:secret:{name}:{key}::"


def _ecs_service(site: Site, service: Service, spec: Fargate) -> Tree:
    name = full_name(site, service.name)
    account = site.aws_in(service.region)
    network: Tree = {"subnets": list(account.subnets), "assignPublicIp": "DISABLED"}
    if account.security_groups:
        network["securityGroups"] = list(account.security_groups)
    body: Tree = {
        "cluster": site.name,
        "serviceName": name,
        "taskDefinition": name,
        "desiredCount": service.start,
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "minimumHealthyPercent": 100,
            "maximumPercent": round(100 * (1 + surge_of(spec))),
        },
        "networkConfiguration": {"awsvpcConfiguration": network},
    }
    spot = number(spec.spot)
    if spot > 0:
        providers = (("FARGATE", round(100 * (1 - spot))), ("FARGATE_SPOT", round(100 * spot)))
        strategy = [{"capacityProvider": provider, "weight": weight} for provider, weight in providers]
        body["capacityProviderStrategy"] = strategy
    else:
        body["launchType"] = "FARGATE"
    groups, own = service.workload.aws.target_groups, service.workload.aws.load_balancer
    if groups:
        port = {"containerName": service.name, "containerPort": service.workload.port}
        body["loadBalancers"] = [{"targetGroupArn": group, **port} for group in groups]
    if groups or own is not None:
        body["healthCheckGracePeriodSeconds"] = math.ceil(service.workload.startup)
    return body


def backup_days(database: DatabaseBase) -> int:
    """Return for how many days backups are kept: those of the plan, as long as the log is, one at least."""
    kept = max(number(database.backup.retention), number(database.backup.point_in_time))
    return max(1, math.ceil(kept / DAY_S))


def _bought_iops(site: Site, name: str) -> Tree:
    """Return the IOPS to provision where the plan's exceed those that every volume of RDS includes."""
    meters = site.components[name].meters
    if not any(meter.sku.startswith("iops-general-purpose") for meter in meters):
        return {}
    [iops] = [measure for measure in site.components[name].measures if measure.name == "iops"]
    assert iops.has is not None
    return {"Iops": whole(min(number(iops.needs), number(iops.has)))}


def _subnet_group(site: Site, name: str, field: str, standby: str | None = None) -> Tree:
    """Return where a store or its standby elsewhere goes; without a word of it, to the default VPC."""
    network = aws_networks(site).get(standby or site.components[name].region)
    return {} if network is None else {field: network.group}


def _rds(site: Site, name: str, database: Rds) -> Iterator[Artefact]:
    identifier = full_name(site, name)
    body: Tree = {
        "DBInstanceIdentifier": identifier,
        "DBInstanceClass": machine_of(site, name, database.machine),
        "Engine": database.engine,
        "EngineVersion": _ENGINE_MAJOR[database.engine],
        "AllocatedStorage": site.storage_gib(name),
        "StorageType": "gp3",
        **_bought_iops(site, name),
        **site.manifests.aws.encrypted("StorageEncrypted"),
        "MultiAZ": database.high_availability,
        "MasterUsername": "capplan_admin",
        # The password is made and kept by Secrets Manager: it stands nowhere.
        "ManageMasterUserPassword": True,
        "BackupRetentionPeriod": backup_days(database),
        "DeletionProtection": True,
        "PubliclyAccessible": False,
        **_subnet_group(site, name, "DBSubnetGroupName"),
        "AutoMinorVersionUpgrade": True,
        "Tags": [{"Key": key, "Value": value} for key, value in tags_of(site, name)],
    }
    yield body_of(name, "create-db-instance", body)
    for index in range(1, whole(database.read_replicas) + 1):
        replica = {
            "DBInstanceIdentifier": f"{identifier}-replica-{index}",
            "SourceDBInstanceIdentifier": identifier,
            "DBInstanceClass": body["DBInstanceClass"],
            "PubliclyAccessible": False,
        }
        yield body_of(f"{name}-replica-{index}", "create-db-instance-read-replica", replica)
    if database.recovery.standby_region is not None:
        standby = {
            "DBInstanceIdentifier": f"{identifier}-standby",
            "SourceRegion": site.components[name].region,
            "DBInstanceClass": body["DBInstanceClass"],
            "KmsKeyId": site.manifests.aws.kms_key or "alias/aws/rds",
            "PubliclyAccessible": False,
            **_subnet_group(site, name, "DBSubnetGroupName", database.recovery.standby_region),
        }
        yield body_of(f"{name}-standby", "create-db-instance-read-replica", standby)


def _aurora(site: Site, name: str, database: Aurora) -> Iterator[Artefact]:
    identifier = full_name(site, name)
    cluster: Tree = {
        "DBClusterIdentifier": identifier,
        "Engine": "aurora-postgresql",
        "EngineVersion": _ENGINE_MAJOR[database.engine],
        "MasterUsername": "capplan_admin",
        "ManageMasterUserPassword": True,
        **site.manifests.aws.encrypted("StorageEncrypted"),
        "BackupRetentionPeriod": backup_days(database),
        "DeletionProtection": True,
        **_subnet_group(site, name, "DBSubnetGroupName"),
    }
    yield body_of(name, "create-db-cluster", cluster)
    members = 1 + int(database.high_availability) + whole(database.read_replicas)
    for index in range(1, members + 1):
        body = {
            "DBInstanceIdentifier": f"{identifier}-{index}",
            "DBClusterIdentifier": identifier,
            "DBInstanceClass": machine_of(site, name, database.machine),
            "Engine": "aurora-postgresql",
            "PubliclyAccessible": False,
        }
        yield body_of(f"{name}-{index}", "create-db-instance", body)
    if database.recovery.standby_region is not None:
        yield from _aurora_standby(site, name, database)


def _aurora_standby(site: Site, name: str, database: Aurora) -> Iterator[Artefact]:
    """Yield the global database that the cluster becomes part of, and its cluster in the other region."""
    identifier = f"{full_name(site, name)}-standby"
    everywhere = f"{full_name(site, name)}-global"
    stem = f"{name}-standby"
    yield body_of(stem, "create-global-cluster", {"GlobalClusterIdentifier": everywhere})
    cluster: Tree = {
        "DBClusterIdentifier": identifier,
        "GlobalClusterIdentifier": everywhere,
        "Engine": "aurora-postgresql",
        "EngineVersion": _ENGINE_MAJOR[database.engine],
        "StorageEncrypted": True,
        "KmsKeyId": site.manifests.aws.kms_key or "alias/aws/rds",
        "DeletionProtection": True,
        **_subnet_group(site, name, "DBSubnetGroupName", database.recovery.standby_region),
    }
    yield body_of(stem, "create-db-cluster", cluster)
    instance = {
        "DBInstanceIdentifier": f"{identifier}-1",
        "DBClusterIdentifier": identifier,
        "DBInstanceClass": machine_of(site, name, database.machine),
        "Engine": "aurora-postgresql",
        "PubliclyAccessible": False,
    }
    yield body_of(stem, "create-db-instance", instance)


def _elasticache(site: Site, name: str, cache: ElastiCache) -> Iterator[Artefact]:
    replicas, shards = whole(cache.replicas), whole(cache.shards)
    group = {"CacheParameterGroupName": full_name(site, name)}
    description = f"Settings of {name} of {site.name}"
    create = group | {"CacheParameterGroupFamily": "redis7", "Description": description}
    yield body_of(name, "create-cache-parameter-group", create)
    settings = {"maxmemory-policy": cache.eviction} | ({"cluster-enabled": "yes"} if shards > 1 else {})
    values = [{"ParameterName": key, "ParameterValue": value} for key, value in settings.items()]
    yield body_of(name, "modify-cache-parameter-group", {**group, "ParameterNameValues": values})
    body: Tree = {
        "ReplicationGroupId": full_name(site, name)[:40],
        "ReplicationGroupDescription": f"Redis of {site.name}",
        "Engine": "redis",
        "EngineVersion": "7.1",
        "CacheParameterGroupName": full_name(site, name),
        "CacheNodeType": machine_of(site, name, cache.machine),
        "NumNodeGroups": shards,
        "ReplicasPerNodeGroup": replicas,
        "AutomaticFailoverEnabled": replicas > 0 or shards > 1,
        "MultiAZEnabled": replicas > 0,
        **_subnet_group(site, name, "CacheSubnetGroupName"),
        **site.manifests.aws.encrypted("AtRestEncryptionEnabled"),
        "TransitEncryptionEnabled": True,
    }
    yield body_of(name, "create-replication-group", body)
