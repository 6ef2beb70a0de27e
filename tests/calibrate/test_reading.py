"""What is read of every format: real reports of tools, and small ones of tools that are not at hand."""

# ruff: noqa: E501  (lines of logs and reports are long)

from __future__ import annotations

import contextlib
import json
import random
import re
from pathlib import Path

import pytest

from capplan.calibrate.learn import learned
from capplan.calibrate.reading import read_evidence
from capplan.errors import InputError

RUNS = Path(__file__).parent / "runs"
REAL = [
    ("ab.txt", "ab", 147.5, 27, 1184, 4, "closed"),
    ("ab.tsv", "ab", 49.1, 20.3, None, 1, "closed"),
    ("hey.txt", "hey", 162.3, 24.4, 1308, 3.96, "closed"),
    ("hey.csv", "hey", 192.8, 20.9, 299, 4.02, "closed"),
    ("wrk2.txt", "wrk2", 100.6, 26.28, 2012, 32, "even"),
    ("siege.json", "siege", 186.8, 21.3, 1311, 3.98, "closed"),
    ("autocannon.json", "autocannon", 177.7, 21.9, 1425, 4, "closed"),
    ("autocannon.txt", "autocannon", 161.4, 49.3, 1000, 8, "closed"),
    ("locust_stats.csv", "locust", 107.7, 20.9, 972, None, "unknown"),
    ("locust.json", "locust", 135.2, 45.8, 5428, None, "unknown"),
    ("locust.txt", "locust", 138.4, 44, 5573, 8, "closed"),
    ("artillery.json", "artillery", 49.9, 35.6, 600, None, "random"),
]
K6 = {
    "http_reqs": {"count": 962, "rate": 190.6},
    "iterations": {"count": 962},
    "http_req_failed": {"value": 0},
}
K6 |= {
    "http_req_duration": {"avg": 41.5, "med": 38.1, "p(95)": 72.7, "max": 140},
    "iteration_duration": {"avg": 41.7},
}
K6 |= {"vus": {"min": 8, "max": 8}, "vus_max": {"max": 8}}
OHA = {
    "summary": {"successRate": 1.0, "total": 5.0, "requestsPerSec": 198.0, "average": 0.0404, "slowest": 0.15}
}
OHA |= {
    "latencyPercentiles": {"p50": 0.037, "p95": 0.072, "p99": 0.1},
    "statusCodeDistribution": {"200": 990},
}
VEGETA = {
    "latencies": {"mean": 21e6, "50th": 18e6, "95th": 48e6, "99th": 71e6, "max": 9e7},
    "duration": 10**10,
}
VEGETA |= {"requests": 1000, "rate": 100.0, "throughput": 99.9, "success": 1, "status_codes": {"200": 1000}}
OHA_TEXT = """\
Summary:
  Success rate:\t99.00%
  Total:\t5.0000 secs
  Slowest:\t0.1500 secs
  Average:\t0.0404 secs
  Requests/sec:\t198.0000

Response time distribution:
  50.00% in 0.0370 secs
  95.00% in 0.0720 secs

Status code distribution:
  [200] 980 responses
  [503] 10 responses
"""
VEGETA_TEXT = """\
Requests      [total, rate, throughput]         1000, 100.00, 99.90
Duration      [total, attack, wait]             10.01s, 10s, 10.2ms
Latencies     [min, mean, 50, 90, 95, 99, max]  2.1ms, 21ms, 18ms, 40ms, 48ms, 71.5ms, 1m2.5s
Success       [ratio]                           100.00%
Status Codes  [code:count]                      200:1000
"""
K6_TEXT = """\
    http_req_duration..............: avg=41.5ms min=4.3ms med=38.1ms max=140ms p(90)=63ms p(95)=72.7ms
      { expected_response:true }...: avg=41.5ms min=4.3ms med=38.1ms max=140ms p(90)=63ms p(95)=72.7ms
    http_req_failed................: 0.00%  0 out of 962
    http_reqs......................: 962    190.6/s
    iteration_duration.............: avg=41.7ms min=4.4ms med=38.2ms max=140ms
    iterations.....................: 962    190.6/s
    vus............................: 8      min=8        max=8
    vus_max........................: 8      min=8        max=8
"""
SIEGE_TEXT = """\
Transactions:\t\t         575 hits
Elapsed time:\t\t        3.23 secs
Response time:\t\t        0.02 secs
Transaction rate:\t      178.02 trans/sec
Concurrency:\t\t        3.98
Failed transactions:\t           0
"""
NEW_K6 = {
    "config": {"duration": 5.05},
    "results": {"metrics": [{"name": name, "values": values} for name, values in K6.items()]},
}
JTL = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect"
SECONDS = range(400)


