"""Streams: brokers by bandwidth, partitions and storage, with closed forms."""

import json

import numpy as np
import pytest
from helpers import SHIPPED, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st
from rendering import rendered

from capplan.errors import InputError
from capplan.estimate import estimate

PLAN = """
name: shop
regions: {aws: us-east-1}
demand: {requests_per_second: %s, profile: flat}
%s
services:
  web: {platform: fargate, cpu: 1, memory: 2Gi, service_time: 10ms, concurrency: 10, calls: {events: 1}}
streams:
  events:
    {platform: msk, machine: %s, partitions: %s, message_size: %s, retention: 1d, consumers: %s, spare: %s}
manifests:
  aws:
    subnets: [subnet-0123abcd, subnet-0123abce, subnet-0123abcf]
    execution_role: "arn:aws:iam::123456789012:role/run"
"""


def of(rate=1000, machine="kafka.m5.large", partitions=30, size="10Ki", consumers=1, spare=0, sites=""):
    return estimate(plan_of(PLAN % (rate, sites, machine, partitions, size, consumers, spare)), SHIPPED)


def needs(found, name="events"):
    component = next(c for c in found.components if c.name == name)
    return {m.name: float(m.needs.max()) for m in component.measures}


@pytest.mark.parametrize(
    ("asked", "by", "count", "brokers"),
    [
        # 9.77 MiB/s, three copies, at most 60 % of 77.5 MiB/s to a disk.
        ({}, "disk", 1, 3),
        ({"rate": 10_000}, "disk", np.ceil(97.65625 * 3 / (77.5 * 0.6)), 9),
        ({"rate": 10_000, "spare": 1}, "disk", 8, 9),
        # Two copies and eight groups: ten times what comes in, at most 60 % of 89.4 MiB/s.
        ({"rate": 10_000, "consumers": 8}, "network", np.ceil(97.65625 * 10 / (89.4 * 0.6)), 21),
        ({"partitions": 2000}, "partitions", 6, 6),
        # 10,000 × 10 KiB × 86,400 s × 3 ÷ 60 % ÷ 16 TiB.
        ({"rate": 10_000}, "storage", np.ceil(10_000 * 10 * 86_400 * 3 / 2**20 / 0.6 / 16_384), 9),
    ],
)
def test_brokers_follow_from_the_largest_need(asked, by, count, brokers):
    found = needs(of(**asked))
    assert (found[f"brokers for {by}"], found["brokers"]) == (count, brokers)


def test_a_cluster_costs_its_brokers_and_what_they_keep():
    found = of()
    billed = {line.sku: float(line.cost.expected[0, 0]) for line in found.lines_of("events")}
    kept = 1000 * 10 * 86_400 * 3 / 2**20 / 0.6
    assert billed == pytest.approx({"kafka.m5.large": 3 * 0.21 * 730, "storage-gp2": kept * 0.1})


@moderate
@given(st.floats(1, 1e5), st.floats(1, 10), st.integers(0, 5), st.integers(1, 5000))
def test_more_messages_never_cost_less(rate, factor, consumers, partitions):
    less, more = (
        of(rate=r, machine="auto", consumers=consumers, partitions=partitions)
        .cost_of("events")
        .expected.max()
        for r in (rate, rate * factor)
    )
    assert more >= less * (1 - 1e-12)


def test_each_scenario_gets_the_size_that_is_cheapest_for_it(capplan, tmp_path):
    text = PLAN % (1000, "", "auto", 30, "10Ki", 1, 0)
    (tmp_path / "plan.yaml").write_text(text)
    swept = capplan("estimate", tmp_path, "--sweep", "requests_per_second=1000,50000", "--format", "json")
    totals = [
        s["components"]["events"]["monthly_cost"]["expected"] for s in json.loads(swept.stdout)["scenarios"]
    ]
    assert totals == pytest.approx(
        [float(of(rate=r, machine="auto").cost_of("events").expected[0, 0]) for r in (1000, 50_000)]
    )


def test_a_standby_gets_the_messages_and_keeps_them():
    sites = (
        "sites: {us: {}, dr: {regions: {aws: us-west-2}, standby: warm}}\nsite_recovery: {rpo: 5m, rto: 1h}"
    )
    found = of(sites=sites)
    line = next(line for line in found.lines_of("events") if line.sku == "to-us-west-2")
    assert float(line.quantity.expected[0, 0]) == pytest.approx(1000 * 10 * 730 * 3600 / 2**20)
    recovered = needs(found, "sites")
    assert recovered["RPO, site lost"] == 1
    assert needs(of(sites=sites.replace("warm", "pilot")), "sites")["RPO, site lost"] == np.inf


def test_the_call_and_the_topic_say_what_was_sized():
    files = rendered(PLAN % (10_000, "", "kafka.m5.large", 60, "10Ki", 1, 0))
    body = files["aws/events.create-cluster.json"].value
    assert body["NumberOfBrokerNodes"] == 9
    each = body["BrokerNodeGroupInfo"]["StorageInfo"]["EbsStorageInfo"]["VolumeSize"]
    assert each == np.ceil(10_000 * 10 * 86_400 * 3 / 2**20 / 0.6 / 9)
    assert "--partitions 60 --replication-factor 3" in files["commands/topics.sh"].text
    assert "retention.ms=86400000" in files["commands/topics.sh"].text
    assert "aws kafka create-cluster --region us-east-1" in files["commands/aws.sh"].text
    session = pytest.importorskip("botocore.session").Session()
    from botocore.validate import ParamValidator

    shape = session.get_service_model("kafka").operation_model("CreateCluster").input_shape
    assert not ParamValidator().validate(body, shape).has_errors()


@pytest.mark.parametrize(
    ("machine", "said"), [("kafka.m5.huge", "unknown broker size"), ("auto", "")], ids=["unknown", "auto"]
)
def test_a_size_that_is_none_is_refused_and_burstable_ones_are_never_chosen(machine, said):
    if not said:
        assert (
            next(c for c in of(rate=1, machine=machine).components if c.name == "events").pick.name(0)
            == "kafka.m5.large"
        )
        return
    with pytest.raises(InputError, match=said):
        of(machine=machine)
