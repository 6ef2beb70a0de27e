"""What capplan says about jobs and streams."""

from capplan.findings import Check

_JOB = """\
services: {api: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 50/s}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}}}
jobs: {report: {schedule: %s, duration: %s, cpu: 1, memory: 1Gi}}
"""
JOB_SCHEDULE = Check(
    code="job-schedule",
    severity="warning",
    title="A job never starts, or does not end before its next start",
    why="Kubernetes skips a start while the last run goes on. A day that never comes starts nothing.",
    breaks=_JOB % ("0 * * * *", "70m"),
    near=_JOB % ("0 * * * *", "50m"),
    remedy="Correct the schedule, or give the job more pods and a shorter duration.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/",
)

_STREAM = """\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 50/s, calls: {events: 1}}}
streams:
  events: {platform: msk, machine: kafka.m5.large, partitions: %s, message_size: 1Ki, retention: 1h}
"""
STREAM_TOO_LARGE = Check(
    code="stream-too-large",
    severity="warning",
    title="A stream needs more brokers than a cluster may have",
    why="MSK allows 60 brokers in a cluster with KRaft, and 30 with ZooKeeper, unless it grants more.",
    breaks=_STREAM % "21k",
    near=_STREAM % "20k",
    remedy="Choose larger brokers, divide the topics among clusters, or ask for a higher quota.",
    source="https://docs.aws.amazon.com/msk/latest/developerguide/limits.html",
)
