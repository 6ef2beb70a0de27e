"""Checks of manifests: clouds."""

from __future__ import annotations

from capplan.findings import Check

ASG_SIZES = Check("asg-sizes", "error")
ASG_WITHOUT_TEMPLATE = Check("asg-without-template", "error")
ASG_WITHOUT_SUBNETS = Check("asg-without-subnets", "error")
ASG_TARGET_GROUP = Check("asg-target-group", "error")
ASG_HEALTH_CHECK = Check("asg-health-check", "error")
FARGATE_SIZE = Check("fargate-size", "error")
FARGATE_NETWORK = Check("fargate-network", "error")
FARGATE_WITHOUT_ROLE = Check("fargate-without-role", "error")
TASK_TOO_SMALL = Check("task-too-small", "error")
ECS_WITHOUT_SUBNETS = Check("ecs-without-subnets", "error")
STORAGE_NOT_ENCRYPTED = Check("storage-not-encrypted", "error")
CLOUD_RUN_NO_MAX_SCALE = Check("cloud-run-no-max-scale", "error")
CLOUD_RUN_SCALE_ORDER = Check("cloud-run-scale-order", "error")
CLOUD_RUN_ANNOTATION_TEXT = Check("cloud-run-annotation-text", "error")
CLOUD_RUN_SCALING_TARGET = Check("cloud-run-scaling-target", "error")
CLOUD_RUN_LIMITS = Check("cloud-run-limits", "error")
CLOUD_RUN_TRAFFIC = Check("cloud-run-traffic", "error")
CLOUD_RUN_QUANTITY = Check("cloud-run-quantity", "error")
CLOUD_RUN_CPU_MEMORY = Check("cloud-run-cpu-memory", "error")
CLOUD_RUN_IMAGE = Check("cloud-run-image", "error")
