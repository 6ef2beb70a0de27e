"""What load tests and monitoring must not be believed about: every check, declared once.

An error leaves a run out, a warning does not.
"""

# ruff: noqa: E501  (results of tools have long lines)

from __future__ import annotations

from capplan.findings import Check

_SATURATED = """\
# file: a.json
{"connections": 1, "duration": 100, "requests": {"total": 5000}, "latency": {"average": 20, "stddev": 14, "max": 120}}
# file: b.json
{"connections": 2, "duration": 100, "requests": {"total": 10000}, "latency": {"average": 20, "stddev": 14, "max": 120}}
# file: c.json
{"connections": 4, "duration": 100, "requests": {"total": 20000}, "latency": {"average": 20, "stddev": 14, "max": 120}}
# file: d.json
{"connections": 8, "duration": 100, "requests": {"total": 20000}, "latency": {"average": 40, "stddev": 15, "max": 120}}
# file: e.json
{"connections": 16, "duration": 100, "requests": {"total": 20000}, "latency": {"average": 80, "stddev": 20, "max": 160}}
"""
"""Runs of a sound test, from one client to more than the service has places."""

WARM_UP = Check(
    code="warm-up",
    severity="warning",
    title="A test begins with a service that is still cold",
    why="Caches, connections and compilers warm up; means that include this say too little of a warm service.",
    breaks="""\
response-time,DNS+dialup,status-code,offset
0.9,0,200,0.5
0.9,0,200,1.5
0.1,0,200,2.5
0.1,0,200,3.5
0.1,0,200,4.5
0.1,0,200,5.5
0.1,0,200,6.5
0.1,0,200,7.5
0.1,0,200,8.5
0.1,0,200,9.5
0.1,0,200,10.5
0.1,0,200,11.5
""",
    near="""\
response-time,DNS+dialup,status-code,offset
0.1,0,200,0.5
0.1,0,200,1.5
0.1,0,200,2.5
0.1,0,200,3.5
0.1,0,200,4.5
0.1,0,200,5.5
0.1,0,200,6.5
0.1,0,200,7.5
0.1,0,200,8.5
0.1,0,200,9.5
0.1,0,200,10.5
0.1,0,200,11.5
""",
    remedy="Load the service for a minute before you measure.",
    source="the mean of each second against the median of the second half",
)
FAILED_REQUESTS = Check(
    code="failed-requests",
    severity="warning",
    title="Requests of a load test fail",
    why="Errors are often faster than answers, so they make the service look better than it is.",
    breaks='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}, "non2xx": 60}\n',
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}, "non2xx": 2}\n',
    remedy="Find the cause, and test again with at most 1 % of errors.",
    source="refused above 10 %",
)
REJECTED_REQUESTS = Check(
    code="rejected-requests",
    severity="error",
    title="Requests of a load test are rejected",
    why="A rate limit or a balancer answers for the service, at once.",
    breaks='{"requests": 1000, "rate": 100, "throughput": 60, "duration": 10000000000, "success": 0.6, "latencies": {"mean": 20000000}, "status_codes": {"200": 600, "429": 400}}\n',
    near='{"requests": 1000, "rate": 100, "throughput": 100, "duration": 10000000000, "success": 1, "latencies": {"mean": 20000000}, "status_codes": {"200": 1000}}\n',
    remedy="Take the limit away for the test, or calibrate the levels below it.",
    source="status codes 429 and 503",
)
TOO_FEW_REQUESTS = Check(
    code="too-few-requests",
    severity="warning",
    title="A figure rests on too few requests",
    why="The 99th percentile of 100 requests is one of them.",
    breaks='{"connections": 8, "duration": 1.5, "requests": {"total": 300}, "latency": {"average": 40, "stddev": 9, "max": 120, "p99": 90}}\n',
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120, "p99": 90}}\n',
    remedy="Test for longer: 1,000 requests for a p99.",
    source="fewer than 5 requests beyond a percentile, or 30 in all",
)
VARYING_LOAD = Check(
    code="varying-load",
    severity="error",
    title="The load changes during a run that is summed up",
    why="Means over a ramp belong to no level of load.",
    breaks='{"metrics": {"http_reqs": {"count": 800, "rate": 80}, "http_req_duration": {"avg": 20}, "vus": {"min": 1, "max": 20}, "vus_max": {"max": 20}}}\n',
    near='{"metrics": {"http_reqs": {"count": 800, "rate": 80}, "http_req_duration": {"avg": 100}, "vus": {"min": 8, "max": 8}, "vus_max": {"max": 8}}}\n',
    remedy="Give the requests themselves (such as k6 run --out json=FILE), or test each level on its own.",
    source="clients at the start and at the end",
)
SATURATED_GENERATOR = Check(
    code="saturated-generator",
    severity="error",
    title="The load generator is busier than the service",
    why="What it measures is itself.",
    breaks='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 20, "stddev": 9, "max": 120}}\n',
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}\n',
    remedy="Use more generators, or more processes of it, and keep its CPU below 80 %.",
    source="Little's law: clients without pauses are always in progress",
)
LITTLES_LAW = Check(
    code="littles-law",
    severity="error",
    title="A run contradicts Little's law",
    why="Throughput × response time must be the number of clients; where it is not, one of the three is wrong.",
    breaks='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 60, "stddev": 9, "max": 120}}\n',
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}\n',
    remedy="Check what the tool leaves out of its times, and test again.",
    source="Little (1961): N = X·(R + Z)",
)
COORDINATED_OMISSION = Check(
    code="coordinated-omission",
    severity="warning",
    title="Clients in a loop waited for a stall",
    why="The loop sends nothing while it waits, so its percentiles hide what users who do not wait would see.",
    breaks='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 3000, "p99": 90}}\n',
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120, "p99": 90}}\n',
    remedy="Send at a constant rate (wrk2 -R, k6 constant-arrival-rate, vegeta) to measure percentiles.",
    source="Tene: How NOT to Monitored Latency",
)
SAME_RUN = Check(
    code="same-run",
    severity="warning",
    title="Two files hold the same run",
    why="Counted twice, a run makes the result look more certain than it is.",
    breaks="""\
# file: a.json
{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}
# file: b.json
{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}
""",
    near="""\
# file: a.json
{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}
# file: b.json
{"connections": 16, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 80, "stddev": 9, "max": 120}}
""",
    remedy="Leave one of them out.",
    source="as many requests with the same mean",
)
SEVERAL_TARGETS = Check(
    code="several-targets",
    severity="warning",
    title="The runs ask for different paths",
    why="A mean over different requests fits none of them.",
    breaks="""\
# file: a.json
{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}, "url": "http://shop/cart"}
# file: b.json
{"connections": 16, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 80, "stddev": 9, "max": 120}, "url": "http://shop/search"}
""",
    near="""\
# file: a.json
{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}, "url": "http://shop/cart"}
# file: b.json
{"connections": 16, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 80, "stddev": 9, "max": 120}, "url": "http://shop/cart"}
""",
    remedy="Calibrate each path by itself.",
    source="the address that the tool prints",
)
CONTRADICTS_OTHERS = Check(
    code="contradicts-others",
    severity="error",
    title="A run does not fit the others",
    why="Another version, a warm-up, or a busy neighbour: as part of the fit it would move all figures.",
    breaks=_SATURATED.replace('20000}, "latency": {"average": 40', '10000}, "latency": {"average": 80'),
    near=_SATURATED,
    remedy="Repeat this level.",
    source="the largest residual, above 12 % and four standard errors",
)
LIMITED_ELSEWHERE = Check(
    code="limited-elsewhere",
    severity="warning",
    title="Throughput stops before the service is full",
    why="A balancer, a rate limit or a dependency has a capacity of its own, which more instances do not raise.",
    breaks="""\
# file: a.json
{"connections": 1, "duration": 100, "requests": {"total": 5000}, "latency": {"average": 20, "stddev": 14, "max": 120}}
# file: b.json
{"connections": 2, "duration": 100, "requests": {"total": 10000}, "latency": {"average": 20, "stddev": 14, "max": 120}}
# file: d.json
{"connections": 8, "duration": 100, "requests": {"total": 12500}, "latency": {"average": 64, "stddev": 9, "max": 120}}
# file: e.json
{"connections": 16, "duration": 100, "requests": {"total": 12500}, "latency": {"average": 128, "stddev": 9, "max": 160}}
""",
    near=_SATURATED,
    remedy="Test past the balancer, and watch the CPU of the service.",
    source="busy places at the highest throughput: X·S is no whole number",
)
NOT_SATURATED = Check(
    code="not-saturated",
    severity="warning",
    title="No run shows where throughput ends",
    why="Beyond what was tested every capacity is possible.",
    breaks='{"connections": 1, "duration": 100, "requests": {"total": 5000}, "latency": {"average": 20, "stddev": 14, "max": 120}}\n',
    near=_SATURATED,
    remedy="Add levels with twice as many clients, until throughput stops growing.",
    source="models that fit as well have capacities more than 25 % apart",
)
NEVER_ALONE = Check(
    code="never-alone",
    severity="warning",
    title="No run shows a request that does not wait",
    why="Waiting and service cannot be told apart where every request waits.",
    breaks='{"connections": 16, "duration": 100, "requests": {"total": 20000}, "latency": {"average": 80, "stddev": 20, "max": 160}}\n',
    near=_SATURATED,
    remedy="Add a level with one client.",
    source="models that fit as well have service times more than 25 % apart",
)
UNKNOWN_VARIATION = Check(
    code="unknown-variation",
    severity="warning",
    title="Nothing tells how service times vary",
    why="Waits grow with the variation, and percentiles more so.",
    breaks='{"connections": 16, "duration": 100, "requests": {"total": 20000}, "latency": {"average": 80, "stddev": 20, "max": 160}}\n',
    near='{"connections": 1, "duration": 100, "requests": {"total": 5000}, "latency": {"average": 20, "stddev": 14, "max": 120}}\n',
    remedy="Use a tool that prints percentiles or a standard deviation, at a level with one client.",
    source="cs2 is 1 in the model then",
)
NO_FIGURES = Check(
    code="no-figures",
    severity="error",
    title="A file holds no result",
    why="It is part of a test and says nothing that can be used by itself.",
    breaks="Usage: wrk <options> <url>\n",
    near='{"connections": 8, "duration": 10, "requests": {"total": 2000}, "latency": {"average": 40, "stddev": 9, "max": 120}}\n',
    remedy="Give the report of the run.",
    source="what tools print instead of a result",
)
ASSUMED_UNIT = Check(
    code="assumed-unit",
    severity="warning",
    title="The unit of a time is assumed",
    why="A wrong unit makes the service a thousand times faster or slower.",
    breaks='10.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512 1834\n',
    near='10.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512 0.002\n',
    remedy="Name the unit in the log format, such as %{us}T, or write $request_time.",
    source="Apache's %D, which is in microseconds",
)
NO_REQUESTS = Check(
    code="no-requests",
    severity="error",
    title="A use of CPU or memory has no requests beside it",
    why="What a request costs is use ÷ requests.",
    breaks='{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "process_cpu_seconds_total"}, "values": [[0, "0"], [10, "1"], [20, "2"], [30, "3"]]}]}}\n',
    near="""\
# file: a.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "process_cpu_seconds_total"}, "values": [[0, "0"], [10, "1"], [20, "2"], [30, "4"]]}]}}
# file: b.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "http_requests_total"}, "values": [[0, "0"], [10, "100"], [20, "200"], [30, "400"]]}]}}
""",
    remedy="Give the rate of requests over the same time.",
    source="times of the samples",
)
IDLE_SHARE_UNKNOWN = Check(
    code="idle-share-unknown",
    severity="warning",
    title="CPU at one level of load only",
    why="What an idle service takes cannot be told from what requests take.",
    breaks="""\
# file: a.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "process_cpu_seconds_total"}, "values": [[0, "0"], [10, "1"], [20, "2"], [30, "3"]]}]}}
# file: b.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "http_requests_total"}, "values": [[0, "0"], [10, "100"], [20, "200"], [30, "300"]]}]}}
""",
    near="""\
# file: a.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "process_cpu_seconds_total"}, "values": [[0, "0"], [10, "1"], [20, "2"], [30, "4"], [40, "9"]]}]}}
# file: b.json
{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "http_requests_total"}, "values": [[0, "0"], [10, "100"], [20, "200"], [30, "400"], [40, "900"]]}]}}
""",
    remedy="Give a time in which the load varies twofold.",
    source="rates less than 30 % apart",
)
UTILIZATION_LAW = Check(
    code="utilization-law",
    severity="warning",
    title="CPU and service time contradict each other",
    why="A request cannot use more CPU time than it takes, unless it works on several cores.",
    breaks="""\
concurrency,throughput,cpu_cores
1,50,2
2,98,4
4,180,7.6
8,300,12.4
16,400,16.4
""",
    near="""\
concurrency,throughput,cpu_cores
1,50,0.6
2,98,1.1
4,180,2
8,300,3.2
16,400,4.2
""",
    remedy="Check that both come from the same time and the same instances.",
    source="U = X·S",
)
