"""External APIs, resources, egress."""

import pytest
from helpers import codes, estimate_of, lines_by_sku, monthly

from capplan.errors import InputError

MONTH_S = 730 * 3600
BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      api: {platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s, calls: {x: 0.1}}
"""


def api(spec: str):
    return estimate_of(BASE, f"external_apis={{x: {{{spec}}}}}")


def test_paid_by_the_request():
    assert monthly(api("price_per_request: $0.05"), "x") == pytest.approx(0.05 * MONTH_S)


def test_paid_by_the_token():
    result = api(
        "input_tokens: 500, output_tokens: 200, usd_per_1m_input_tokens: 3, usd_per_1m_output_tokens: 15"
    )
    assert monthly(result, "x") == pytest.approx(MONTH_S * (500 * 3 + 200 * 15) / 1e6)
    assert set(lines_by_sku(result, "x")) == {"input-tokens", "output-tokens"}


@pytest.mark.parametrize("spec", ["", "input_tokens: 500, usd_per_1m_output_tokens: 15, output_tokens: 5"])
def test_a_price_that_the_plan_does_not_say_is_unpriced(spec):
    result = api(spec)
    assert "unpriced" in codes(result)
    assert any(line.cost is None for line in result.lines_of("x"))


def resource(spec: str):
    return estimate_of(BASE, f"resources={{x: {{{spec}}}}}")


def test_a_resource_held_by_the_hour():
    result = resource("provider: aws, service: elb, sku: alb-hour, quantity: 2")
    assert monthly(result, "x") == pytest.approx(2 * 730 * 0.0225)


def test_a_resource_used_by_the_request():
    result = resource("provider: aws, service: elb, sku: alb-lcu, per_request: 0.001")
    # 1 call a second reaches the resource.
    assert monthly(result, "x") == pytest.approx(0.001 * MONTH_S * 0.008)


def test_a_resource_held_and_used():
    result = resource("provider: aws, service: s3, sku: put-request, quantity: 1000, per_request: 1")
    (line,) = result.lines_of("x")
    assert float(line.quantity.expected[0, 0]) == pytest.approx(1000 + MONTH_S)


def test_a_tiered_resource_goes_by_the_name_of_the_whole():
    result = resource("provider: aws, service: egress-internet, sku: internet, quantity: 1100")
    assert monthly(result, "x") == pytest.approx(1000 * 0.09)


ALONE = BASE.replace(", calls: {x: 0.1}", "")
EACH = "resources.d={provider: aws, service: ebs, sku: gp3, quantity: 100, each: %s}"


def test_a_resource_of_each_instance_goes_with_them():
    result = estimate_of(ALONE, EACH % "api", "services.api.instances={min: 1, max: 5}")
    cost = result.cost_of("d")
    # 10 requests/s at 10/s each: one runs, five may. 100 GiB of gp3 at $0.08.
    assert [float(part.max()) for part in (cost.floor, cost.expected, cost.ceiling)] == [8, 8, 40]


def test_a_resource_of_each_node_goes_with_them():
    result = estimate_of(
        ALONE,
        EACH % "main/default",
        "clusters={main: {platform: eks, pools: {default: {machine: m5.large, nodes: {min: 2, max: 9}}}}}",
    )
    cost = result.cost_of("d")
    assert (cost.floor.item(), cost.ceiling.item()) == (16, 72)


def test_a_resource_of_each_counts_at_every_site():
    sites = "sites={here: {}, there: {regions: {aws: eu-west-1}}}"
    assert monthly(estimate_of(ALONE, EACH % "api", "services.api.instances=3", sites), "d") == pytest.approx(
        2 * 3 * 8
    )


@pytest.mark.parametrize(("each", "nearest"), [("apu", "api"), ("d", "")])
def test_a_resource_of_something_without_instances_is_refused(each: str, nearest: str):
    with pytest.raises(InputError, match=f"resources.d.each: .*no component with instances.*{nearest}"):
        estimate_of(ALONE, EACH % each)


def test_an_unknown_resource_is_refused():
    with pytest.raises(InputError, match=r"unknown SKU 'alb-hours' of aws elb\. Did you mean 'alb-hour'"):
        resource("provider: aws, service: elb, sku: alb-hours")
    with pytest.raises(InputError, match="aws has no service 'elbv2'"):
        resource("provider: aws, service: elbv2, sku: alb-hours")


SENDER = "{platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s, response_size: 1Mi}"


def egress(*sets: str):
    return estimate_of(BASE, "external_apis={x: {price_per_request: 0}}", *sets)


def sent(result, name="api") -> float:
    return sum(
        float(line.quantity.expected[0, 0])
        for line in result.lines_of(name)
        if line.meter.service == "egress-internet"
    )


def test_answers_to_the_outside_are_egress():
    assert sent(egress("services.api.response_size=1Mi")) == pytest.approx(10 * MONTH_S / 1024)


def test_a_service_inside_sends_nothing_outside():
    """Only what enters from outside is answered to the outside."""
    inner = f"services.inner={SENDER}"
    result = egress(inner, "services.api.calls={x: 0.1, inner: 5}", "services.api.response_size=1Mi")
    assert sent(result, "inner") == 0
    assert sent(result) == pytest.approx(10 * MONTH_S / 1024)


def test_egress_is_shared_between_entries():
    other = f"services.other={SENDER}"
    result = egress(other, "demand.entry={api: 3, other: 1}", "services.api.response_size=1Mi")
    assert sent(result) == pytest.approx(7.5 * MONTH_S / 1024)
    assert sent(result, "other") == pytest.approx(2.5 * MONTH_S / 1024)
    free = [line for line in result.lines if line.sku == "first-100GB-free"]
    assert sum(float(line.quantity.expected[0, 0]) for line in free) == pytest.approx(100), (
        "one free tier an account"
    )
