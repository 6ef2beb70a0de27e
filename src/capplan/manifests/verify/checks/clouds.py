"""Checks of manifests: bodies of AWS calls, and Cloud Run."""

from __future__ import annotations

from capplan.findings import Check

_CREATE_GROUP = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html"
_CLOUD_RUN = "https://cloud.google.com/run/docs/reference/yaml/v1"

ASG_SIZES = Check(
    code="asg-sizes",
    severity="error",
    title="The sizes of an Auto Scaling group are out of order",
    why="AWS refuses a desired capacity that is not between the minimum and the maximum.",
    breaks="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, DesiredCapacity: 6}
""",
    near="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, DesiredCapacity: 5}
""",
    remedy="Choose MinSize ≤ DesiredCapacity ≤ MaxSize.",
    source=_CREATE_GROUP,
)
ASG_WITHOUT_TEMPLATE = Check(
    code="asg-without-template",
    severity="error",
    title="An Auto Scaling group does not say what it launches",
    why="AWS refuses the call.",
    breaks="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5}
""",
    near="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, LaunchTemplate: {LaunchTemplateName: web}}
""",
    remedy="Give LaunchTemplate or MixedInstancesPolicy.",
    source=_CREATE_GROUP,
)
ASG_WITHOUT_SUBNETS = Check(
    code="asg-without-subnets",
    severity="error",
    title="An Auto Scaling group does not say where it launches",
    why="AWS refuses the call.",
    breaks="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5}
""",
    near="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, VPCZoneIdentifier: "subnet-1,subnet-2"}
""",
    remedy="Give VPCZoneIdentifier or AvailabilityZones.",
    source=_CREATE_GROUP,
)
ASG_TARGET_GROUP = Check(
    code="asg-target-group",
    severity="error",
    title="A target group is not named by its full ARN",
    why="AWS refuses the call; a shortened ARN is usually a placeholder that nobody filled in.",
    breaks="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, TargetGroupARNs: ["arn:aws:elasticloadbalancing:..."]}
""",
    near="""\
AutoScalingGroupName: web
MinSize: 1
MaxSize: 5
TargetGroupARNs: ["arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"]
""",
    remedy="Copy the ARN of the target group.",
    source=_CREATE_GROUP,
)
ASG_HEALTH_CHECK = Check(
    code="asg-health-check",
    severity="warning",
    title="A group asks a load balancer that it does not have",
    why="Without a target group the health check of type ELB has nothing to ask, so sick instances stay.",
    breaks="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, HealthCheckType: ELB}
""",
    near="""\
{AutoScalingGroupName: web, MinSize: 1, MaxSize: 5, HealthCheckType: EC2}
""",
    remedy="Name a target group, or use HealthCheckType EC2.",
    source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html",
)
FARGATE_SIZE = Check(
    code="fargate-size",
    severity="error",
    title="Fargate does not have a task of that size",
    why="AWS refuses the task definition: memory comes in steps that depend on the CPU.",
    breaks="""\
{containerDefinitions: [{name: web}], cpu: "256", memory: "4096", requiresCompatibilities: [FARGATE]}
""",
    near="""\
{containerDefinitions: [{name: web}], cpu: "512", memory: "4096", requiresCompatibilities: [FARGATE]}
""",
    remedy="Choose a pair that AWS lists.",
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html",
)
FARGATE_NETWORK = Check(
    code="fargate-network",
    severity="error",
    title="Fargate needs the network mode awsvpc",
    why="AWS refuses the task definition with any other mode.",
    breaks="""\
{containerDefinitions: [{name: web}], networkMode: bridge, requiresCompatibilities: [FARGATE]}
""",
    near="""\
{containerDefinitions: [{name: web}], networkMode: awsvpc, requiresCompatibilities: [FARGATE]}
""",
    remedy="Set networkMode to awsvpc.",
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html",
)
FARGATE_WITHOUT_ROLE = Check(
    code="fargate-without-role",
    severity="error",
    title="A Fargate task has no role to write logs or read secrets with",
    why="The task fails to start, because the agent may not fetch what it needs.",
    breaks="""\
containerDefinitions: [{name: web, logConfiguration: {logDriver: awslogs}}]
requiresCompatibilities: [FARGATE]
""",
    near="""\
containerDefinitions: [{name: web, logConfiguration: {logDriver: awslogs}}]
executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
requiresCompatibilities: [FARGATE]
""",
    remedy="Name an executionRoleArn.",
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html",
)
TASK_TOO_SMALL = Check(
    code="task-too-small",
    severity="error",
    title="The containers of a task reserve more CPU than the task has",
    why="AWS refuses the task definition.",
    breaks="""\
{containerDefinitions: [{name: web, cpu: 256}, {name: proxy, cpu: 64}], cpu: "256"}
""",
    near="""\
{containerDefinitions: [{name: web, cpu: 192}, {name: proxy, cpu: 64}], cpu: "256"}
""",
    remedy="Raise the task's cpu, or reserve less for its containers.",
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
)
ECS_WITHOUT_SUBNETS = Check(
    code="ecs-without-subnets",
    severity="error",
    title="An ECS service does not say where its tasks run",
    why="AWS refuses a service on Fargate without subnets.",
    breaks="""\
{serviceName: web, taskDefinition: web, launchType: FARGATE}
""",
    near="""\
serviceName: web
taskDefinition: web
launchType: FARGATE
networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}
""",
    remedy="Give networkConfiguration.awsvpcConfiguration.subnets.",
    source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html",
)
STORAGE_NOT_ENCRYPTED = Check(
    code="storage-not-encrypted",
    severity="warning",
    title="Storage is not encrypted",
    why="Encryption cannot be switched on later without a copy of the data.",
    breaks="""\
{DBInstanceIdentifier: shop, AllocatedStorage: 100}
""",
    near="""\
{DBInstanceIdentifier: shop, AllocatedStorage: 100, StorageEncrypted: true}
""",
    remedy="Switch encryption on.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
)
CLOUD_RUN_NO_MAX_SCALE = Check(
    code="cloud-run-no-max-scale",
    severity="warning",
    title="A Cloud Run service has no maximum of its own",
    why="The platform's default of 100 instances then decides what the highest bill is.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/maxScale: null}}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/maxScale: "20"}}}}
""",
    remedy="Set autoscaling.knative.dev/maxScale.",
    source="https://cloud.google.com/run/docs/configuring/max-instances",
)
CLOUD_RUN_SCALE_ORDER = Check(
    code="cloud-run-scale-order",
    severity="error",
    title="Cloud Run's minimum is above its maximum",
    why="The platform refuses the revision.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/minScale: "6"}}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/minScale: "5"}}}}
""",
    remedy="Raise the maximum, or lower the minimum.",
    source="https://cloud.google.com/run/docs/configuring/min-instances",
)
CLOUD_RUN_ANNOTATION_TEXT = Check(
    code="cloud-run-annotation-text",
    severity="error",
    title="An annotation of a Cloud Run service is not text",
    why="The API refuses annotations that are numbers or booleans.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/minScale: 1}}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/minScale: "1"}}}}
""",
    remedy="Quote it.",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
)
CLOUD_RUN_SCALING_TARGET = Check(
    code="cloud-run-scaling-target",
    severity="error",
    title="A scaling target of Cloud Run is out of bounds",
    why="The platform refuses the revision.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {run.googleapis.com/scaling-cpu-target: "0.99"}}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {metadata: {annotations: {run.googleapis.com/scaling-cpu-target: "0.95"}}}}
""",
    remedy="Use 0.1 to 0.95.",
    source="https://cloud.google.com/run/docs/about-instance-autoscaling",
)
CLOUD_RUN_LIMITS = Check(
    code="cloud-run-limits",
    severity="error",
    title="Concurrency or timeout is beyond Cloud Run's limits",
    why="The platform refuses the revision.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containerConcurrency: 2000}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containerConcurrency: 1000}}}
""",
    remedy="Use a concurrency of 1 to 1000 and a timeout of at most 3600 s.",
    source="https://cloud.google.com/run/docs/about-concurrency",
)
CLOUD_RUN_TRAFFIC = Check(
    code="cloud-run-traffic",
    severity="error",
    title="The traffic of a Cloud Run service does not add up to 100 %",
    why="The platform refuses the service.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {traffic: [{revisionName: web-1, percent: 90}]}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {traffic: [{revisionName: web-1, percent: 90}, {revisionName: web-2, percent: 10}]}
""",
    remedy="Make the percentages add up to 100.",
    source="https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration",
)
CLOUD_RUN_QUANTITY = Check(
    code="cloud-run-quantity",
    severity="error",
    title="The CPU or memory of a Cloud Run service cannot be read",
    why="The platform refuses the revision.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:1", resources: {limits: {cpu: "1", memory: 512MB}}}]}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:1", resources: {limits: {cpu: "1", memory: 512Mi}}}]}}}
""",
    remedy="Write a number with a suffix such as m, Mi or Gi.",
    source=_CLOUD_RUN,
)
CLOUD_RUN_CPU_MEMORY = Check(
    code="cloud-run-cpu-memory",
    severity="error",
    title="Cloud Run does not sell that CPU with that memory",
    why="The platform refuses the revision; below one vCPU it also serves one request at a time.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:1", resources: {limits: {cpu: "1", memory: 8Gi}}}]}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:1", resources: {limits: {cpu: "2", memory: 8Gi}}}]}}}
""",
    remedy="Choose a pair that Cloud Run lists.",
    source="https://cloud.google.com/run/docs/configuring/services/memory-limits",
)
CLOUD_RUN_IMAGE = Check(
    code="cloud-run-image",
    severity="warning",
    title="An image is not pinned",
    why="A tag such as latest moves, so two revisions of the same file may run different code.",
    breaks="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:latest"}]}}}
""",
    near="""\
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: "web:1.4.2"}]}}}
""",
    remedy="Name a digest.",
    source="https://cloud.google.com/run/docs/deploying",
)