def jtl_row(i: int, label: str = "work") -> str:
    return f'{1795230508000 + 25 * i},20,"{label}",200,OK,tg 1-1,text,true,,124,76,2,2,http://x/,19,0,0'


def access(rest: str, when: str = "30/Nov/2026:10:00:%02d +0000") -> str:
    return "\n".join(f'10.0.0.1 - - [{when % (i // 40)}] "GET /a HTTP/1.1" 200 {rest}' for i in SECONDS)


def point(i: int, metric: str, value: float) -> str:
    data = {"time": f"2026-11-30T10:00:{i // 40:02}.{i % 40 * 25:03}123456Z", "value": value}
    tags = {"expected_response": "true", "status": "200"}
    return json.dumps(
        {"metric": metric, "type": "Point", "data": data | {"tags": tags}}, separators=(",", ":")
    )


SMALL = [
    (json.dumps({"metrics": K6}), "k6", 190.6, 41.5, 962, 8, "closed"),
    (json.dumps({"metrics": {n: {"values": v} for n, v in K6.items()}, "state": {"testRunDurationMs": 5046}}), "k6", 190.6, 41.5, 962, 8, "closed"),
    (json.dumps(NEW_K6), "k6", 190.6, 41.5, 962, 8, "closed"),
    (K6_TEXT, "k6", 190.6, 41.5, 962, 8, "closed"),
    (json.dumps(OHA), "oha", 198, 40.4, 990, 8, "closed"),
    (OHA_TEXT, "oha", 196, 40.4, 990, 7.92, "closed"),
    (json.dumps(VEGETA), "vegeta", 99.9, 21, 1000, None, "even"),
    (VEGETA_TEXT, "vegeta", 99.9, 21, 1000, None, "even"),
    (SIEGE_TEXT, "siege", 178, 22.36, 575, 3.98, "closed"),
    ("\n".join([JTL, *map(jtl_row, SECONDS)]), "jmeter", 40, 20, 400, 2, "closed"),
    ("\n".join([JTL.replace(",", ";"), *(jtl_row(i).replace(",", ";") for i in SECONDS)]), "jmeter", 40, 20, 400, 2, "closed"),
    ("\n".join(jtl_row(i, "a, b") for i in SECONDS), "jmeter", 40, 20, 400, 2, "closed"),
    ("\n".join(f'<httpSample t="20" lt="19" ts="{1795230508000 + 25 * i}" s="true" rc="200" na="2"/>' for i in SECONDS), "jmeter", 40, 20, 400, 2, "closed"),
    ("\n".join(f'<sample t="20" ts="{1795230508000 + 25 * i}" s="true"/>' for i in SECONDS), "jmeter", 40, 20, 400, None, "unknown"),
    ("\n".join(f'{{"attack":"","seq":{i},"code":200,"timestamp":"2026-11-30T10:00:{i // 40:02}.{i % 40 * 25:03}+01:00","latency":20000000}}' for i in SECONDS), "vegeta", 40, 20, 400, None, "even"),
    ("\n".join(f"{1795230508000000000 + 25000000 * i},200,20000000,0,30,,,,{i},GET,http://x/," for i in SECONDS), "vegeta", 40, 20, 400, None, "even"),
    ("\n".join(point(i, m, v) for i in SECONDS for m, v in (("http_reqs", 1), ("http_req_duration", 20), ("vus", 2))), "k6", 40, 20, 400, 2, "closed"),
    ("metric_name,timestamp,metric_value,status,group\n" + "\n".join(f"{m},{1795230508 + i // 40},{v},200," for i in SECONDS for m, v in (("http_reqs", 1), ("http_req_duration", 20), ("vus", 2))), "k6", 40, 20, 320, 2, "closed"),
    (access('512 "-" "curl" 0.020 0.019 .'), "nginx", 40, 20, 320, None, "unknown"),
    (access('512 "-" "curl" rt=0.020 urt="0.019"'), "nginx", 40, 20, 320, None, "unknown"),
    (access("512 0.020"), "nginx", 40, 20, 320, None, "unknown"),
    (access("512 20000"), "apache", 40, 20, 320, None, "unknown"),
    (access('- 0 12 20 19 "-" "curl" "id" "web" "10.0.0.2:80"', "2026-11-30T10:00:%02d.123Z"), "envoy", 44.4, 20, 400, None, "unknown"),
    ("\n".join(json.dumps({"time_iso8601": f"2026-11-30T10:00:{i // 40:02}+00:00", "status": 200, "request_time": "0.020"}) for i in SECONDS), "nginx", 40, 20, 320, None, "unknown"),
    ("\n".join(json.dumps({"start_time": f"2026-11-30T10:00:{i // 40:02}.5Z", "response_code": 200, "duration": 20}) for i in SECONDS), "envoy", 44.4, 20, 400, None, "unknown"),
    ("users,tps\n8,40\n", "table", 40, None, None, 8, "closed"),
]  # fmt: skip


