"""What capplan says about jobs."""

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
