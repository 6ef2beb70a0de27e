"""What the reader of an adopted plan must know of its source: every check, declared once.

What is assumed is information; what is not in the plan, and so not in its cost, is a warning.
"""

from __future__ import annotations

from capplan.findings import Check

ASSUMED_MACHINE = Check(
    code="assumed-machine",
    severity="info",
    title="The machine type of a node pool is assumed",
    why="Manifests do not say what machines their nodes are, and the cost depends on it.",
    breaks="""\
kind: Deployment
""",
    near="""\
kind: Deployment
spec: {template: {spec: {nodeSelector: {node.kubernetes.io/instance-type: e2-standard-8}}}}
""",
    remedy="Set --node-type.",
    source="four vCPU, and with one GPU where pods ask for GPUs",
)
ASSUMED_REQUESTS = Check(
    code="assumed-requests",
    severity="info",
    title="A container requests nothing, so requests are assumed",
    why="The scheduler assumes 100m and 200Mi, but the container may need far larger nodes.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: null}]}}}
""",
    near="""\
kind: Deployment
""",
    remedy="Set resources.requests.",
    source="the defaults with which the Kubernetes scheduler spreads pods",
)
ASSUMED_SERVICE_TIME = Check(
    code="assumed-service-time",
    severity="info",
    title="The time of a request is assumed",
    why="Cloud Run bills the time that requests take, and manifests do not state it.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
""",
    near="""\
kind: Deployment
""",
    remedy="Measure service_time and put it into the plan.",
    source="100 ms for a request",
)
ASSUMED_DISK = Check(
    code="assumed-disk",
    severity="info",
    title="The price of a disk is assumed",
    why="A storage class that capplan does not know may cost more than the default one.",
    breaks="""\
kind: PersistentVolumeClaim
spec: {storageClassName: gold}
""",
    near="""\
kind: PersistentVolumeClaim
""",
    remedy="Correct the SKU in the plan.",
    source="the provider's default class of volumes",
)
ASSUMED_RUN_TIME = Check(
    code="assumed-run-time",
    severity="info",
    title="The run time of a job is unknown",
    why="The job counts only in the highest cost, as if it ran all month.",
    breaks="""\
kind: Job
""",
    near="""\
kind: Deployment
""",
    remedy="Set the instances in the plan.",
    source="manifests, which do not state a run time",
)
UNKNOWN_RESOURCE = Check(
    code="unknown-resource",
    severity="warning",
    title="A kind or type that capplan does not know is left out",
    why="Its cost is missing from the total.",
    breaks="""\
apiVersion: example.com/v1
kind: Shop
metadata: {name: shop}
---
kind: Deployment
""",
    near="""\
kind: Deployment
""",
    remedy="Add it to the plan under resources, if it costs something.",
    source="the kinds and types that `capplan adopt` reads",
)
UNREAD_RESOURCE = Check(
    code="unread-resource",
    severity="warning",
    title="A resource that cannot be priced as it is written is left out",
    why="Something that its price depends on is unknown or unusual, so its cost is missing from the total.",
    breaks="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "google_cloud_run_v2_service.api", "type": "google_cloud_run_v2_service", "name": "api",
   "values": {"location": "us-central1"}},
  {"address": "aws_instance.web", "type": "aws_instance", "name": "web", "values": {}}
]}}}
""",
    near="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "google_cloud_run_v2_service.api", "type": "google_cloud_run_v2_service", "name": "api",
   "values": {"location": "us-central1"}}
]}}}
""",
    remedy="Add it to the plan.",
    source="the attributes of the resource in the Terraform plan",
)
UNREAD_VALUE = Check(
    code="unread-value",
    severity="warning",
    title="A value that is set cannot be read",
    why="What it says is not in the plan, so the cost may be wrong.",
    breaks="""\
kind: Deployment
spec: {replicas: two}
""",
    near="""\
kind: Deployment
spec: {replicas: 2}
""",
    remedy="Correct the value, and adopt again.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/",
)
UNPRICED_ATTRIBUTE = Check(
    code="unpriced-attribute",
    severity="warning",
    title="An attribute of a resource has no part in its price",
    why="It is set, differs from the provider's default, and capplan does not know what it costs.",
    breaks="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_ebs_volume.data", "type": "aws_ebs_volume", "name": "data",
   "values": {"availability_zone": "us-east-1a", "size": 10, "type": "gp3", "multi_attach_enabled": true}}
]}}}
""",
    near="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_ebs_volume.data", "type": "aws_ebs_volume", "name": "data",
   "values": {"availability_zone": "us-east-1a", "size": 10, "type": "gp3", "tags": {"team": "web"}}}
]}}}
""",
    remedy="Add what it costs to the plan under resources.",
    source="the attributes that each reader asks for, and those known to be free",
)
ASSUMED_VALUE = Check(
    code="assumed-value",
    severity="info",
    title="What the source leaves open is assumed",
    why="Price or counts depend on it, and the provider, an image or a name is all there is to go by.",
    breaks="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_instance.web", "type": "aws_instance", "name": "web",
   "values": {"availability_zone": "us-east-1a", "instance_type": "m5.large"}}
]}}}
""",
    near="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_instance.web", "type": "aws_instance", "name": "web",
   "values": {"availability_zone": "us-east-1a", "instance_type": "m5.large",
              "root_block_device": [{"volume_size": 20, "volume_type": "gp3"}]}}
]}}}
""",
    remedy="Correct it in the plan.",
    source="the defaults in the documentation of providers, and the names of metrics, labels and classes",
)
UNKNOWN_USAGE = Check(
    code="unknown-usage",
    severity="warning",
    title="What is billed by use is left out",
    why="No file says how much is used. Its cost is missing from the total.",
    breaks="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_s3_bucket.logs", "type": "aws_s3_bucket", "name": "logs", "values": {}}
]}}}
""",
    near="""\