def check(
    path: Path,
    tool: str,
    rate: float,
    ms: float | None,
    requests: float | None,
    clients: float | None,
    arrivals: str,
) -> None:
    runs = read_evidence([str(path)]).runs
    assert len(runs) == 1
    (run,) = runs
    assert (run.tool, run.arrivals) == (tool, arrivals)
    assert run.rate == pytest.approx(rate, rel=0.03)
    assert run.mean_s == (None if ms is None else pytest.approx(ms / 1000, rel=0.02))
    assert requests is None or run.requests == pytest.approx(requests, rel=0.01)
    assert run.clients == (None if clients is None else pytest.approx(clients, rel=0.03))


@pytest.mark.parametrize("row", REAL, ids=lambda row: row[0])
def test_reports_of_real_tools(row: tuple) -> None:
    check(RUNS / row[0], *row[1:])


@pytest.mark.parametrize("number", range(len(SMALL)))
def test_small_reports(tmp_path: Path, number: int) -> None:
    (tmp_path / "result").write_text(SMALL[number][0], encoding="utf-8")
    check(tmp_path / "result", *SMALL[number][1:])


def test_percentiles_and_errors(tmp_path: Path) -> None:
    (tmp_path / "oha").write_text(OHA_TEXT)
    (run,) = read_evidence([str(tmp_path / "oha")]).runs
    assert run.quantiles == {0.5: 0.037, 0.95: 0.072}
    assert run.failed == pytest.approx(9.9)
    assert run.rejected == 10
    (tmp_path / "vegeta").write_text(VEGETA_TEXT)
    (run,) = read_evidence([str(tmp_path / "vegeta")]).runs
    assert run.quantiles[0.99] == pytest.approx(0.0715)
    assert (run.max_s, run.offered) == (62.5, 100)


def test_levels_of_a_step_test() -> None:
    runs = read_evidence([str(RUNS / "step_stats_history.csv")]).runs
    assert [run.clients for run in runs] == [1, 2, 4, 8, 16]
    assert runs[3].rate == pytest.approx(178, rel=0.01)


def test_a_warm_up_is_left_out(tmp_path: Path) -> None:
    rows = (f"{0.3 if i < 80 else 0.02},0,0,0,0,0,200,{i / 40}" for i in SECONDS)
    (tmp_path / "hey").write_text(
        "\n".join(
            [
                "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset",
                *rows,
            ]
        )
    )
    (run,) = read_evidence([str(tmp_path / "hey")]).runs
    assert run.mean_s == pytest.approx(0.02)
    assert [finding.code for finding in run.said] == ["warm-up"]


NOTHING = [
    ("Usage: wrk <options> <url>\n", "Usage: wrk"),
    ("This is ApacheBench, Version 2.3\napr_socket_recv: Connection refused (111)\n", "Connection refused"),
    ("Method,Name,Error,Occurrences,First Seen,Last Seen\n", "failures of Locust"),
    ("  Value(ms)  Percentile  TotalCount  1/(1-Percentile)\n", "histogram"),
    ('{"status":"error","errorType":"bad_data","error":"parse error"}', "refused the query: parse error"),
    ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "no samples"),
    ("", "empty"),
]


