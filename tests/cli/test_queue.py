"""`capplan queue`: the models by name, forwards and backwards, and what cannot be asked."""

# ruff: noqa: E501  (a table of questions reads best with a row a line)

from __future__ import annotations

import json

import pytest

ROWS = [
    # Bronson 1982, ex. 23.14: 30 and 40 an hour
    ("M/M/1 --arrival-rate 30/h --service-time 90s", {"queue": 2.25, "wait_s": 270, "empty": 0.25}),
    # CRAN queueing 0.2.12
    ("mmc --arrival-rate 2 --service-time 1s --servers 3", {"number": 2.888889, "wait_s": 0.444444}),
    # octave-queueing 1.2.7, qsmmmk.m
    ("M/M/c/K --arrival-rate 40/s --service-time 33.33333333ms --servers 3 --capacity 7", {"empty": 0.255037, "response_s": 0.036517}),
    ("erlang-b --arrival-rate 10 --service-time 1s --servers 10", {"lost": 0.214582}),
    # PDQ, closed1.out
    ("M/M/c//N --clients 100 --think-time 300s --service-time 630ms --servers 1", {"throughput": 0.332453, "response_s": 0.794260}),
    # Pollaczek and Khinchine: Wq = ρ·(1 + cs2)/2/(1 − ρ)·S
    ("M/G/1 --arrival-rate 0.5 --service-time 1s --cs2 3", {"wait_s": 2.0, "utilization": 0.5}),
    ("M/D/1 --arrival-rate 0.5 --service-time 1s", {"wait_s": 0.5, "number": 0.75}),
    ("M/M/1/K --arrival-rate 1 --service-time 1s --capacity 4", {"lost": 0.2, "throughput": 0.8, "number": 2.0}),
    # pyworkforce, test_erlang.py
    ("erlang-c --arrival-rate 200/h --service-time 180s --max-wait 20s --within 80%", {"servers": 14}),
    ("erlang-b --arrival-rate 10 --service-time 1s --max-blocking 2%", {"servers": 17}),
    ("M/M/c --arrival-rate 1e9 --service-time 10ms --max-wait 1ms --within 99%", {"servers": 10_000_046}),
    # Carrier Grade Voice over IP, appendix A: 1.4 erlang for 5 servers at 1 %
    ("M/M/c/c --service-time 1s --servers 5 --max-blocking 1%", {"arrival_rate": 1.3608}),
    ("M/M/1 --service-time 1s --max-wait 1s", {"arrival_rate": 0.5}),
    ("M/M/1 --service-time 1s --max-response 4s", {"arrival_rate": 0.75}),
    ("G/G/c --service-time 1s --servers 4 --cs2 0.5 --ca2 2 --max-response 4s --within 95%", {"response_p95_s": 4.0}),
    # half of M/M/1's wait: ρ·exp(−2(1 − ρ)) = 5 %, where ρ·exp(−(1 − ρ)) = 5 % of M/M/1
    ("M/D/1 --service-time 1s --max-wait 1s --within 95%", {"arrival_rate": 0.232204}),
    ("M/M/1 --service-time 1s --max-wait 1s --within 95%", {"arrival_rate": 0.120486}),
    # who comes back at once finds the nine others
    ("M/M/c//N --clients 10 --think-time 0s --service-time 1s --servers 2", {"waits": 1.0, "wait_s": 4.0}),
    ("M/M/c//N --clients 2 --think-time 0s --service-time 1s --servers 2", {"waits": 0.0, "response_s": 1.0}),
    ("M/M/c/K --arrival-rate 0 --service-time 1s --servers 2 --capacity 3", {"response_s": 1.0}),
    ("Erlang_C --arrival-rate 10 --service-time 1s --max-wait 1s", {"servers": 11}),
    # with endless patience nobody gives up; with next to none it is a loss system
    ("erlang-a --arrival-rate 10 --service-time 1s --servers 10 --patience 1us", {"lost": 0.214582}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), ROWS, ids=[words.split(" -")[0] for words, _ in ROWS])
