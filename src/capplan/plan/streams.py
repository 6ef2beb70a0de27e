"""Streams of messages that several consumers read, and that are kept for a while."""

from typing import Literal

from pydantic import Field

from capplan.plan.fields import Count, Duration, Memory, Section, Utilization, Whole, Words


class Stream(Section):
    """Topics of Kafka on Amazon MSK, Standard brokers; requests to it are messages."""

    description: Words = ""
    platform: Literal["msk"]
    region: str | None = Field(None, description="Region; the plan's for AWS by default.")
    machine: str = Field(description="Broker size such as kafka.m5.large, or auto for the cheapest cluster.")
    partitions: Count = Field(description="Partitions of all topics, without their replicas.")
    replication: Count = Field(3.0, description="Copies of each message.")
    message_size: Memory = Field(description="Size of a message as it is stored.")
    retention: Duration = Field(description="How long messages are kept.")
    consumers: Whole = Field(1.0, description="Groups of consumers that each read every message.")
    zones: Count = Field(3.0, description="Zones; brokers are spread evenly over them.")
    spare: Whole = Field(1.0, description="Brokers that may be lost at the peak.")
    target_utilization: Utilization = Field(
        0.6, description="Share of a broker's bandwidth and disk that is used at most."
    )
