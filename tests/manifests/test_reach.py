"""What pods may reach and where they may run: policies and nodes that fit what the plan calls."""

from rendering import example, rendered


def test_a_policy_opens_every_port_where_requests_enter():
    files = example("llm-observatory")
    policy = files["kubernetes/base/collector/networkpolicy-collector.yaml"].value["spec"]
    entered = next(rule for rule in policy["ingress"] if rule["from"] == [{"namespaceSelector": {}}])
    assert {port["port"] for port in entered["ports"]} == {"http", "otlp-grpc"}


def test_a_policy_lets_what_is_stored_out():
    policy = example("llm-observatory")["kubernetes/base/collector/networkpolicy-collector.yaml"].value[
        "spec"
    ]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert 443 in ports, "traces go to object storage"
    assert {5432, 6379} <= ports, "it is given the credentials of both"
    policy = example("levqor", "eks")["kubernetes/base/backend/networkpolicy-backend.yaml"].value["spec"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert 443 not in ports, "a load balancer is called by nobody"


def test_karpenters_spot_nodes_are_those_that_pods_ask_for():
    plan = """
        name: shop
        regions: {aws: us-east-1}
        demand: {requests_per_second: 10, profile: flat}
        services:
          api:
            platform: kubernetes
            cpu: 500m
            memory: 512Mi
            throughput: 20/s
            pool: spot
            instances: {min: 2, max: 4}
        clusters:
          main:
            platform: eks
            pools:
              default: {machine: m5.large, nodes: {min: 1, max: 3}}
              spot: {machine: m5.large, nodes: {min: 1, max: 3}, purchase: {spot: 100%}}
    """
    files = rendered(plan)
    pod = files["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"]["spec"]
    node = files["karpenter/main/nodepool-spot.yaml"].value["spec"]["template"]["metadata"]["labels"]
    assert pod["nodeSelector"].items() <= node.items()
