"""Resource types that cost nothing by themselves, by provider; `*` stands for any end or middle of a name."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache

_FREE = {
    # Services, ingresses and volumes may order something.
    "kubernetes": """
        namespace* config_map* secret* role* cluster_role* service_account* network_policy* limit_range*
        resource_quota* labels annotations env horizontal_pod_autoscaler* pod_disruption_budget*
        priority_class* storage_class* mutating_webhook* validating_webhook* api_service*
        certificate_signing_request*""",
    "aws": """
        iam_* *_policy *_policy_attachment security_group security_group_rule vpc_security_group_* subnet
        vpc vpc_ipv4_cidr_block_association vpc_dhcp_options* default_* route route_table
        route_table_association main_route_table_association internet_gateway
        egress_only_internet_gateway network_acl* network_interface* vpc_peering_connection*
        vpc_endpoint_policy vpc_endpoint_route_table_association vpc_endpoint_subnet_association
        vpc_endpoint_security_group_association key_pair placement_group volume_attachment
        eip_association ec2_tag ec2_managed_prefix_list* autoscaling_attachment autoscaling_policy
        autoscaling_lifecycle_hook autoscaling_notification autoscaling_group_tag appautoscaling_policy
        ecs_cluster_capacity_providers ecs_capacity_provider ecs_account_setting_default eks_access_entry
        eks_access_policy_association eks_addon eks_identity_provider_config eks_pod_identity_association
        lambda_permission lambda_alias lambda_layer_version* lambda_function_url
        lambda_function_event_invoke_config lambda_invocation lb_listener* lb_target_group* alb_listener*
        alb_target_group* lb_cookie_stickiness_policy lb_trust_store_revocation
        app_cookie_stickiness_policy elb_attachment proxy_protocol_policy load_balancer_* db_subnet_group
        db_parameter_group db_option_group db_event_subscription db_instance_role_association
        rds_cluster_parameter_group rds_cluster_endpoint rds_cluster_role_association
        elasticache_subnet_group elasticache_parameter_group elasticache_user*
        elasticache_global_replication_group opensearch_domain_policy opensearch_domain_saml_options
        elasticsearch_domain_policy s3_bucket_* s3_account_public_access_block s3_access_point
        efs_mount_target efs_access_point efs_file_system_policy kms_alias kms_grant
        secretsmanager_secret_version secretsmanager_secret_rotation sqs_queue_policy sqs_queue_redrive_*
        sns_topic_policy sns_topic_subscription route53_record route53_zone_association
        route53_vpc_association_authorization route53_delegation_set acm_certificate_validation
        cloudfront_origin_access_* cloudfront_cache_policy cloudfront_response_headers_policy
        cloudfront_origin_request_policy cloudfront_public_key cloudfront_key_group cloudwatch_log_stream
        cloudwatch_log_resource_policy cloudwatch_log_subscription_filter cloudwatch_log_metric_filter
        cloudwatch_event_rule cloudwatch_event_target cloudwatch_event_permission ecr_lifecycle_policy
        ecr_registry_policy ecr_replication_configuration ecr_pull_through_cache_rule api_gateway_account
        api_gateway_deployment api_gateway_method* api_gateway_integration* api_gateway_resource
        api_gateway_usage_plan* api_gateway_api_key api_gateway_authorizer api_gateway_domain_name
        api_gateway_base_path_mapping api_gateway_model api_gateway_request_validator
        api_gateway_gateway_response apigatewayv2_authorizer apigatewayv2_deployment
        apigatewayv2_domain_name apigatewayv2_integration* apigatewayv2_route* apigatewayv2_stage
        apigatewayv2_api_mapping apigatewayv2_vpc_link wafv2_ip_set wafv2_regex_pattern_set
        wafv2_web_acl_association wafv2_web_acl_logging_configuration ssm_document ssm_association
        resourcegroups_group dynamodb_table_item dynamodb_resource_policy msk_configuration
        msk_scram_secret_association msk_cluster_policy ec2_transit_gateway_route*
        ec2_transit_gateway_vpc_attachment_accepter spot_datafeed_subscription backup_plan
        backup_selection cognito_user_pool_* cognito_identity_* cognito_resource_server
        cognito_user_group backup_vault_* service_discovery_service service_discovery_instance
        service_discovery_http_namespace""",
    "google": """
        *_iam_member *_iam_binding *_iam_policy *_iam_audit_config project project_service
        service_account* project_iam_* compute_network compute_subnetwork compute_firewall compute_route
        compute_router compute_router_interface compute_router_peer compute_network_peering*
        compute_health_check compute_http_health_check compute_https_health_check
        compute_region_health_check compute_instance_template compute_region_instance_template
        compute_autoscaler compute_region_autoscaler compute_url_map compute_region_url_map
        compute_target_* compute_ssl_certificate compute_managed_ssl_certificate compute_ssl_policy
        compute_network_endpoint* compute_instance_group compute_instance_group_named_port
        compute_attached_disk compute_disk_resource_policy_attachment compute_project_metadata*
        compute_shared_vpc_* service_networking_connection sql_database sql_user sql_ssl_cert
        pubsub_*_iam* storage_bucket_iam* storage_bucket_acl storage_default_object_acl
        artifact_registry_repository_iam_* kms_key_ring kms_crypto_key_iam_* secret_manager_secret_iam_*
        cloud_run_domain_mapping cloud_run_v2_service_iam_* cloud_run_service_iam_*
        vpc_access_connector_iam_* monitoring_dashboard monitoring_notification_channel monitoring_group
        monitoring_service monitoring_slo monitoring_custom_service monitoring_monitored_project
        logging_metric iam_workload_identity_pool* folder folder_* organization_* org_policy_* project_*
        access_context_manager_* billing_* apikeys_key iap_* tags_* service_usage_* compute_router_peer
        compute_firewall_policy* compute_network_firewall_policy* compute_region_network_firewall_policy*
        compute_ssl_* compute_region_ssl_* compute_region_target_* compute_global_network_endpoint*
        compute_project_default_network_tier compute_subnetwork_iam_* dns_record_set dns_policy
        dns_response_policy* storage_bucket_object storage_managed_folder storage_notification
        storage_hmac_key pubsub_schema eventarc_* clouddeploy_target clouddeploy_automation
        clouddeploy_custom_target_type gke_hub_membership* gke_hub_namespace gke_hub_scope* gke_hub_fleet
        cloud_identity_* firebase_project firebase_web_app certificate_manager_certificate_map*
        certificate_manager_dns_authorization data_catalog_* logging_project_exclusion logging_log_view
        sql_source_representation_instance compute_ha_vpn_gateway compute_external_vpn_gateway
        compute_vpn_gateway workflows_iam_* cloudfunctions_function_iam_* cloudfunctions2_function_iam_*
        compute_instance_iam_* compute_per_instance_config compute_region_per_instance_config
        network_connectivity_hub network_connectivity_policy_based_route compute_public_*
        compute_default_* compute_service_attachment compute_image_iam_*""",
    "azurerm": """
        resource_group virtual_network subnet subnet_* network_security_group network_security_rule
        network_interface network_interface_* route route_table user_assigned_identity role_assignment
        role_definition availability_set proximity_placement_group ssh_public_key virtual_network_peering
        virtual_machine_data_disk_attachment virtual_machine_extension
        virtual_machine_scale_set_extension lb_backend_address_pool* lb_probe lb_nat_rule lb_nat_pool
        nat_gateway_public_ip_association nat_gateway_public_ip_prefix_association key_vault
        key_vault_access_policy key_vault_secret management_lock policy_*
        postgresql_flexible_server_configuration postgresql_flexible_server_database
        postgresql_flexible_server_firewall_rule mysql_flexible_server_configuration
        mysql_flexible_database mysql_flexible_server_firewall_rule redis_firewall_rule
        private_dns_zone_virtual_network_link private_dns_*_record dns_*_record
        container_app_environment_certificate federated_identity_credential storage_container
        kubernetes_cluster_extension management_group* subscription_policy_* resource_policy_*
        application_security_group marketplace_agreement monitor_diagnostic_setting
        monitor_data_collection_rule_association resource_provider_registration storage_blob
        storage_queue storage_table storage_account_* storage_share_directory storage_share_file
        app_service_custom_hostname_binding app_service_certificate_binding app_service_certificate
        monitor_smart_detector_alert_rule monitor_data_collection_rule monitor_data_collection_endpoint
        mssql_server mssql_server_* mssql_firewall_rule mssql_virtual_network_rule
        mssql_outbound_firewall_rule sql_server sql_firewall_rule sql_virtual_network_rule
        postgresql_database postgresql_firewall_rule postgresql_virtual_network_rule
        postgresql_configuration dev_test_global_vm_shutdown_schedule security_center_contact
        security_center_auto_provisioning security_center_workspace backup_policy_* network_profile
        firewall_policy_rule_collection_group web_application_firewall_policy storage_management_policy
        key_vault_certificate* postgresql_flexible_server_active_directory_administrator
        postgresql_flexible_server_virtual_endpoint mysql_flexible_server_active_directory_administrator
        servicebus_queue servicebus_topic servicebus_subscription* servicebus_namespace_*
        eventhub_consumer_group eventhub_authorization_rule eventhub_namespace_*
        app_service_virtual_network_swift_connection linux_web_app* windows_web_app* app_service
        app_service_slot container_registry_scope_map container_registry_token*
        container_app_environment_storage container_app_custom_domain cosmosdb_sql_role_*
        cosmosdb_sql_stored_procedure application_insights_api_key application_insights_analytics_item
        application_insights_smart_detection_rule application_insights_workbook* shared_image_gallery
        nat_gateway_* network_watcher network_interface_*_association disk_encryption_set disk_access
        virtual_network_dns_servers dedicated_host_group capacity_reservation_group
        maintenance_configuration maintenance_assignment_* log_analytics_linked_service""",
}


@cache
def _pattern() -> re.Pattern[str]:
    names = (f"{provider}_{name}" for provider, names in _FREE.items() for name in names.split())
    return re.compile("|".join(map(translate, names)))


def is_free(kind: str) -> bool:
    """Say whether a resource type costs nothing by itself.

    >>> is_free("aws_iam_role"), is_free("random_id"), is_free("kubernetes_config_map_v1")
    (True, True, True)
    >>> is_free("aws_nat_gateway"), is_free("kubernetes_service"), is_free("helm_release")
    (False, False, False)
    """
    return kind.startswith(_HELPERS) or _pattern().match(kind) is not None


_HELPERS = (
    *("random_", "null_", "time_", "local_", "tls_", "template_", "terraform_data", "external_", "archive_"),
    *("cloudinit_", "http_", "azuread_"),
)
"""What helpers of Terraform begin with: they order nothing from a provider."""
