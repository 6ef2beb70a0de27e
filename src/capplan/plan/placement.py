"""Where a service runs on AWS, and behind which load balancer: identities of one region."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from capplan.plan.fields import Section
from capplan.plan.texts import FilePath, Subnet, matching


def _two(subnets: list[Subnet]) -> list[Subnet]:
    if len(set(subnets)) < 2:
        raise ValueError("needs subnets in two zones at least")
    return subnets


class LoadBalancer(Section):
    """An Application Load Balancer of a service, with target group, listeners and security groups."""

    subnets: Annotated[list[Subnet], AfterValidator(_two)] = Field(
        description="Its subnets, in two zones or more: public ones, unless it is internal."
    )
    internal: bool = Field(False, description="Whether it has private addresses only.")
    certificate: (
        Annotated[
            str, matching(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+", "a certificate's ARN")
        ]
        | None
    ) = Field(None, description="Its certificate, for HTTPS; without one, it takes HTTP only.")


class AwsPlacement(Section):
    """What a service's AWS artefacts refer to and capplan does not create, and its load balancer."""

    ami: Annotated[str, matching(r"ami-[0-9a-f]{8,17}", "an AMI")] | None = Field(
        None, description="AMI of the machines; without one, set it before you use the launch template."
    )
    root_device: FilePath = Field(
        "/dev/xvda", description="Root device of the AMI: /dev/xvda on Amazon Linux, /dev/sda1 on Ubuntu."
    )
    target_groups: list[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[A-Za-z0-9-]+/[0-9a-f]{16}",
                "a target group's ARN",
            ),
        ]
    ] = Field([], description="ARNs of the target groups that the service's tasks or machines join.")
    load_balancer: LoadBalancer | None = Field(
        None, description="Load balancer to make for a Fargate service, instead of target groups that exist."
    )

    @model_validator(mode="after")
    def _one(self) -> "AwsPlacement":
        if self.load_balancer is not None and self.target_groups:
            raise ValueError(
                "has both target_groups and load_balancer, which makes a target group of its own"
            )
        return self
