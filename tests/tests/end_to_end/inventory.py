"""Prints the resources in the account that a stack could have made, as JSON. The argument is the stack's name."""

import json
import sys

import boto3

STACK = sys.argv[1]
# Resources of the SAM CLI itself.
FOREIGN = ("aws-sam-cli-managed-",)


def pages(service: str, operation: str, key: str, **arguments: object) -> list:
    client = boto3.client(service)
    if not client.can_paginate(operation):
        return getattr(client, operation)(**arguments)[key]
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page.get(key) or []]


def ours(items: list, name: str) -> list[str]:
    return sorted(item[name] for item in items if not item[name].startswith(FOREIGN))


cloudfront = boto3.client("cloudfront")
vpcs = [vpc for vpc in pages("ec2", "describe_vpcs", "Vpcs") if not vpc.get("IsDefault")]
print(
    json.dumps(
        {
            "buckets": ours(boto3.client("s3").list_buckets()["Buckets"], "Name"),
            "functions": ours(pages("lambda", "list_functions", "Functions"), "FunctionName"),
            "event_sources": ours(pages("lambda", "list_event_source_mappings", "EventSourceMappings"), "UUID"),
            "queues": sorted(pages("sqs", "list_queues", "QueueUrls")),
            "rules": ours(pages("events", "list_rules", "Rules"), "Name"),
            "schedules": ours(pages("scheduler", "list_schedules", "Schedules"), "Name"),
            "schedule_groups": [
                name
                for name in ours(pages("scheduler", "list_schedule_groups", "ScheduleGroups"), "Name")
                if name != "default"
            ],
            "log_groups": {
                group["logGroupName"]: group.get("retentionInDays")
                for group in pages("logs", "describe_log_groups", "logGroups")
                if group["logGroupName"].startswith(f"/landfall/{STACK}/")
            },
            "metric_filters": ours(pages("logs", "describe_metric_filters", "metricFilters"), "filterName"),
            "roles": ours(pages("iam", "list_roles", "Roles"), "RoleName"),
            "policies": ours(pages("iam", "list_policies", "Policies", Scope="Local"), "PolicyName"),
            "clusters": [arn for arn in pages("ecs", "list_clusters", "clusterArns") if not arn.endswith("/default")],
            "task_definitions": pages("ecs", "list_task_definitions", "taskDefinitionArns"),
            "repositories": ours(pages("ecr", "describe_repositories", "repositories"), "repositoryName"),
            "topics": ours(pages("sns", "list_topics", "Topics"), "TopicArn"),
            "subscriptions": ours(pages("sns", "list_subscriptions", "Subscriptions"), "Endpoint"),
            "alarms": ours(pages("cloudwatch", "describe_alarms", "MetricAlarms"), "AlarmName"),
            "dashboards": ours(pages("cloudwatch", "list_dashboards", "DashboardEntries"), "DashboardName"),
            "distributions": ours(cloudfront.list_distributions()["DistributionList"].get("Items") or [], "Id"),
            "viewer_functions": ours(cloudfront.list_functions()["FunctionList"].get("Items") or [], "Name"),
            "origin_access_controls": ours(
                cloudfront.list_origin_access_controls()["OriginAccessControlList"].get("Items") or [], "Name"
            ),
            "vpcs": ours(vpcs, "VpcId"),
            "security_groups": [
                group["GroupId"]
                for group in pages("ec2", "describe_security_groups", "SecurityGroups")
                if group["VpcId"] in {v["VpcId"] for v in vpcs}
            ],
        }
    )
)
