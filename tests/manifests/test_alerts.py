"""Alerts over two hours of the planned load, played as exporters report it: silent, and firing at 150 %."""

import json
import math
import re
import subprocess
import time
import urllib.parse
import urllib.request
from socket import socket

import numpy as np
import pytest
from helpers import SHIPPED, plan_of
from rendering import site_of, tool, write

from capplan.autoscale.measures import BUCKETS_S
from capplan.estimate import estimate
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import matcher
from capplan.manifests.render import as_planned
from capplan.manifests.site import Site

PLAN = """
name: kiosk
regions: {aws: us-east-1}
demand: {requests_per_second: 80, profile: flat, entry: {front: 1}}
services:
  front:
    platform: kubernetes
    cpu: 500m
    memory: 512Mi
    throughput: 30/s
    instances: {min: 2, max: 8}
    slo: {p95: 400ms}
    calls: {orders: 0.02, jobs: {per_request: 0.001}, store: {pool: {min: 1, max: 5}}, cache: 2, log: 1}
  orders:
    {platform: fargate, cpu: 1, memory: 2Gi, throughput: 5/s, instances: {min: 2, max: 4}, slo: {p95: 250ms}}
  jobs:
    platform: kubernetes
    cpu: 500m
    memory: 512Mi
    throughput: 1/s
    instances: {min: 1, max: 4}
    queue: {target_length: 5}
databases:
  store: {platform: rds, engine: postgres, machine: db.m5.large, storage: 100Gi, read_replicas: 1}
caches:
  cache: {platform: kubernetes, cpu: 1, memory: 1Gi, content: {ttl: 1h, new_keys: 10%, value_size: 1KiB}}
streams:
  log: {platform: msk, machine: auto, partitions: 12, message_size: 1KiB, retention: 1d}
clusters:
  main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 2, max: 9}}}}
manifests:
  aws:
    subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1, subnet-0123456789abcdef2]
    execution_role: arn:aws:iam::123456789012:role/tasks
"""
STEP_S, HOURS = 30, 2
WARM_UP = 3600 // STEP_S
"""Samples before the two hours, so that all windows are full."""

SAMPLES = WARM_UP + HOURS * 3600 // STEP_S


