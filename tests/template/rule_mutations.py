"""Mutations of the template. Each must be caught by the rule that it names."""

from collections.abc import Callable
from typing import Any

import parameter_combinations
from template_queries import statement_of

Resources = dict[str, Any]


def share_a_role(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Role"] = r["OnReleaseFunction"]["Properties"]["Role"]


def grant_all_actions(r: Resources) -> None:
    statement_of(r["BoardPolicy"], "WriteBoard")["Action"] = "s3:*"


def grant_all_resources(r: Resources) -> None:
    statement_of(r["RunPolicy"], "SendWakeMessages")["Resource"] = "*"


def grant_a_whole_bucket(r: Resources) -> None:
    statement_of(r["BoardPolicy"], "WriteBoard")["Resource"] = {"Fn::Sub": "${StateBucket.Arn}/*"}


def remove_a_sid(r: Resources) -> None:
    del statement_of(r["BoardPolicy"], "WriteBoard")["Sid"]


def pass_any_role(r: Resources) -> None:
    statement_of(r["RunPolicy"], "PassTaskRoles")["Resource"] = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/*"}


def pass_a_role_to_anyone(r: Resources) -> None:
    del statement_of(r["OnReleaseRole"], "PassSchedulerRole")["Condition"]


def run_in_any_cluster(r: Resources) -> None:
    del statement_of(r["RunPolicy"], "StartTasks")["Condition"]


def run_any_family(r: Resources) -> None:
    statement_of(r["RunPolicy"], "StartTasks")["Resource"] = {
        "Fn::Sub": "arn:aws:ecs:eu-west-1:${AWS::AccountId}:task-definition/*"
    }


def trust_an_account(r: Resources) -> None:
    r["OnLoadRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


def schedule_for_another_account(r: Resources) -> None:
    del r["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


def let_the_task_write_landed_data(r: Resources) -> None:
    statements = r["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(statement_of(r["TaskRole"], "DenyWritesWhereDataLands"))


def deny_the_task_only_a_prefix(r: Resources) -> None:
    statement_of(r["TaskRole"], "DenyWritesWhereDataLands")["Resource"] = {"Fn::Sub": "${StateBucket.Arn}/raw/*"}


def open_a_bucket(r: Resources) -> None:
    r["DocsBucket"]["Properties"]["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def allow_plain_http(r: Resources) -> None:
    del r["StateBucketPolicy"]


def let_anyone_read_the_docs(r: Resources) -> None:
    r["DocsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": {"Fn::Sub": "${DocsBucket.Arn}/*"},
        }
    )


def delete_the_state_bucket_with_the_stack(r: Resources) -> None:
    del r["StateBucket"]["DeletionPolicy"]


def let_anyone_invoke(r: Resources) -> None:
    r["DocsPendingPermission"]["Properties"]["Principal"] = "*"


def let_anyone_send(r: Resources) -> None:
    del r["LoadsQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]["ArnEquals"]


def allow_inbound_traffic(r: Resources) -> None:
    r["SecurityGroup"]["Properties"]["SecurityGroupIngress"] = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    ]


def remove_a_dead_letter_queue(r: Resources) -> None:
    del r["LoadsQueue"]["Properties"]["RedrivePolicy"]


def remove_a_target_dead_letter_queue(r: Resources) -> None:
    del r["TaskStoppedRule"]["Properties"]["Targets"][0]["DeadLetterConfig"]


def deny_a_rule_its_dead_letter_queue(r: Resources) -> None:
    condition = r["FunctionDeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]
    condition["ArnEquals"]["aws:SourceArn"].pop()


def deny_a_function_its_dead_letter_queue(r: Resources) -> None:
    statements = r["PublishDocsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(statement_of(r["PublishDocsRole"], "DeadLetters"))


def remove_a_failure_destination(r: Resources) -> None:
    del r["OnReleaseFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]


def shorten_the_visibility_timeout(r: Resources) -> None:
    r["LoadsQueue"]["Properties"]["VisibilityTimeout"] = 360


def batch_without_a_window(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Events"]["Loads"]["Properties"]["MaximumBatchingWindowInSeconds"] = 0


def collect_ten_messages(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Events"]["Loads"]["Properties"]["BatchSize"] = 10


def fail_whole_batches(r: Resources) -> None:
    del r["OnLoadFunction"]["Properties"]["Events"]["Loads"]["Properties"]["FunctionResponseTypes"]


def keep_logs_forever(r: Resources) -> None:
    del r["TaskLogGroup"]["Properties"]["RetentionInDays"]


def log_to_any_group(r: Resources) -> None:
    statement_of(r["OnLoadRole"], "Log")["Resource"] = {"Fn::GetAtt": ["TaskLogGroup", "Arn"]}


def show_a_password(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_PASSWORD"] = "hunter2"


def show_a_resolved_secret(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_X"] = "{{resolve:secretsmanager:warehouse}}"


def give_the_task_plain_variables(r: Resources) -> None:
    r["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["Environment"] = [{"Name": "A", "Value": "b"}]


def add_a_nat(r: Resources) -> None:
    r["Nat"] = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": {"Ref": "SubnetA"}}}


def serve_versions_without_a_check(r: Resources) -> None:
    r["DocsDistribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"][0]["FunctionAssociations"] = []


def show_docs_though_private(r: Resources) -> None:
    for name in ("DocsOriginAccessControl", "DocsDistribution"):
        del r[name]["Condition"]


def remove_alarm_actions(r: Resources) -> None:
    del r["OldestPendingAlarm"]["Properties"]["AlarmActions"]


def watch_a_metric_that_no_filter_writes(r: Resources) -> None:
    r["RunsFailedAlarm"]["Properties"]["MetricName"] = "RunFailed"


def remove_an_error_alarm(r: Resources) -> None:
    del r["OnReleaseErrorsAlarm"]


def use_a_fixed_name(r: Resources) -> None:
    r["TaskLogGroup"]["Properties"]["LogGroupName"] = "/landfall/dbt"


def name_a_function_after_the_stack(r: Resources) -> None:
    r["DocsPasswordFunction"]["Properties"]["Name"] = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}-docs-password"}


def remove_the_boundary(r: Resources) -> None:
    del r["ExecutionRole"]["Properties"]["PermissionsBoundary"]


def remove_the_path(r: Resources) -> None:
    del r["RunPolicy"]["Properties"]["Path"]


def pull_from_anywhere(r: Resources) -> None:
    statement_of(r["ExecutionRole"], "PullImage")["Resource"] = {
        "Fn::Sub": "arn:aws:ecr:eu-west-1:${AWS::AccountId}:repository/*"
    }


def allow_mutable_tags(r: Resources) -> None:
    r["Repository"]["Properties"]["ImageTagMutability"] = "MUTABLE"


def deny_the_first_secret(r: Resources) -> None:
    statement_of(r["SecretsPolicy"], "FetchSecrets")["Resource"].pop(0)


def remove_the_right_to_tag(r: Resources) -> None:
    remove_statement(r, "RunPolicy", "TagTasksAtTheirStart")


def remove_the_right_to_list(r: Resources) -> None:
    remove_statement(r, "PublishDocsRole", "SeeMissingDocs")


def remove_the_right_to_use_keys(r: Resources) -> None:
    remove_statement(r, "KeysPolicy", "UseKeysOfBuckets")


def deny_the_schedule_its_dead_letter_queue(r: Resources) -> None:
    remove_statement(r, "SchedulerRole", "DeadLetters")


def remove_the_alarm_on_waiting_loads(r: Resources) -> None:
    del r["LoadsWaitingAlarm"]


def watch_a_queue_by_its_address(r: Resources) -> None:
    r["LoadsDeadLettersAlarm"]["Properties"]["Dimensions"][0]["Value"] = {"Ref": "LoadsDeadLetterQueue"}


def sum_up_a_gauge(r: Resources) -> None:
    r["OldestPendingAlarm"]["Properties"]["Statistic"] = "Sum"


def treat_a_missing_sweep_as_healthy(r: Resources) -> None:
    r["SweepStoppedAlarm"]["Properties"]["TreatMissingData"] = "notBreaching"


def remove_the_routes_of_a_subnet(r: Resources) -> None:
    del r["SubnetBRoutes"]


def create_a_route_before_its_gateway(r: Resources) -> None:
    del r["RouteToInternet"]["DependsOn"]


def remove_the_s3_endpoint(r: Resources) -> None:
    del r["S3Endpoint"]


def deny_the_task_a_public_address(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_ASSIGN_PUBLIC_IP"] = "false"


def delete_ledger_pages_without_reading(r: Resources) -> None:
    remove_statement(r, "OnScheduleRole", "ReadLedger")


def remove_statement(r: Resources, policy: str, sid: str) -> None:
    """Removes a statement from a policy."""
    properties = r[policy]["Properties"]
    for document in (
        [properties["PolicyDocument"]]
        if "PolicyDocument" in properties
        else [p["PolicyDocument"] for p in properties["Policies"]]
    ):
        document["Statement"] = [
            s for s in document["Statement"] if s.get("Sid", "") != sid and not _is_conditional(s, sid)
        ]


def _is_conditional(statement: dict[str, Any], sid: str) -> bool:
    return "Fn::If" in statement and statement["Fn::If"][1].get("Sid") == sid


MUTATIONS: list[tuple[Callable[[Resources], None], str]] = [
    (share_a_role, "each_function_has_its_own_role"),
    (grant_all_actions, "no_right_is_unbounded"),
    (grant_all_resources, "no_right_is_unbounded"),
    (grant_a_whole_bucket, "no_right_is_unbounded"),
    (remove_a_sid, "each_statement_has_a_name"),
    (pass_any_role, "roles_are_passed_by_name_to_one_service"),
    (pass_a_role_to_anyone, "roles_are_passed_by_name_to_one_service"),
    (run_in_any_cluster, "tasks_run_in_one_family_and_cluster"),
    (run_any_family, "tasks_run_in_one_family_and_cluster"),
    (trust_an_account, "only_services_assume_roles"),
    (schedule_for_another_account, "only_services_assume_roles"),
    (let_the_task_write_landed_data, "task_never_writes_where_data_lands"),
    (deny_the_task_only_a_prefix, "task_never_writes_where_data_lands"),
    (open_a_bucket, "buckets_are_private"),
    (allow_plain_http, "buckets_are_private"),
    (let_anyone_read_the_docs, "buckets_are_private"),
    (delete_the_state_bucket_with_the_stack, "buckets_outlive_the_stack"),
    (let_anyone_invoke, "nothing_is_reachable_from_outside"),
    (let_anyone_send, "nothing_is_reachable_from_outside"),
    (allow_inbound_traffic, "nothing_is_reachable_from_outside"),
    (remove_a_dead_letter_queue, "no_hop_loses_an_event"),
    (remove_a_target_dead_letter_queue, "no_hop_loses_an_event"),
    (deny_a_rule_its_dead_letter_queue, "no_hop_loses_an_event"),
    (deny_a_function_its_dead_letter_queue, "no_hop_loses_an_event"),
    (remove_a_failure_destination, "no_hop_loses_an_event"),
    (shorten_the_visibility_timeout, "queue_hides_messages_long_enough"),
    (batch_without_a_window, "queue_hides_messages_long_enough"),
    (collect_ten_messages, "queue_hides_messages_long_enough"),
    (fail_whole_batches, "queue_hides_messages_long_enough"),
    (keep_logs_forever, "logs_have_a_retention"),
    (log_to_any_group, "logs_have_a_retention"),
    (show_a_password, "no_secret_is_readable"),
    (show_a_resolved_secret, "no_secret_is_readable"),
    (give_the_task_plain_variables, "no_secret_is_readable"),
    (add_a_nat, "nothing_costs_money_while_idle"),
    (serve_versions_without_a_check, "docs_access_follows_the_parameter"),
    (show_docs_though_private, "docs_access_follows_the_parameter"),
    (remove_alarm_actions, "every_alarm_notifies_and_every_hop_has_one"),
    (watch_a_metric_that_no_filter_writes, "every_alarm_notifies_and_every_hop_has_one"),
    (remove_an_error_alarm, "every_alarm_notifies_and_every_hop_has_one"),
    (remove_the_right_to_tag, "each_right_has_the_rights_it_needs"),
    (remove_the_right_to_list, "each_right_has_the_rights_it_needs"),
    (remove_the_right_to_use_keys, "each_right_has_the_rights_it_needs"),
    (deny_the_schedule_its_dead_letter_queue, "no_hop_loses_an_event"),
    (remove_the_alarm_on_waiting_loads, "every_alarm_notifies_and_every_hop_has_one"),
    (watch_a_queue_by_its_address, "each_alarm_can_fire"),
    (sum_up_a_gauge, "each_alarm_can_fire"),
    (treat_a_missing_sweep_as_healthy, "each_alarm_can_fire"),
    (remove_the_routes_of_a_subnet, "created_network_reaches_the_internet"),
    (create_a_route_before_its_gateway, "created_network_reaches_the_internet"),
    (remove_the_s3_endpoint, "created_network_reaches_the_internet"),
    (deny_the_task_a_public_address, "created_network_reaches_the_internet"),
    (delete_ledger_pages_without_reading, "the_sweep_reads_what_it_deletes"),
    (use_a_fixed_name, "several_stacks_fit_into_an_account"),
    (name_a_function_after_the_stack, "several_stacks_fit_into_an_account"),
    (remove_the_boundary, "boundary_and_path_apply_to_every_role"),
    (remove_the_path, "boundary_and_path_apply_to_every_role"),
    (pull_from_anywhere, "only_pushed_images_of_one_repository_are_pulled"),
    (allow_mutable_tags, "only_pushed_images_of_one_repository_are_pulled"),
    (deny_the_first_secret, "no_secret_is_readable"),
]
# Parameters for mutations that have no effect with the defaults.
GIVEN = {
    "serve_versions_without_a_check": {"DocsAccess": "basic"},
    "name_a_function_after_the_stack": {"DocsAccess": "basic"},
    "remove_the_right_to_use_keys": {"KmsKeyArns": parameter_combinations.CHOICES["KmsKeyArns"][1]},
    "remove_the_boundary": {"PermissionsBoundaryArn": parameter_combinations.CHOICES["PermissionsBoundaryArn"][1]},
    "remove_the_path": {"RolePath": "/data/"},
    "deny_the_first_secret": {"SecretArn1": parameter_combinations.CHOICES["SecretArn1"][1]},
}
