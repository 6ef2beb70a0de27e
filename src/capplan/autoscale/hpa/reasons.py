"""Why the controller did what it did: the reasons of the HPA's conditions."""

from __future__ import annotations

(
    NONE,
    SUCCEEDED_GET_SCALE,
    READY_FOR_NEW_SCALE,
    SCALE_DOWN_STABILIZED,
    SCALE_UP_STABILIZED,
    SUCCEEDED_RESCALE,
    VALID_METRIC_FOUND,
    SCALING_DISABLED,
    FAILED_GET_RESOURCE,
    FAILED_GET_CONTAINER_RESOURCE,
    FAILED_GET_PODS,
    FAILED_GET_OBJECT,
    FAILED_GET_EXTERNAL,
    INVALID_METRIC_SOURCE_TYPE,
    DESIRED_WITHIN_RANGE,
    TOO_FEW_REPLICAS,
    TOO_MANY_REPLICAS,
    SCALE_UP_LIMIT,
    SCALE_DOWN_LIMIT,
    SCALED_TO_ZERO,
    NOT_SCALED_TO_ZERO,
) = range(21)

NAMES = (
    "",
    "SucceededGetScale",
    "ReadyForNewScale",
    "ScaleDownStabilized",
    "ScaleUpStabilized",
    "SucceededRescale",
    "ValidMetricFound",
    "ScalingDisabled",
    "FailedGetResourceMetric",
    "FailedGetContainerResourceMetric",
    "FailedGetPodsMetric",
    "FailedGetObjectMetric",
    "FailedGetExternalMetric",
    "InvalidMetricSourceType",
    "DesiredWithinRange",
    "TooFewReplicas",
    "TooManyReplicas",
    "ScaleUpLimit",
    "ScaleDownLimit",
    "ScaledToZero",
    "NotScaledToZero",
)

ABLE_TO_SCALE, SCALING_ACTIVE, SCALING_LIMITED, ZERO = 0, 1, 2, 3
CONDITIONS = ("AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero")

_TRUE = frozenset(
    (
        *range(SUCCEEDED_GET_SCALE, VALID_METRIC_FOUND + 1),
        *range(TOO_FEW_REPLICAS, SCALED_TO_ZERO + 1),
    )
)


def status(reason: int) -> str:
    """Return the status and the reason of a condition as ``True/ReadyForNewScale``."""
    return f"{reason in _TRUE}/{NAMES[reason]}"