class Exporters:
    """What exporters report at a multiple of a plan's peak, in samples by series.

    Requests arrive at random. Half as many fail as may. The p95 is exactly what the SLO allows.
    """

    def __init__(self, site, load, seed=1):
        self.site, self.load = site, load
        self.draw = np.random.default_rng(seed)
        self.series = {}
        for service in site.services.values():
            self.service(service)
        for name, database in site.plan.databases.items():
            self.database(name, database.engine)
        for name, cache in site.plan.caches.items():
            self.cache(name, cache)
        for name in site.plan.streams:
            self.store(name, kafka_brokers=3, kafka_consumergroup_lag_sum=self.draw.poisson(500, SAMPLES))
        self.report(f'{site.manifests.metrics.cost_per_day}{{plan="{site.name}"}}', site.usd_per_day)

    def report(self, series, values):
        self.series[series] = np.broadcast_to(values, SAMPLES)

    def at_random(self, rate):
        return np.cumsum(self.draw.poisson(max(float(rate), 0.0) * STEP_S, SAMPLES))

    def service(self, service):
        site, names, rate = self.site, self.site.manifests.metrics, self.load * service.peak_rps
        failing = number(site.manifests.alerts.error_rate) / 2
        for status, share in (("200", 1 - failing), ("500", failing)):
            labels = matcher(site, service.name, f'{names.status_label}="{status}"')
            self.report(names.requests + labels, self.at_random(rate * share))
        self.histogram(service.name, names.latency, service.spec.slo.p95, rate)
        if service.spec.queue is not None:
            self.report(names.queue + matcher(site, service.name), self.draw.poisson(service.peak, SAMPLES))
        if service.name in site.plan.llm:
            self.model(service.name, site.plan.llm[service.name].slo, rate)
        if service.name in site.pods:
            keda = "keda-hpa-" if service.workload.autoscaler.kind == "keda" else ""
            labels = f'namespace="{site.namespace}", horizontalpodautoscaler="{keda}{service.name}"'
            wanted, hpa = math.ceil(self.load * service.peak), "kube_horizontalpodautoscaler_status_"
            self.report(f"{hpa}current_replicas{{{labels}}}", min(wanted, service.hi))
            state = 'condition="ScalingLimited", status="true"'
            self.report(f"{hpa}condition{{{labels}, {state}}}", int(wanted > service.hi))

    def histogram(self, name, metric, slo, rate):
        mean = number(0.1 if slo is None else slo) / math.log(20)
        bounds = sorted({0.0, *BUCKETS_S, number(0.1 if slo is None else slo)})
        shares = np.diff([*(1 - np.exp(-np.array(bounds) / mean)), 1.0])
        counts = np.cumsum([self.at_random(rate * share) for share in shares], axis=0)
        for bound, count in zip([*map(str, bounds[1:]), "+Inf"], counts, strict=True):
            self.report(f"{metric}_bucket" + matcher(self.site, name, f'le="{bound}"'), count)
        self.report(f"{metric}_count" + matcher(self.site, name), counts[-1])

    def model(self, name, slo, rate):
        own, tokens = matcher(self.site, name), self.at_random(100 * rate)
        self.histogram(name, "vllm:time_to_first_token_seconds", slo.ttft, rate)
        self.report(f"vllm:inter_token_latency_seconds_count{own}", tokens)
        self.report(f"vllm:inter_token_latency_seconds_sum{own}", tokens * 0.9 * number(slo.tpot or 1.0))
        self.report(f"vllm:kv_cache_usage_perc{own}", 0.8)

    def store(self, name, **figures):
        label = self.site.manifests.metrics.service_label
        for metric, values in figures.items():
            self.report(f'{metric}{{{label}="{name}", instance="a"}}', values)

    def database(self, name, engine):
        used = self.draw.poisson(60, SAMPLES)
        if engine == "mysql":
            status, variables = (
                "mysql_global_status_threads_connected",
                "mysql_global_variables_max_connections",
            )
            self.store(name, mysql_up=1, **{status: used, variables: 100})
            return
        behind = self.draw.poisson(1e6, SAMPLES)
        self.store(name, pg_up=1, pg_settings_max_connections=100, pg_stat_database_numbackends=used)
        self.store(name, pg_stat_replication_pg_wal_lsn_diff=behind)
        self.store(f"{name}-pgbouncer", pgbouncer_up=1, pgbouncer_pools_client_maxwait_seconds=0)

    def cache(self, name, cache):
        # What a plan does not say of new keys, its alerts do not ask for.
        new, rps = cache.content.new_keys or 0.0, self.load * number(self.site.components[name].peak_rps)
        hits, misses = (self.at_random(rps * share) for share in (1 - new, new))
        self.store(name, redis_up=1, redis_keyspace_hits_total=hits, redis_keyspace_misses_total=misses)
        self.store(name, redis_memory_used_bytes=7e8, redis_memory_max_bytes=1e9, redis_evicted_keys_total=0)
        self.store(name, redis_connected_clients=50, redis_config_maxclients=1000)
        self.store(name, redis_connected_slave_lag_seconds=1)


def site():
    """Return the plan as figures."""
    return Site(estimate(plan_of(PLAN), SHIPPED))


def rules_of(site, directory):
    """Write the rules of a plan, and return their path."""
    files = {item.path: item for item in as_planned(site) if item.path.startswith("prometheus/")}
    write(files, directory)
    (path,) = (directory / path for path in files if path.endswith(".rules.yaml"))
    return path