@pytest.mark.parametrize(("text", "said"), NOTHING)
def test_what_is_no_result_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "result").write_text(text)
    found = learned(read_evidence([str(tmp_path / "result")]))
    assert [finding.code for finding in found.refused] == ["no-figures"]
    assert said in found.refused[0].message


@pytest.mark.parametrize("text", ["hello\n", '{"a": 1}', "a,b\n1,2\n"])
def test_unknown_formats_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "result").write_text(text)
    with pytest.raises(InputError, match="not a format that capplan knows"):
        read_evidence([str(tmp_path / "result")])


@pytest.mark.parametrize("seed", range(4))
def test_damaged_results_are_an_error_or_a_refusal(tmp_path: Path, seed: int) -> None:
    """Numbers that no test has, cut and torn files: never anything but a message."""
    rng = random.Random(seed)
    for text, *_ in SMALL:
        number = rng.choice(list(re.finditer(r"\d+(?:\.\d+)?", text)))
        other = rng.choice(("0", "-1", "9" * 400, "1e30", "NaN", "", "null", '"x"', "1.2.3"))
        damaged = text[: number.start()] + other + text[number.end() :]
        (tmp_path / "result").write_text(damaged[: rng.randrange(len(damaged) // 2, len(damaged))])
        with contextlib.suppress(InputError):
            learned(read_evidence([str(tmp_path / "result")]))


def minutes(metric: str, *values: float) -> str:
    samples = [[60 * i, str(value)] for i, value in enumerate(values)]
    result = [{"metric": {"__name__": metric, "pod": pod}, "values": samples} for pod in ("a", "b")]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


CLOUDWATCH = {
    "MetricDataResults": [
        {
            "Id": "n",
            "Label": "RequestCount Sum",
            "Timestamps": [f"2026-11-30T00:{5 * i:02}:00+00:00" for i in (3, 2, 1, 0)],
            "Values": [60000, 30000, 15000, 3000],
        },
        {
            "Id": "c",
            "Label": "CPUUtilization",
            "Timestamps": [f"2026-11-30T00:{5 * i:02}:00+00:00" for i in range(4)],
            "Values": [6, 15, 25, 45],
        },
    ]
}
GOOGLE = {
    "timeSeries": [
        {
            "metric": {"type": kind},
            "metricKind": "DELTA",
            "points": [
                {
                    "interval": {
                        "startTime": f"2026-11-30T00:{i:02}:00Z",
                        "endTime": f"2026-11-30T00:{i + 1:02}:00Z",
                    },
                    "value": {key: value},
                }
                for i, value in reversed(list(enumerate(values)))
            ],
        }
        for kind, key, values in (
            ("run.googleapis.com/request_count", "int64Value", ("600", "3000", "6000", "12000")),
            ("compute.googleapis.com/instance/cpu/usage_time", "doubleValue", (8.4, 18, 30, 54)),
        )
    ]
}


def test_cpu_of_a_request_with_the_idle_share(tmp_path: Path) -> None:
    (tmp_path / "requests.json").write_text(minutes("http_requests_total", 0, 600, 3600, 9600, 21600))
    (tmp_path / "cpu.json").write_text(
        minutes("container_cpu_usage_seconds_total", 0, 8.4, 26.4, 56.4, 110.4)
    )
    (tmp_path / "cloudwatch.json").write_text(json.dumps(CLOUDWATCH))
    (tmp_path / "google.json").write_text(json.dumps(GOOGLE))
    for files, cores in (
        (("requests.json", "cpu.json"), None),
        (("cloudwatch.json",), 2.0),
        (("google.json",), None),
    ):
        evidence = read_evidence([str(tmp_path / name) for name in files])
        found = learned(evidence, cores=cores).figures["cpu_time_s"]
        assert found is not None
        assert found.value == pytest.approx(0.004, rel=0.05)
    unsaid = learned(read_evidence([str(tmp_path / "cloudwatch.json")]))
    assert unsaid.figures["cpu_time_s"] is None
    assert [finding.code for finding in unsaid.refused] == ["no-requests"]
