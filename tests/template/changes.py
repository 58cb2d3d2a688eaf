"""For each rule changes of the template that it must catch."""

from collections.abc import Callable
from typing import Any

import combinations
from reading import statement_of

Resources = dict[str, Any]


def share_a_role(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Role"] = r["OnReleaseFunction"]["Properties"]["Role"]


def grant_all_actions(r: Resources) -> None:
    statement_of(r["BoardPolicy"], "WriteBoard")["Action"] = "s3:*"


def grant_all_resources(r: Resources) -> None:
    statement_of(r["RunPolicy"], "SendWakeMessages")["Resource"] = "*"


def grant_a_whole_bucket(r: Resources) -> None:
    statement_of(r["BoardPolicy"], "WriteBoard")["Resource"] = {"Fn::Sub": "${StateBucket.Arn}/*"}


def forget_a_sid(r: Resources) -> None:
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


def let_the_task_write_what_landed(r: Resources) -> None:
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


def delete_the_ledger_with_the_stack(r: Resources) -> None:
    del r["StateBucket"]["DeletionPolicy"]


def let_anyone_invoke(r: Resources) -> None:
    r["DocsPendingPermission"]["Properties"]["Principal"] = "*"


def let_anyone_send(r: Resources) -> None:
    del r["LoadsQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]["ArnEquals"]


def let_something_in(r: Resources) -> None:
    r["SecurityGroup"]["Properties"]["SecurityGroupIngress"] = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    ]


def lose_a_dead_letter_queue(r: Resources) -> None:
    del r["LoadsQueue"]["Properties"]["RedrivePolicy"]


def lose_a_target_dead_letter(r: Resources) -> None:
    del r["TaskStoppedRule"]["Properties"]["Targets"][0]["DeadLetterConfig"]


def forbid_a_rule_its_dead_letters(r: Resources) -> None:
    condition = r["FunctionDeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]
    condition["ArnEquals"]["aws:SourceArn"].pop()


def forbid_a_function_its_dead_letters(r: Resources) -> None:
    statements = r["PublishDocsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(statement_of(r["PublishDocsRole"], "DeadLetters"))


def lose_a_failure_destination(r: Resources) -> None:
    del r["OnReleaseFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]


def show_messages_too_early(r: Resources) -> None:
    r["LoadsQueue"]["Properties"]["VisibilityTimeout"] = 360


def batch_without_a_window(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Events"]["Loads"]["Properties"]["BatchSize"] = 1000


def fail_whole_batches(r: Resources) -> None:
    del r["OnLoadFunction"]["Properties"]["Events"]["Loads"]["Properties"]["FunctionResponseTypes"]


def keep_logs_for_ever(r: Resources) -> None:
    del r["TaskLogGroup"]["Properties"]["RetentionInDays"]


def log_anywhere(r: Resources) -> None:
    statement_of(r["OnLoadRole"], "Log")["Resource"] = {"Fn::GetAtt": ["TaskLogGroup", "Arn"]}


def show_a_password(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_PASSWORD"] = "hunter2"


def show_a_resolved_secret(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_X"] = "{{resolve:secretsmanager:warehouse}}"


def give_the_task_plain_variables(r: Resources) -> None:
    r["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["Environment"] = [{"Name": "A", "Value": "b"}]


def add_a_nat(r: Resources) -> None:
    r["Nat"] = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": {"Ref": "SubnetA"}}}


def ask_nobody_for_versions(r: Resources) -> None:
    r["DocsDistribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"][0]["FunctionAssociations"] = []


def show_docs_though_private(r: Resources) -> None:
    for name in ("DocsOriginAccessControl", "DocsDistribution"):
        del r[name]["Condition"]


def tell_nobody(r: Resources) -> None:
    del r["OldestPendingAlarm"]["Properties"]["AlarmActions"]


def watch_what_is_not_made(r: Resources) -> None:
    r["RunsFailedAlarm"]["Properties"]["MetricName"] = "RunFailed"


def forget_a_function_s_errors(r: Resources) -> None:
    del r["OnReleaseErrorsAlarm"]


def fix_a_name(r: Resources) -> None:
    r["TaskLogGroup"]["Properties"]["LogGroupName"] = "/landfall/dbt"


def name_a_function_after_the_stack(r: Resources) -> None:
    r["DocsPasswordFunction"]["Properties"]["Name"] = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}-docs-password"}


def forget_the_boundary(r: Resources) -> None:
    del r["ExecutionRole"]["Properties"]["PermissionsBoundary"]


def forget_the_path(r: Resources) -> None:
    del r["RunPolicy"]["Properties"]["Path"]


def pull_from_anywhere(r: Resources) -> None:
    statement_of(r["ExecutionRole"], "PullImage")["Resource"] = {
        "Fn::Sub": "arn:aws:ecr:eu-west-1:${AWS::AccountId}:repository/*"
    }


def let_tags_move(r: Resources) -> None:
    r["Repository"]["Properties"]["ImageTagMutability"] = "MUTABLE"


def forbid_the_first_secret(r: Resources) -> None:
    statement_of(r["SecretsPolicy"], "FetchSecrets")["Resource"].pop(0)


def tag_no_tasks(r: Resources) -> None:
    forget(r, "RunPolicy", "TagTasksAtTheirStart")


def see_nothing_that_is_not_there(r: Resources) -> None:
    forget(r, "PublishDocsRole", "SeeMissingDocs")


def use_no_keys(r: Resources) -> None:
    forget(r, "KeysPolicy", "UseKeysOfBuckets")


def forbid_the_schedule_its_dead_letters(r: Resources) -> None:
    forget(r, "SchedulerRole", "DeadLetters")


def hear_nothing_of_loads_that_nobody_takes(r: Resources) -> None:
    del r["LoadsWaitingAlarm"]


def watch_a_queue_by_its_address(r: Resources) -> None:
    r["LoadsDeadLettersAlarm"]["Properties"]["Dimensions"][0]["Value"] = {"Ref": "LoadsDeadLetterQueue"}


def count_how_it_stands(r: Resources) -> None:
    r["OldestPendingAlarm"]["Properties"]["Statistic"] = "Sum"


def take_silence_of_the_sweep_for_good(r: Resources) -> None:
    r["SweepStoppedAlarm"]["Properties"]["TreatMissingData"] = "notBreaching"


def leave_a_subnet_without_routes(r: Resources) -> None:
    del r["SubnetBRoutes"]


def route_before_there_is_a_gateway(r: Resources) -> None:
    del r["RouteToInternet"]["DependsOn"]


def pay_for_traffic_to_s3(r: Resources) -> None:
    del r["S3Endpoint"]


def hide_the_task_in_its_own_network(r: Resources) -> None:
    r["OnLoadFunction"]["Properties"]["Environment"]["Variables"]["LANDFALL_ASSIGN_PUBLIC_IP"] = "false"


def delete_unread(r: Resources) -> None:
    forget(r, "OnScheduleRole", "ReadLedger")


def forget(r: Resources, policy: str, sid: str) -> None:
    """Takes a statement away."""
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


CHANGES: list[tuple[Callable[[Resources], None], str]] = [
    (share_a_role, "each_function_has_its_own_role"),
    (grant_all_actions, "no_right_is_unbounded"),
    (grant_all_resources, "no_right_is_unbounded"),
    (grant_a_whole_bucket, "no_right_is_unbounded"),
    (forget_a_sid, "each_statement_has_a_name"),
    (pass_any_role, "roles_are_passed_by_name_to_one_service"),
    (pass_a_role_to_anyone, "roles_are_passed_by_name_to_one_service"),
    (run_in_any_cluster, "tasks_run_in_one_family_and_cluster"),
    (run_any_family, "tasks_run_in_one_family_and_cluster"),
    (trust_an_account, "only_services_assume_roles"),
    (schedule_for_another_account, "only_services_assume_roles"),
    (let_the_task_write_what_landed, "task_never_writes_where_data_lands"),
    (deny_the_task_only_a_prefix, "task_never_writes_where_data_lands"),
    (open_a_bucket, "buckets_are_private"),
    (allow_plain_http, "buckets_are_private"),
    (let_anyone_read_the_docs, "buckets_are_private"),
    (delete_the_ledger_with_the_stack, "buckets_outlive_the_stack"),
    (let_anyone_invoke, "nothing_is_reachable_from_outside"),
    (let_anyone_send, "nothing_is_reachable_from_outside"),
    (let_something_in, "nothing_is_reachable_from_outside"),
    (lose_a_dead_letter_queue, "no_hop_loses_an_event"),
    (lose_a_target_dead_letter, "no_hop_loses_an_event"),
    (forbid_a_rule_its_dead_letters, "no_hop_loses_an_event"),
    (forbid_a_function_its_dead_letters, "no_hop_loses_an_event"),
    (lose_a_failure_destination, "no_hop_loses_an_event"),
    (show_messages_too_early, "queue_hides_messages_long_enough"),
    (batch_without_a_window, "queue_hides_messages_long_enough"),
    (fail_whole_batches, "queue_hides_messages_long_enough"),
    (keep_logs_for_ever, "logs_end"),
    (log_anywhere, "logs_end"),
    (show_a_password, "no_secret_stands_in_the_open"),
    (show_a_resolved_secret, "no_secret_stands_in_the_open"),
    (give_the_task_plain_variables, "no_secret_stands_in_the_open"),
    (add_a_nat, "nothing_is_there_to_be_paid_while_idle"),
    (ask_nobody_for_versions, "docs_are_shown_only_to_whom_the_parameter_says"),
    (show_docs_though_private, "docs_are_shown_only_to_whom_the_parameter_says"),
    (tell_nobody, "every_alarm_is_told_and_every_hop_has_one"),
    (watch_what_is_not_made, "every_alarm_is_told_and_every_hop_has_one"),
    (forget_a_function_s_errors, "every_alarm_is_told_and_every_hop_has_one"),
    (tag_no_tasks, "each_right_has_what_it_is_no_use_without"),
    (see_nothing_that_is_not_there, "each_right_has_what_it_is_no_use_without"),
    (use_no_keys, "each_right_has_what_it_is_no_use_without"),
    (forbid_the_schedule_its_dead_letters, "no_hop_loses_an_event"),
    (hear_nothing_of_loads_that_nobody_takes, "every_alarm_is_told_and_every_hop_has_one"),
    (watch_a_queue_by_its_address, "each_alarm_can_fire"),
    (count_how_it_stands, "each_alarm_can_fire"),
    (take_silence_of_the_sweep_for_good, "each_alarm_can_fire"),
    (leave_a_subnet_without_routes, "its_own_network_leads_out"),
    (route_before_there_is_a_gateway, "its_own_network_leads_out"),
    (pay_for_traffic_to_s3, "its_own_network_leads_out"),
    (hide_the_task_in_its_own_network, "its_own_network_leads_out"),
    (delete_unread, "the_sweep_reads_what_it_deletes"),
    (fix_a_name, "several_stacks_fit_into_an_account"),
    (name_a_function_after_the_stack, "several_stacks_fit_into_an_account"),
    (forget_the_boundary, "the_account_s_rules_hold_for_every_role"),
    (forget_the_path, "the_account_s_rules_hold_for_every_role"),
    (pull_from_anywhere, "only_pushed_images_of_one_repository_are_pulled"),
    (let_tags_move, "only_pushed_images_of_one_repository_are_pulled"),
    (forbid_the_first_secret, "no_secret_stands_in_the_open"),
]
# Those that show only with other parameters than the defaults.
GIVEN = {
    "batch_without_a_window": {"BatchWindow": "0"},
    "ask_nobody_for_versions": {"DocsAccess": "basic"},
    "name_a_function_after_the_stack": {"DocsAccess": "basic"},
    "use_no_keys": {"KmsKeyArns": combinations.CHOICES["KmsKeyArns"][1]},
    "forget_the_boundary": {"PermissionsBoundaryArn": combinations.CHOICES["PermissionsBoundaryArn"][1]},
    "forget_the_path": {"RolePath": "/data/"},
    "forbid_the_first_secret": {"SecretArn1": combinations.CHOICES["SecretArn1"][1]},
}