def run(*command):
    """Return what a program says, or fail with it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def fired(site, series, directory):
    """Return the alerts that fire in promtool's Prometheus within the two hours, with their components."""
    rules = rules_of(site, directory)
    asked = {
        "expr": f'count by (alertname, component) (last_over_time(ALERTS{{alertstate="firing"}}[{HOURS}h]))',
        "eval_time": f"{SAMPLES * STEP_S // 60 - 1}m",
        # No rule has such a label, so promtool tells what it got.
        "exp_samples": [{"labels": '{alertname="none"}', "value": 1}],
    }
    test = {
        "interval": f"{STEP_S}s",
        "input_series": [
            {"series": name, "values": " ".join(map(repr, values.tolist()))}
            for name, values in series.items()
        ],
        "promql_expr_test": [asked],
    }
    played = {"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]}
    path = rules.with_name("played.yaml")
    path.write_text(json.dumps(played), encoding="utf-8")
    got = run(tool("promtool"), "test", "rules", path)
    assert "got:" in got, got
    return set(re.findall(r'alertname="(\w+)", component="([\w-]+)"', got.partition("got:")[2]))


ABOVE = {("LoadAbovePlan", "front"), ("LoadAbovePlan", "orders"), ("LoadAbovePlan", "jobs")}


@pytest.mark.parametrize(("load", "alerts"), [(1.0, set()), (1.5, ABOVE)])
def test_alerts_are_silent_at_the_planned_load_and_fire_at_half_as_much_again(load, alerts, tmp_path):
    plan = site()
    assert fired(plan, Exporters(plan, load).series, tmp_path) == alerts


@pytest.mark.parametrize("name", ["llm-observatory", "llm-serving"])
def test_the_alerts_of_examples_are_silent_at_the_planned_load(name, tmp_path):
    plan = site_of(name)
    assert fired(plan, Exporters(plan, 1.0).series, tmp_path) == set()


def test_what_reports_nothing_is_alerted_on(tmp_path):
    services = {("NoMetrics", name) for name in ("front", "orders", "jobs")}
    stores = {("StoreDown", name) for name in ("store", "cache", "log")}
    assert fired(site(), {}, tmp_path) == services | stores


@pytest.mark.parametrize(("failing", "alerts"), [(3, set()), (20, {("HighErrorRate", "orders")})])
def test_a_few_failures_are_no_alert(failing, alerts, tmp_path):
    plan = site()
    series = dict(Exporters(plan, 1.0).series)
    errors = np.arange(SAMPLES) // 8 * failing
    for name, values in series.items():
        if "requests_total" in name and '"orders"' in name:
            series[name] = errors if '"500"' in name else np.zeros_like(values)
    assert fired(plan, series, tmp_path) == alerts


class Prometheus:
    """A real Prometheus on series that were written before."""

    def __init__(self, series, rules, directory):
        self.end = int(time.time()) // 60 * 60
        moments = self.end - STEP_S * np.arange(SAMPLES)[::-1]
        text = directory / "series.txt"
        with text.open("w", encoding="utf-8") as file:
            for name in sorted(series):
                own = name.replace('", ', '",')
                file.writelines(f"{own} {v} {t}\n" for v, t in zip(series[name], moments, strict=True))
            file.write("# EOF\n")
        run(tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, directory / "data")
        configuration = directory / "prometheus.yml"
        configuration.write_text(json.dumps({"rule_files": [str(rules)]}), encoding="utf-8")
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        options = {"config.file": configuration, "storage.tsdb.path": directory / "data"}
        options["web.listen-address"] = self.address
        command = [tool("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def ask(self, path, **parameters):
        """Return the answer of an API call, once it is ready."""
        body = urllib.parse.urlencode(parameters).encode() if parameters else None
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}", body) as answer:
                    return json.load(answer)["data"]
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Prometheus does not answer")

    def fires(self, rule):
        """Say whether an alert's expression holds for as long as it must within the two hours."""
        start = self.end - HOURS * 3600
        found = self.ask("query_range", query=rule["query"], start=start, end=self.end, step=60)["result"]
        longest = count = 0
        holds = {int(moment) for one in found for moment, _ in one["values"]}
        for moment in range(start, self.end + 1, 60):
            count = count + 1 if moment in holds else 0
            longest = max(longest, count)
        return (longest - 1) * 60 >= rule["duration"]


@pytest.mark.parametrize(("load", "alerts"), [(1.0, set()), (1.5, ABOVE)])
def test_a_real_prometheus_agrees(load, alerts, tmp_path):
    plan = site()
    prometheus = Prometheus(Exporters(plan, load, seed=2).series, rules_of(plan, tmp_path), tmp_path)
    try:
        groups = prometheus.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"] if rule["type"] == "alerting"]
        assert len(rules) > 15
        firing = {(rule["name"], rule["labels"]["component"]) for rule in rules if prometheus.fires(rule)}
    finally:
        prometheus.process.terminate()
        prometheus.process.wait()
    assert firing == alerts
