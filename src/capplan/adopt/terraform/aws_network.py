"""Networks, queues and what else is billed by the piece or by use, as AWS' provider describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from capplan.adopt.terraform.addresses import texts_in
from capplan.adopt.terraform.reading import Reading
from capplan.adopt.terraform.simple import free_always, held, told, used
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError

_BALANCERS = {"application": "alb-hour", "network": "nlb-hour", "gateway": "gwlb-hour"}


def _balancer(tf: Reading, resource: Attributes) -> None:
    kind = resource.text("load_balancer_type", "application")
    if kind not in _BALANCERS:
        raise UncoveredError(f"capplan does not know load balancers of type {kind}")
    tf.priced(resource.node, "elb", _BALANCERS[kind])
    tf.usage(resource.node, "capacity units (LCU)")
    if kind != "gateway" and not resource.get("internal"):
        tf.note(
            resource.node,
            "the public addresses of a load balancer that faces the internet have no price here",
        )


def _address(tf: Reading, resource: Attributes) -> None:
    """Add a public address: it costs the same whether it is in use or not."""
    tf.priced(resource.node, "public-ipv4", "in-use")


def _nat(tf: Reading, resource: Attributes) -> None:
    if resource.text("connectivity_type", "public") not in ("public", "private"):
        raise UncoveredError("its connectivity_type is unknown")
    tf.priced(resource.node, "nat-gateway", "hour")
    tf.usage(resource.node, "processed data")


def _endpoint(tf: Reading, resource: Attributes) -> None:
    kind = resource.text("vpc_endpoint_type", "Gateway")
    if kind == "Gateway":
        tf.free(resource.node)
        return
    zones = len(resource.texts("subnet_ids")) or len(
        tf.graph.referred(resource.node, "subnet_ids", ("aws_subnet",))
    )
    tf.priced(resource.node, "vpc-endpoint", "hour", max(1, zones))
    tf.usage(resource.node, "processed data")


def _key(tf: Reading, resource: Attributes) -> None:
    tf.priced(resource.node, "kms", "key")
    tf.usage(resource.node, "requests")
    if resource.get("enable_key_rotation"):
        tf.assume(
            resource.node, "it has not been rotated yet; each of the first two rotations costs as a key"
        )


_BALANCER_FREE = """
    subnet_mapping access_logs connection_logs idle_timeout enable_cross_zone_load_balancing
    enable_http2 enable_tls_version_and_cipher_suite_headers enable_waf_fail_open
    drop_invalid_header_fields desync_mitigation_mode ip_address_type client_keep_alive
    preserve_host_header xff_header_processing_mode customer_owned_ipv4_pool
    enforce_security_group_inbound_rules_on_private_link_traffic listener health_check
    cross_zone_load_balancing connection_draining connection_draining_timeout instances"""

_BALANCER = Row(_balancer, _BALANCER_FREE)


def _alarm(tf: Reading, resource: Attributes) -> None:
    """Add an alarm: each metric that it watches is billed."""
    metrics = [query for query in resource.blocks("metric_query") if query.blocks("metric")]
    tf.priced(resource.node, "cloudwatch", "alarm", max(1, len(metrics)))
    if resource.number("period", 60) < 60 or resource.text("threshold_metric_id"):
        tf.note(resource.node, "high resolution and anomaly detection cost more than the standard alarm")


def _acl(tf: Reading, resource: Attributes) -> None:
    tf.priced(resource.node, "waf", "web-acl")
    rules = len(resource.blocks("rule")) or len(resource.blocks("rules"))
    if rules:
        tf.priced(resource.node, "waf", "rule", rules, "rules")
    tf.usage(resource.node, "requests")
    groups = {text for text in texts_in(resource.values.get("rule")) if _FEE.fullmatch(text)}
    for group in sorted(groups):
        tf.note(resource.node, f"the rule group {group} has a fee of its own")


_FEE = re.compile(r"AWSManagedRules(BotControl|ATP|ACFP|AntiDDoS)RuleSet")
"""Groups of rules that cost something by the month: aws.amazon.com/waf/pricing."""

_USED = {
    "aws_s3_bucket": "stored data and requests",
    "aws_ecr_repository": "stored images",
    "aws_ecrpublic_repository": "stored images",
    "aws_sqs_queue": "requests",
    "aws_sns_topic": "messages",
    "aws_cloudwatch_log_group": "ingested and stored logs",
    "aws_cloudwatch_event_bus": "events",
    "aws_cloudwatch_event_archive": "stored events",
    "aws_api_gateway_rest_api": "requests",
    "aws_apigatewayv2_api": "requests",
    "aws_sfn_state_machine": "state transitions",
    "aws_kinesis_firehose_delivery_stream": "data",
    "aws_elasticache_serverless_cache": "stored data and processing units",
    "aws_ebs_snapshot": "stored data",
    "aws_ebs_snapshot_copy": "stored data",
    "aws_db_snapshot": "stored data",
    "aws_ami": "stored snapshots",
    "aws_backup_vault": "stored backups",
    "aws_cognito_user_pool": "monthly active users",
    "aws_flow_log": "ingested logs",
    "aws_dlm_lifecycle_policy": "the snapshots that it makes",
    "aws_efs_backup_policy": "backups",
    "aws_s3_bucket_replication_configuration": "copies",
}
"""What types without a price by the piece are billed for, all of it by use."""


def _distribution(tf: Reading, resource: Attributes) -> None:
    if resource.block("viewer_certificate").text("ssl_support_method") == "vip":
        tf.note(resource.node, "its dedicated IP addresses, 600 USD a month")
    tf.usage(resource.node, "traffic and requests")


TYPES: Mapping[str, Row] = {
    **{kind: Row(used(what), "*") for kind, what in _USED.items()},
    "aws_fms_policy": Row(told("policies of Firewall Manager have a fee, which has no price here"), "*"),
    "aws_lb_trust_store": Row(told("trust stores have a price by the hour, which is not known here"), "*"),
    "aws_acm_certificate": Row(free_always, "*", named="certificate_authority_arn"),
    "aws_cloudfront_distribution": Row(_distribution, "*"),
    "aws_efs_file_system": Row(
        used("stored data"),
        "creation_token performance_mode lifecycle_policy protection",
        {"throughput_mode": "bursting"},
    ),
    "aws_secretsmanager_secret": Row(
        held("secrets-manager", "secret", "requests"),
        "recovery_window_in_days force_overwrite_replica_secret",
    ),
    **dict.fromkeys(
        (f"aws_service_discovery_{kind}_dns_namespace" for kind in ("private", "public")),
        Row(held("route53", "hosted-zone", "queries"), "vpc"),
    ),
    "aws_route53_zone": Row(held("route53", "hosted-zone", "queries"), "comment vpc delegation_set_id"),
    "aws_cloudwatch_metric_alarm": Row(_alarm, "*"),
    "aws_wafv2_web_acl": Row(_acl, "*"),
    "aws_lb": _BALANCER,
    "aws_alb": _BALANCER,
    "aws_elb": Row(
        held("elb", "clb-hour", "processed data and public addresses"), f"{_BALANCER_FREE} internal"
    ),
    "aws_nat_gateway": Row(_nat, "secondary_private_ip_address_count", {"availability_mode": "zonal"}),
    "aws_eip": Row(
        _address,
        """
        domain vpc instance network_interface public_ipv4_pool customer_owned_ipv4_pool""",
    ),
    "aws_vpc_endpoint": Row(
        _endpoint,
        """
        private_dns_enabled auto_accept dns_options ip_address_type subnet_configuration vpc_endpoint_type""",
    ),
    "aws_kms_external_key": Row(_key, "key_material_base64 valid_to enabled deletion_window_in_days"),
    "aws_kms_key": Row(
        _key,
        """
        key_usage customer_master_key_spec deletion_window_in_days is_enabled enable_key_rotation
        bypass_policy_lockout_safety_check rotation_period_in_days""",
    ),
}
"""How each type is read."""
