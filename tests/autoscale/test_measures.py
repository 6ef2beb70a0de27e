"""What autoscalers see: windows of queries, whatever the tick, and as Prometheus evaluates them."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
from autoscale.worlds import metrics, run, service, traffic
from helpers import SHIPPED, plan_of
from rendering import rendered, tool

from capplan.autoscale import signals as s
from capplan.autoscale.compiled import COMPILED, reals
from capplan.autoscale.loop import HPA, KEDA, RHO_STEPS
from capplan.autoscale.measures import BUCKETS_S, QueryWindow, window_of
from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare

PLAN = """
    name: shop
    regions: {gcp: us-central1}
    demand: {requests_per_second: 60, profile: flat}
    services:
      web:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        service_time: 40ms
        cpu_time: 20ms
        concurrency: 20
        instances: {min: 2, max: 40}
        slo: {p95: 300ms}
        workload: {autoscaler: {kind: keda, triggers: {requests: 15, latency: 0.3, cpu: 70}}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 30}}}}
"""


@pytest.mark.parametrize(
    ("promql", "range_s", "quantile"),
    [
        ("sum(rate(a_total[2m]))", 120, 0.95),
        ("sum(a)", 0, 0.95),
        ("sum(rate(a_total[1m])) + sum(rate(b_total[1h30m]))", 5400, 0.95),
        ("histogram_quantile(0.99, sum by (le) (rate(a_bucket[90s])))", 90, 0.99),
        ("histogram_quantile( .5, rate(a_bucket[5m]))", 300, 0.5),
        ("max_over_time(sum(a)[10m:30s])", 600, 0.95),
        ("sum(rate(a{path=~\"/x[2d]\", q='\\'[3d]'}[30s]))", 30, 0.95),
        ("sum(rate(a{path=~`[1w]`}[500ms]))", 0.5, 0.95),
    ],
)
def test_the_window_of_a_query(promql, range_s, quantile):
    assert window_of(promql) == QueryWindow(range_s, quantile)


def test_windows_are_those_of_the_queries_that_are_rendered():
    scaled = rendered(PLAN)["kubernetes/components/keda/scaledobject-web.yaml"].value["spec"]
    asked = [window_of(trigger["metadata"].get("query", "")).range_s for trigger in scaled["triggers"]]
    found = prepare(plan_of(PLAN), SHIPPED, Settings(days=0.1)).subjects[0].simulated.scaler.metrics
    assert list(found.windows_s)[:2] == asked[:2] == [120, 300]
    assert found.windows_s[2] == 15, "of metrics-server"


def test_a_query_of_the_plan_has_a_window_of_its_own():
    own = "{threshold: 15, query: 'sum(rate(orders_total[30s]))'}"
    text = PLAN.replace("requests: 15", f"requests: {own}")
    found = prepare(plan_of(text), SHIPPED, Settings(days=0.1)).subjects[0].simulated.scaler.metrics
    assert found.windows_s[0] == 30


def test_prometheus_adapter_asks_the_same():
    text = PLAN.replace("kind: keda, ", "")
    values = rendered(text)["helm/prometheus-adapter.values.yaml"].value["rules"]
    asked = [window_of(rule["metricsQuery"]).range_s for rule in (*values["custom"], *values["external"])]
    assert asked == [120, 300]


@pytest.mark.parametrize("measure", [s.CPU, s.REQUESTS])
@pytest.mark.parametrize("window_s", [15.0, 120.0])
def test_a_measure_does_not_depend_on_the_tick(measure, window_s):
    """The load changes every 15 s, so a tick of 15 s and 15 ticks of 1 s are the same load."""
    load_rps = np.random.default_rng(5).integers(1, 90, 60).astype(float)
    seen = {}
    for tick_s in (1.0, 5.0, 15.0):
        made = service(low=10, high=10, initial=10, traffic=traffic(tick_s=tick_s))
        timeline = run(made, np.repeat(load_rps * tick_s, int(15 / tick_s)))
        asked = metrics((measure, s.ON_PODS, 70), window_s=window_s)
        use = made.use._replace(lag_ticks=round(15 / tick_s))
        seen[tick_s] = [
            s.level(asked, 0, timeline, s.histogram(asked, 0, tick_s), use, int(at_s / tick_s), tick_s)
            for at_s in range(150, 900, 15)
        ]
    assert seen[1.0] == pytest.approx(seen[15.0])
    assert seen[5.0] == pytest.approx(seen[15.0])


def test_keda_sees_a_step_of_the_load_as_the_mean_of_two_minutes():
    """From 20 to 60 requests/s at 10 an instance: one more every other tick, not four more at once.

    The ninth look sees 55 requests/s, which is within the tolerance of what five instances carry.
    """
    asked = metrics((s.REQUESTS, s.ON_AVERAGE, 10_000), window_s=120.0)
    made = service(KEDA, low=1, high=20, initial=2, measures=asked)
    made = made._replace(use=made.use._replace(lag_ticks=0))
    wanted = run(made, [20.0 * 15] * 40 + [60.0 * 15] * 20).wanted
    assert wanted[39:50].tolist() == [2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6]


def test_the_cpu_of_an_hpa_is_the_same_in_short_ticks():
    """Ticks of 1 s have noise that the 15 s of metrics-server take out."""
    instances = {}
    for tick_s in (1.0, 15.0):
        asked = metrics((s.CPU, s.ON_PODS, 70), window_s=15.0)
        made = service(HPA, low=1, high=50, initial=15, measures=asked, traffic=traffic(tick_s=tick_s))
        made = made._replace(use=made.use._replace(lag_ticks=round(15 / tick_s)))
        arrivals = np.random.default_rng(1).poisson(100 * tick_s, int(7200 / tick_s))
        instances[tick_s] = run(made, arrivals).wanted.mean()
    assert instances[1.0] == pytest.approx(instances[15.0], rel=0.02)


def test_the_cost_of_a_plan_is_the_same_in_short_ticks():
    from capplan.autoscale.simulation import run as simulated

    cost = [
        simulated(prepare(plan_of(PLAN), SHIPPED, Settings(days=0.1, tick_s=tick_s))).costs.simulated.total
        for tick_s in (1.0, 15.0)
    ]
    assert cost[0] == pytest.approx(cost[1], rel=0.05)


TICK_S, TICKS, LAG_TICKS = 15, 80, 1
LABELS = '{namespace="shop",service="web",pod="%s"%s}'


@pytest.fixture(scope="module")
def overloaded():
    """Return what happens to a load that comes and goes, and overloads the instances for a while."""
    load_rps = 30 + 45 * np.sin(np.arange(TICKS) / 9) ** 2
    made = service(HPA, low=7, high=7, initial=7, traffic=traffic(timeout_s=20.0))
    own_s = np.linspace(0.12, 0.9, RHO_STEPS)
    return run(made._replace(p95_s=reals(own_s.tolist())), load_rps * TICK_S)


@pytest.fixture(scope="module")
def prometheus(overloaded, tmp_path_factory):
    """Return a function that asks a Prometheus which holds that load, or skip where there is none."""
    program, promtool = tool("prometheus"), tool("promtool")
    place = tmp_path_factory.mktemp("prometheus")
    (place / "load.txt").write_text("\n".join([*_exposed(overloaded), "# EOF", ""]))
    made = [promtool, "tsdb", "create-blocks-from", "openmetrics", "load.txt", "data"]
    subprocess.run(made, cwd=place, check=True, capture_output=True)
    (place / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = {
        "config.file": "prometheus.yml",
        "storage.tsdb.path": "data",
        "storage.tsdb.retention.time": "100y",
        "web.listen-address": address,
    }
    command = [program, *(f"--{name}={value}" for name, value in options.items())]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://{address}/-/ready", server)
            yield lambda promql: _answer(address, promql)
        finally:
            server.terminate()


def _exposed(timeline):
    """Yield counters of two pods, second by second, and the buckets of the time that requests took."""
    seconds = np.arange(1, TICK_S + 1) / TICK_S
    came = np.concatenate(
        [[0.0], (timeline.arrivals[:, None] * seconds + _before(timeline.arrivals)).ravel()]
    )
    yield "# TYPE http_requests counter"
    for pod, share in (("a", 0.3), ("b", 0.7)):
        for second, value in enumerate(came * share):
            yield f"http_requests_total{LABELS % (pod, '')} {float(value)!r} {_START_S + second}"
    own_s = timeline.p95_s - timeline.wait_s
    yield "# TYPE http_request_duration_seconds histogram"
    for bound_s in (*BUCKETS_S, np.inf):
        beyond_s = bound_s - timeline.wait_s
        share = np.where(beyond_s < 0, 0.0, 1 - 0.05 ** (np.maximum(beyond_s, 0) / own_s))
        done = timeline.worked * share
        counted = np.concatenate([[0.0], (done[:, None] * seconds + _before(done)).ravel()])
        bound = "+Inf" if np.isinf(bound_s) else f"{bound_s:g}"
        label = LABELS % ("a", f',le="{bound}"')
        for second, value in enumerate(counted):
            yield f"http_request_duration_seconds_bucket{label} {float(value)!r} {_START_S + second}"


_START_S = 1_700_000_000


def _before(values):
    return (np.cumsum(values) - values)[:, None]


def _wait(url, server):
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, "Prometheus has stopped"
            time.sleep(0.1)
    raise AssertionError("Prometheus does not get ready")


def _answer(address, promql):
    """Return the value at the beginning of every tick but the first, NaN where there is none."""
    asked = urllib.parse.urlencode(
        {"query": promql, "start": _START_S + TICK_S, "end": _START_S + TICKS * TICK_S, "step": TICK_S}
    )
    with urllib.request.urlopen(f"http://{address}/api/v1/query_range?{asked}", timeout=60) as response:
        [series] = json.load(response)["data"]["result"]
    found = {int(at) - _START_S: float(value) for at, value in series["values"]}
    return np.array([found.get(tick * TICK_S, np.nan) for tick in range(1, TICKS + 1)])


@pytest.mark.parametrize("index", [0, 1])
def test_the_loop_sees_what_prometheus_answers(prometheus, overloaded, index):
    """From the sixth minute on, both ranges are full. Half a per cent is for other versions' open ranges."""
    scaled = rendered(PLAN)["kubernetes/components/keda/scaledobject-web.yaml"].value["spec"]
    answered = prometheus(scaled["triggers"][index]["metadata"]["query"])
    simulated = prepare(plan_of(PLAN), SHIPPED, Settings(days=0.1)).subjects[0].simulated
    asked, use = simulated.scaler.metrics, simulated.use._replace(lag_ticks=LAG_TICKS)
    histogram = s.histogram(asked, LAG_TICKS, TICK_S)
    timeline = overloaded
    if not COMPILED:
        timeline = overloaded._replace(
            **{name: list(column) for name, column in overloaded._asdict().items()}
        )
    seen = []
    for tick in range(TICKS):
        seen.append(
            s.level(asked, index, timeline, histogram, use, tick, TICK_S) if tick > LAG_TICKS else 0.0
        )
        s.observe(histogram, tick, timeline.worked[tick], timeline.wait_s[tick], timeline.p95_s[tick])
    compared = slice(24, TICKS - LAG_TICKS - 1)
    aged = np.array(seen)[LAG_TICKS + 1 :]
    assert aged[compared] == pytest.approx(answered[: len(aged)][compared], rel=0.005)
    assert np.ptp(aged[compared]) > 0.5 * aged[compared].mean(), "a load that comes and goes"