def test_figures_of_textbooks(capplan, words, expected):
    run = capplan("queue", *words.split(), "--format", "json")
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)
    found |= found["inputs"]
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=5e-4)
    assert run.stdout != capplan("queue", *words.split()).stdout


def test_no_law_of_service_is_too_wide_for_pollaczek_and_khinchine(capplan):
    words = "M/G/1 --arrival-rate 0.5 --service-time 1s --cs2 1e17 --format json"
    found = json.loads(capplan("queue", *words.split()).stdout)
    assert (found["stable"], found["wait_s"]) == (True, pytest.approx(5e16))


def test_an_overloaded_queue_has_no_length(capplan):
    words = ("queue", "mmc", "--arrival-rate", "5", "--service-time", "1s", "--servers", "5")
    found = json.loads(capplan(*words, "--format", "json").stdout)
    assert (found["stable"], found["number"], found["response_s"], found["throughput"]) == (
        False,
        None,
        None,
        5,
    )
    assert "the queue grows without end" in capplan(*words).stdout


def test_littles_law_holds_in_what_is_printed(capplan):
    for words, _ in ROWS:
        found = json.loads(capplan("queue", *words.split(), "--format", "json").stdout)
        if found["stable"] and "patience_s" not in found["inputs"]:
            assert found["number"] == pytest.approx(found["throughput"] * found["response_s"])
            assert found["number"] - found["queue"] == pytest.approx(
                found["utilization"] * found["inputs"].get("servers", 1)
            )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("M/M/x", "'M/M/x' is not a model that is known. Did you mean 'M/M/"),
        ("M/M/c --arrival-rate 4", "M/M/c: needs --service-time and --servers"),
        ("M/M/1 --arrival-rate 4 --service-time 1s --servers 2", "--servers: M/M/1 does not have it"),
        ("M/M/c --arrival-rate 4 --service-time 1 --servers 2", "--service-time: expected a duration with its unit"),
        ("M/M/c --arrival-rate 4 --service-time 1s --servers 2.5", "--servers: must be a whole number, 1 or more, got 2.5"),
        ("M/M/c --arrival-rate 4 --service-time 0s --servers 2", "--service-time: must be above 0"),
        ("M/M/c/K --arrival-rate 4 --service-time 1s --servers 3 --capacity 2", "needs capacity >= servers"),
        ("M/M/c --arrival-rate 4 --service-time 1s --max-response 500ms", "keeps that at no servers"),
        ("M/M/c --service-time 1s --servers 4 --max-blocking 1%", "--max-blocking: M/M/c loses no requests"),
        ("M/M/c//N --clients 9 --think-time 1s --service-time 1s --max-blocking 1%", "M/M/c//N loses no requests"),
        ("M/M/c/c --service-time 1s --servers 5 --max-blocking 0", "--max-blocking: must be above 0, got 0"),
        ("M/M/c/c --arrival-rate 2e6 --service-time 1s --max-blocking 1%", "no number of servers up to 1,000,000, and more are not tried"),
        ("M/M/c/K --service-time 1s --servers 2 --capacity 5 --max-wait 10s", "keeps that at any arrival rate"),
        ("M/M/c --arrival-rate 10 --service-time 1s --max-wait 0s", "keeps that at no servers"),
        ("M/M/1 --service-time 1s --max-response 1s", "keeps that at no arrival rate"),
        ("M/M/1 --arrival-rate 0.5 --service-time 1s --within 95%", "--within: goes with --max-wait or --max-response"),
        ("M/M/1 --service-time 1s --max-wait 1s --within 100%", "--within: must be between 0 and 100 %, got 100%"),
        ("M/M/1 --arrival-rate 4 --service-time 1s --max-wait 1s", "nothing is left to find"),
        ("M/M/1 --arrival-rate 1e300 --service-time 1s", "--arrival-rate: must be at most 1e+18"),
        ("M/M/c/c --arrival-rate 4 --service-time 1s --max-blocking 1% --within 9%", "--within: is known only for models"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(capplan, words, message):
    run = capplan("queue", *words.split())
    assert (run.exit_code, run.stdout) == (2, "")
    assert message in " ".join(run.stderr.split())
