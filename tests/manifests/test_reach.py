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


def test_a_redis_cluster_can_talk_in_spite_of_the_default_deny():
    files = example("llm-governance", "redis-cluster")
    policy = files["kubernetes/components/redis/networkpolicy-redis.yaml"].value["spec"]
    # The operator's own labels: its pods are called app=NAME-leader and app=NAME-follower.
    [expression] = policy["podSelector"]["matchExpressions"]
    assert expression == {"key": "app", "operator": "In", "values": ["redis-leader", "redis-follower"]}
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 6379, 16379}
    within = next(
        rule for rule in policy["ingress"] if rule["from"] == [{"podSelector": policy["podSelector"]}]
    )
    assert {port["port"] for port in within["ports"]} == {6379, 16379}
    listed = files["kubernetes/components/redis/kustomization.yaml"].value["resources"]
    assert "networkpolicy-redis.yaml" in listed
    caller = files["kubernetes/base/auth-service/networkpolicy-auth-service.yaml"].value["spec"]
    reached = [peer for rule in caller["egress"] for peer in rule["to"]]
    assert {"podSelector": policy["podSelector"]} in reached
    assert files["helm/values.yaml"].value["stores"]["redis"]["host"] == "redis-leader"
