"""Which Terraform type each Pulumi type is: reviewed by hand, one line each.

Matching by name is not safe (`rds.Instance` would become `aws_instance`), so a type that is not
here is an error of the export. To add one: a line here, then `schema_trim` (its help says how).
"""


def _tokens(table: dict[str, str]) -> dict[str, str]:
    """Pulumi's tokens for `module/Class` or `module/function`."""
    tokens: dict[str, str] = {}
    for place, target in table.items():
        module, _, name = place.partition("/")
        tokens[f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"] = target
    return tokens


RESOURCES = _tokens(
    {
        "ec2/Vpc": "aws_vpc",
        "ec2/Subnet": "aws_subnet",
        "ec2/InternetGateway": "aws_internet_gateway",
        "ec2/Eip": "aws_eip",
        "ec2/NatGateway": "aws_nat_gateway",
        "ec2/RouteTable": "aws_route_table",
        "ec2/Route": "aws_route",
        "ec2/RouteTableAssociation": "aws_route_table_association",
        "ec2/VpcEndpoint": "aws_vpc_endpoint",
        "ec2/VpcEndpointRouteTableAssociation": "aws_vpc_endpoint_route_table_association",
        "ec2/VpcEndpointSubnetAssociation": "aws_vpc_endpoint_subnet_association",
        "ec2/NetworkAcl": "aws_network_acl",
        "ec2/NetworkAclRule": "aws_network_acl_rule",
        "ec2/NetworkAclAssociation": "aws_network_acl_association",
        "ec2/FlowLog": "aws_flow_log",
        "ec2/SecurityGroup": "aws_security_group",
        "ec2/SecurityGroupRule": "aws_security_group_rule",
        "ec2/DefaultSecurityGroup": "aws_default_security_group",
        "ec2/DefaultNetworkAcl": "aws_default_network_acl",
        "ec2/DefaultRouteTable": "aws_default_route_table",
        "ec2/LaunchTemplate": "aws_launch_template",
        "ec2/Instance": "aws_instance",
        "ec2/Tag": "aws_ec2_tag",
        "vpc/SecurityGroupIngressRule": "aws_vpc_security_group_ingress_rule",
        "vpc/SecurityGroupEgressRule": "aws_vpc_security_group_egress_rule",
        "autoscaling/Group": "aws_autoscaling_group",
        "autoscaling/Policy": "aws_autoscaling_policy",
        "autoscaling/LifecycleHook": "aws_autoscaling_lifecycle_hook",
        "autoscaling/Notification": "aws_autoscaling_notification",
        "autoscaling/Schedule": "aws_autoscaling_schedule",
        "autoscaling/TrafficSourceAttachment": "aws_autoscaling_traffic_source_attachment",
        "autoscaling/Attachment": "aws_autoscaling_attachment",
        "lb/LoadBalancer": "aws_lb",
        "lb/TargetGroup": "aws_lb_target_group",
        "lb/Listener": "aws_lb_listener",
        "lb/ListenerRule": "aws_lb_listener_rule",
        "lb/ListenerCertificate": "aws_lb_listener_certificate",
        "s3/Bucket": "aws_s3_bucket",
        "s3/BucketVersioning": "aws_s3_bucket_versioning",
        "s3/BucketServerSideEncryptionConfiguration": (
            "aws_s3_bucket_server_side_encryption_configuration"
        ),
        "s3/BucketLifecycleConfiguration": "aws_s3_bucket_lifecycle_configuration",
        "s3/BucketPolicy": "aws_s3_bucket_policy",
        "s3/BucketPublicAccessBlock": "aws_s3_bucket_public_access_block",
        "s3/BucketOwnershipControls": "aws_s3_bucket_ownership_controls",
        "s3/BucketNotification": "aws_s3_bucket_notification",
        "s3/BucketLogging": "aws_s3_bucket_logging",
        "s3/BucketReplicationConfig": "aws_s3_bucket_replication_configuration",
        "s3/BucketObjectv2": "aws_s3_object",
        "s3/BucketObjectLockConfiguration": "aws_s3_bucket_object_lock_configuration",
        "s3/BucketMetric": "aws_s3_bucket_metric",
        "kms/Key": "aws_kms_key",
        "kms/Alias": "aws_kms_alias",
        "kms/Grant": "aws_kms_grant",
        "kms/KeyPolicy": "aws_kms_key_policy",
        "kms/ReplicaKey": "aws_kms_replica_key",
        "iam/Role": "aws_iam_role",
        "iam/RolePolicy": "aws_iam_role_policy",
        "iam/Policy": "aws_iam_policy",
        "iam/RolePolicyAttachment": "aws_iam_role_policy_attachment",
        "iam/InstanceProfile": "aws_iam_instance_profile",
        "iam/ServiceLinkedRole": "aws_iam_service_linked_role",
        "lambda/Function": "aws_lambda_function",
        "lambda/Alias": "aws_lambda_alias",
        "lambda/Permission": "aws_lambda_permission",
        "lambda/EventSourceMapping": "aws_lambda_event_source_mapping",
        "lambda/FunctionEventInvokeConfig": "aws_lambda_function_event_invoke_config",
        "lambda/LayerVersion": "aws_lambda_layer_version",
        "sqs/Queue": "aws_sqs_queue",
        "sqs/QueuePolicy": "aws_sqs_queue_policy",
        "sqs/RedrivePolicy": "aws_sqs_queue_redrive_policy",
        "sqs/RedriveAllowPolicy": "aws_sqs_queue_redrive_allow_policy",
        "sns/Topic": "aws_sns_topic",
        "sns/TopicPolicy": "aws_sns_topic_policy",
        "sns/TopicSubscription": "aws_sns_topic_subscription",
        "cloudwatch/MetricAlarm": "aws_cloudwatch_metric_alarm",
        "cloudwatch/CompositeAlarm": "aws_cloudwatch_composite_alarm",
        "cloudwatch/Dashboard": "aws_cloudwatch_dashboard",
        "cloudwatch/LogGroup": "aws_cloudwatch_log_group",
        "cloudwatch/LogMetricFilter": "aws_cloudwatch_log_metric_filter",
        "cloudwatch/LogStream": "aws_cloudwatch_log_stream",
        "cloudwatch/QueryDefinition": "aws_cloudwatch_query_definition",
        "cloudwatch/LogResourcePolicy": "aws_cloudwatch_log_resource_policy",
        "cloudwatch/EventRule": "aws_cloudwatch_event_rule",
        "cloudwatch/EventTarget": "aws_cloudwatch_event_target",
        "cloudwatch/EventArchive": "aws_cloudwatch_event_archive",
        "cloudwatch/EventBus": "aws_cloudwatch_event_bus",
        "cloudwatch/EventBusPolicy": "aws_cloudwatch_event_bus_policy",
        "cloudwatch/LogSubscriptionFilter": "aws_cloudwatch_log_subscription_filter",
        "scheduler/Schedule": "aws_scheduler_schedule",
        "scheduler/ScheduleGroup": "aws_scheduler_schedule_group",
        "ssm/Parameter": "aws_ssm_parameter",
        "ssm/Document": "aws_ssm_document",
        "ssm/Association": "aws_ssm_association",
        "secretsmanager/Secret": "aws_secretsmanager_secret",
        "secretsmanager/SecretVersion": "aws_secretsmanager_secret_version",
        "secretsmanager/SecretPolicy": "aws_secretsmanager_secret_policy",
        "secretsmanager/SecretRotation": "aws_secretsmanager_secret_rotation",
        "backup/Vault": "aws_backup_vault",
        "backup/Plan": "aws_backup_plan",
        "backup/Selection": "aws_backup_selection",
        "backup/VaultPolicy": "aws_backup_vault_policy",
        "backup/VaultLockConfiguration": "aws_backup_vault_lock_configuration",
        "backup/VaultNotifications": "aws_backup_vault_notifications",
        "backup/RestoreTestingPlan": "aws_backup_restore_testing_plan",
        "backup/RestoreTestingSelection": "aws_backup_restore_testing_selection",
        "sfn/StateMachine": "aws_sfn_state_machine",
        "sfn/Alias": "aws_sfn_alias",
        "athena/Workgroup": "aws_athena_workgroup",
        "athena/Database": "aws_athena_database",
        "athena/NamedQuery": "aws_athena_named_query",
        "glue/CatalogDatabase": "aws_glue_catalog_database",
        "glue/CatalogTable": "aws_glue_catalog_table",
        "glue/Crawler": "aws_glue_crawler",
        "glue/SecurityConfiguration": "aws_glue_security_configuration",
        "acm/Certificate": "aws_acm_certificate",
        "acm/CertificateValidation": "aws_acm_certificate_validation",
        "resourcegroups/Group": "aws_resourcegroups_group",
        "dlm/LifecyclePolicy": "aws_dlm_lifecycle_policy",
        "ebs/EncryptionByDefault": "aws_ebs_encryption_by_default",
        "ebs/Volume": "aws_ebs_volume",
        "ebs/Snapshot": "aws_ebs_snapshot",
        "ebs/SnapshotBlockPublicAccess": "aws_ebs_snapshot_block_public_access",
        "cloudtrail/Trail": "aws_cloudtrail",
        "budgets/Budget": "aws_budgets_budget",
    }
)
"""Pulumi type token → Terraform resource type."""

DATA_SOURCES = _tokens(
    {
        "index/getAvailabilityZones": "aws_availability_zones",
        "index/getCallerIdentity": "aws_caller_identity",
        "index/getRegion": "aws_region",
        "index/getPartition": "aws_partition",
        "index/getIpRanges": "aws_ip_ranges",
        "index/getServicePrincipal": "aws_service_principal",
        "ec2/getVpc": "aws_vpc",
        "ec2/getSubnet": "aws_subnet",
        "ec2/getSubnets": "aws_subnets",
        "ec2/getRouteTable": "aws_route_table",
        "ec2/getRouteTables": "aws_route_tables",
        "ec2/getSecurityGroup": "aws_security_group",
        "ec2/getAmi": "aws_ami",
        "ec2/getPrefixList": "aws_prefix_list",
        "ec2/getManagedPrefixList": "aws_ec2_managed_prefix_list",
        "ec2/getVpcEndpointService": "aws_vpc_endpoint_service",
        "ec2/getInternetGateway": "aws_internet_gateway",
        "ssm/getParameter": "aws_ssm_parameter",
        "iam/getPolicyDocument": "aws_iam_policy_document",
        "iam/getPolicy": "aws_iam_policy",
        "iam/getRole": "aws_iam_role",
        "kms/getKey": "aws_kms_key",
        "kms/getAlias": "aws_kms_alias",
        "elb/getServiceAccount": "aws_elb_service_account",
        "lb/getLoadBalancer": "aws_lb",
        "s3/getBucket": "aws_s3_bucket",
        "s3/getCanonicalUserId": "aws_canonical_user_id",
        "sns/getTopic": "aws_sns_topic",
        "acm/getCertificate": "aws_acm_certificate",
    }
)
"""Pulumi function token → Terraform data source."""

EPHEMERAL = _tokens({"secretsmanager/getRandomPassword": "aws_secretsmanager_random_password"})
"""Functions whose answer must never be stored: Terraform's ephemeral resources. What they return
may go into write-only attributes only."""

RENAMED = {
    "aws_cloudwatch_log_subscription_filter": {"logGroup": "log_group_name"},
    "aws_cloudwatch_metric_alarm": {"name": "alarm_name"},
    "aws_glue_catalog_table": {"partitionIndices": "partition_index"},
    "aws_lambda_function": {"name": "function_name", "code": "filename"},
    "aws_lambda_layer_version": {"code": "filename"},
    "aws_lambda_permission": {"function": "function_name"},
    "aws_sns_topic_subscription": {"topic": "topic_arn"},
    "aws_region": {"region": "name"},
}
"""Terraform type → Pulumi's property → Terraform's, where the bridge's naming rule does not hold.
`aws_region.region` is `name` in the provider's version 5."""

LEFT_OUT: dict[str, dict[str, str]] = {}
"""Terraform type → Pulumi's property → why it is left out: what only provider version 6 knows."""