# file: plan.json
{"planned_values": {"root_module": {"resources": [
  {"address": "aws_s3_bucket_policy.logs", "type": "aws_s3_bucket_policy", "name": "logs", "values": {}}
]}}}
""",
    remedy="Add it to the plan under resources, with the quantity that you use.",
    source="what the providers meter: requests, data stored and data transferred",
)
UNKNOWN_VOLUME_SIZE = Check(
    code="unknown-volume-size",
    severity="warning",
    title="A volume of unknown size is left out",
    why="Its cost is missing from the total.",
    breaks="""\
# file: compose.yaml
services: {web: {image: "web:1"}}
volumes: {data: {}}
""",
    near="""\
# file: compose.yaml
services: {web: {image: "web:1"}}
""",
    remedy="Add it to the plan under resources.",
    source="https://docs.docker.com/reference/compose-file/volumes/",
)
EPHEMERAL_VOLUME = Check(
    code="ephemeral-volume",
    severity="warning",
    title="Volumes that pods create are left out",
    why="They exist as long as their pods do. Their cost is missing from the total.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      volumes:
      - name: scratch
        ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 50Gi}}}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {volumes: [{name: scratch, emptyDir: {}}]}}}
""",
    remedy="Add them to the plan under resources.",
    source="https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes",
)
UNCOUNTED_PLACING = Check(
    code="uncounted-placing",
    severity="warning",
    title="A rule about where pods run is left out",
    why="It may take more nodes than are counted, which cost more, or leave pods pending.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {topologySpreadConstraints: [{minDomains: 5, topologyKey: kubernetes.io/hostname}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname}]}}}
""",
    remedy="Set nodes.min of the pool in the plan.",
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
)
SCALING_NOT_KEPT = Check(
    code="scaling-not-kept",
    severity="warning",
    title="A setting of an autoscaler is left out",
    why="The plan cannot say it, so simulations and rendered files scale differently.",
    breaks="""\
kind: Deployment
---
kind: HorizontalPodAutoscaler
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  maxReplicas: 5
  metrics:
  - {type: External, external: {metric: {name: moon_phase}, target: {type: AverageValue, averageValue: 9}}}
""",
    near="""\
kind: Deployment
---
kind: HorizontalPodAutoscaler
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  maxReplicas: 5
  behavior: {scaleUp: {selectPolicy: Disabled}}
""",
    remedy="Keep it in your own manifests.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/",
)
SCALES_NOTHING = Check(
    code="scales-nothing",
    severity="warning",
    title="An autoscaler scales something that is not among the objects",
    why="The workload that it scales is missing from the plan, and so is its cost.",
    breaks="""\
kind: Deployment
---
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {name: shop}}
""",
    near="""\
kind: Deployment
---
kind: HorizontalPodAutoscaler
""",
    remedy="Adopt the workload together with its autoscaler.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
)
LEFT_OUT = Check(
    code="left-out",
    severity="warning",
    title="Part of the source is left out",
    why="An unrendered chart, another overlay, a repeated object or a profile is not in the plan.",
    breaks="""\
kind: Deployment
---
kind: Deployment
""",
    near="""\
kind: Deployment
""",
    remedy="Adopt it on its own, or remove it.",
    source="files that hold no object, objects that are repeated, and profiles that are not asked for",
)
