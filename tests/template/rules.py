"""What must hold of the translated template whatever the parameters are: each rule takes a resolved template and gives what is wrong.

These hold what no emulator shows: who may pass which role, what is public, which hop could lose an event.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from combinations import Watched
from translated import PSEUDO

# Resolved, or watched while it is read: the rules read either only by `resources`, `of_type`, `value_of` and `declared`.
Template = dict[str, Any] | Watched
Finding = str

# The only statements that may say `Resource: "*"`, by policy and statement, and why.
UNBOUNDED = {
    ("OnReleaseRole", "PinImages"): "describing a task definition has no resource; registering is bounded by the roles that may be passed",
    ("OnReleaseRole", "ListSchedules"): "listing schedules has no resource",
    ("ExecutionRole", "LogInToRegistry"): "a registry's authorization token has no resource",
}

# Role -> the service it may be passed to.
PASSABLE = {
    "<TaskRole.Arn>": "ecs-tasks.amazonaws.com",
    "<ExecutionRole.Arn>": "ecs-tasks.amazonaws.com",
    "<SchedulerRole.Arn>": "scheduler.amazonaws.com",
}

# NoEcho, and yet no secret: a hash, for the code of a CloudFront Function.
HASHES = {"DocsCredentialsSha256"}

# The queues that are dead-letter queues: they need none themselves.
DEAD_LETTERS = {"LoadsDeadLetterQueue", "FunctionDeadLetterQueue"}


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """All resources of a type, by logical id."""
    if isinstance(template, Watched):
        return template.of_kind(kind)
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}


def of_type(template: Template, kind: str) -> dict[str, Mapping[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {name: found.get("Properties", {}) for name, found in resources(template, kind).items()}


def listed(value: Any) -> list[Any]:
    """A policy's element is one thing or a list."""
    return value if isinstance(value, list) else [value]


def value_of(template: Template, parameter: str) -> str:
    """The value that a resolved template was made with."""
    if isinstance(template, Watched):
        return template.value(parameter)
    return str(template["Parameters"][parameter].get("Default", ""))


def of_kinds_that_declare(template: Template, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    """Properties of all resources of those types of which one declares one of these properties."""
    whole = template.everything.template if isinstance(template, Watched) else template
    kinds = {found["Type"] for found in whole["Resources"].values() if keys & set(found.get("Properties", {}))}
    return {name: found for kind in sorted(kinds) for name, found in of_type(template, kind).items()}


def declared(template: Template) -> dict[str, dict[str, Any]]:
    """The parameters as they are declared, whatever their values."""
    return template.parameters if isinstance(template, Watched) else template["Parameters"]


def pattern(rule: dict[str, Any]) -> dict[str, Any]:
    """The event pattern of a rule, which may be given as JSON text."""
    given = rule["EventPattern"]
    return json.loads(given) if isinstance(given, str) else given


def role_statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of a role's or a managed policy, with the id of the resource it stands in."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for name, policy in (of_type(template, "AWS::IAM::ManagedPolicy") | of_type(template, "AWS::IAM::Policy")).items():
        for statement in policy["PolicyDocument"]["Statement"]:
            yield name, statement


def statement_of(role: dict[str, Any], sid: str) -> dict[str, Any]:
    """A statement of a role or managed policy by its name."""
    properties = role["Properties"]
    documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else [p["PolicyDocument"] for p in properties["Policies"]]
    return next(s for document in documents for s in document["Statement"] if s.get("Sid") == sid)


def each_function_has_its_own_role(template: Template) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = function["Role"]
        if role in seen:
            yield f"{name} shares {role} with {seen[role]}"
        if role.removeprefix("<").removesuffix(".Arn>") not in of_type(template, "AWS::IAM::Role"):
            yield f"{name} has a role that isn't the template's: {role}"
        seen[role] = name


def no_right_is_unbounded(template: Template) -> Iterator[Finding]:
    for name, statement in role_statements(template):
        if statement["Effect"] != "Allow":
            continue
        where = f"{name}.{statement.get('Sid')}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where} grants by exclusion"
        for action in listed(statement.get("Action", [])):
            if "*" in action:
                yield f"{where} grants {action}"
        for resource in listed(statement.get("Resource", [])):
            if resource == "*" and (name, statement.get("Sid")) not in UNBOUNDED:
                yield f"{where} is not bound to a resource"
            if resource.endswith("Bucket.Arn>/*") and statement.get("Sid") != "ReadLanded":
                yield f"{where} reaches every object of a bucket: {resource}"


def each_statement_has_a_name(template: Template) -> Iterator[Finding]:
    seen = set()
    for name, statement in role_statements(template):
        key = (name, statement.get("Sid"))
        if not statement.get("Sid") or key in seen:
            yield f"a statement of {name} has no Sid of its own"
        seen.add(key)


def roles_are_passed_by_name_to_one_service(template: Template) -> Iterator[Finding]:
    for name, statement in role_statements(template):
        if "iam:PassRole" not in listed(statement["Action"]):
            continue
        where = f"{name}.{statement.get('Sid')}"
        to = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
        for role in listed(statement["Resource"]):
            if PASSABLE.get(role) is None or PASSABLE[role] != to:
                yield f"{where} passes {role} to {to}"
        if listed(statement["Action"]) != ["iam:PassRole"]:
            yield f"{where} mixes PassRole with other actions"


def tasks_run_in_one_family_and_cluster(template: Template) -> Iterator[Finding]:
    family = of_type(template, "AWS::ECS::TaskDefinition")["TaskDefinition"]["Family"]
    given = value_of(template, "ClusterArn")
    cluster, name_of_cluster = given or "<Cluster.Arn>", given.partition("/")[2] or "<Cluster>"
    for name, statement in role_statements(template):
        actions = {action for action in listed(statement["Action"]) if action in ("ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks")}
        if not actions:
            continue
        where = f"{name}.{statement.get('Sid')}"
        if statement.get("Condition", {}).get("ArnEquals", {}).get("ecs:cluster") != cluster:
            yield f"{where} is not held to the cluster"
        for resource in listed(statement["Resource"]):
            if "ecs:RunTask" in actions and not resource.endswith(f":task-definition/{family}:*"):
                yield f"{where} runs {resource}"
            if "ecs:RunTask" not in actions and not resource.endswith(f":task/{name_of_cluster}/*"):
                yield f"{where} reaches {resource}"


def only_services_assume_roles(template: Template) -> Iterator[Finding]:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            principal = statement["Principal"]
            if not isinstance(principal, dict) or set(principal) != {"Service"}:
                yield f"{name} may be assumed by {principal}"
                continue
            service = principal["Service"]
            shared = service == "scheduler.amazonaws.com" or name == "TaskRole"
            if shared and "aws:SourceAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
                yield f"{name} may be assumed by {service} for another account"


def task_never_writes_where_data_lands(template: Template) -> Iterator[Finding]:
    policy = of_type(template, "AWS::IAM::Role")["TaskRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    rule = pattern(of_type(template, "AWS::Events::Rule")["ObjectLandedRule"])["detail"]["bucket"]["name"]
    landing = {bucket if bucket.startswith("<") else f"arn:aws:s3:::{bucket}" for bucket in rule}
    denied = {
        resource
        for statement in policy
        if statement["Effect"] == "Deny" and {"s3:PutObject", "s3:DeleteObject"} <= set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    for bucket in landing:
        if f"{bucket}/*".replace("<LandingBucket>/*", "<LandingBucket.Arn>/*") not in denied:
            yield f"the task may write to {bucket}"
    for name, statement in role_statements(template):
        if statement["Effect"] != "Allow":
            continue
        for action in listed(statement["Action"]):
            writes = action in ("s3:PutObject", "s3:DeleteObject")
            if writes and any("LandingBucket" in resource or "arn:aws:s3:::acme" in resource for resource in listed(statement["Resource"])):
                yield f"{name}.{statement.get('Sid')} writes where data lands"


def buckets_are_private(template: Template) -> Iterator[Finding]:
    policies = {policy["Bucket"]: policy for policy in of_type(template, "AWS::S3::BucketPolicy").values()}
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        block = bucket.get("PublicAccessBlockConfiguration", {})
        for switch in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
            if str(block.get(switch)).lower() != "true":
                yield f"{name} does not {switch}"
        if "WebsiteConfiguration" in bucket or "AccessControl" in bucket:
            yield f"{name} is a web site or has an ACL"
        if bucket.get("OwnershipControls", {}).get("Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield f"{name} honours ACLs"
        if "BucketEncryption" not in bucket:
            yield f"{name} does not say how it is encrypted"
        statements = policies.get(f"<{name}>", {}).get("PolicyDocument", {}).get("Statement", [])
        arn = f"<{name}.Arn>"
        if not any(
            statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Action"] == "s3:*"
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            and statement["Resource"] == [arn, f"{arn}/*"]
            for statement in statements
        ):
            yield f"{name} may be used without TLS"
        for statement in statements:
            if statement["Effect"] == "Allow" and not (name == "DocsBucket" and _is_for_our_distribution(template, statement)):
                yield f"{name} is opened by its policy: {statement.get('Sid')}"


def _is_for_our_distribution(template: Template, statement: dict[str, Any]) -> bool:
    return (
        value_of(template, "DocsAccess") != "private"
        and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        and statement["Action"] == "s3:GetObject"
        and statement["Condition"] == {"StringEquals": {"aws:SourceArn": "arn:aws:cloudfront::111122223333:distribution/<DocsDistribution>"}}
    )


def docs_are_shown_only_to_whom_the_parameter_says(template: Template) -> Iterator[Finding]:
    access = value_of(template, "DocsAccess")
    distributions = of_type(template, "AWS::CloudFront::Distribution")
    if access == "private":
        for kind in ("Distribution", "Function", "OriginAccessControl"):
            for name in of_type(template, f"AWS::CloudFront::{kind}"):
                yield f"{name} is made though the docs are private"
        return
    guard = {"basic": "DocsPasswordFunction", "ip": "DocsAddressFunction", "public": None}[access]
    for name, distribution in distributions.items():
        config = distribution["DistributionConfig"]
        for origin in config["Origins"]:
            if origin.get("OriginAccessControlId") != "<DocsOriginAccessControl>":
                yield f"{name} reads {origin['Id']} without its access control"
        for behavior in [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]:
            where = f"{name} {behavior.get('PathPattern', '*')}"
            if behavior["ViewerProtocolPolicy"] != "redirect-to-https":
                yield f"{where} answers without TLS"
            asked = [(a["EventType"], a["FunctionARN"]) for a in behavior["FunctionAssociations"]]
            if asked != ([("viewer-request", f"<{guard}.FunctionARN>")] if guard else []):
                yield f"{where} does not ask {guard}"
    for name, control in of_type(template, "AWS::CloudFront::OriginAccessControl").items():
        config = control["OriginAccessControlConfig"]
        if (config["SigningBehavior"], config["SigningProtocol"]) != ("always", "sigv4"):
            yield f"{name} does not sign"
    if not distributions:
        yield "there is no distribution"


def buckets_outlive_the_stack(template: Template) -> Iterator[Finding]:
    for name, resource in resources(template, "AWS::S3::Bucket").items():
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate" or resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name} would be deleted with the stack, or by an update"


def nothing_is_reachable_from_outside(template: Template) -> Iterator[Finding]:
    for kind in ("AWS::Lambda::Url", "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api", "AWS::EC2::SecurityGroupIngress"):
        for name in of_type(template, kind):
            yield f"{name} is a way in"
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        if group.get("SecurityGroupIngress"):
            yield f"{name} lets something in"
    for name, subnet in of_type(template, "AWS::EC2::Subnet").items():
        if subnet.get("MapPublicIpOnLaunch"):
            yield f"{name} gives everything in it a public address"
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        if permission["Principal"] != "events.amazonaws.com" or not str(permission.get("SourceArn", "")).endswith("Rule.Arn>"):
            yield f"{name} lets anyone but one rule invoke {permission['FunctionName']}"
    for name, policy in of_type(template, "AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            sources = listed(statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", []))
            if statement["Principal"] != {"Service": "events.amazonaws.com"} or not sources or not all(s.endswith("Rule.Arn>") for s in sources):
                yield f"{name} lets anyone but the rules send"


def no_hop_loses_an_event(template: Template) -> Iterator[Finding]:
    queues = of_type(template, "AWS::SQS::Queue")
    arns = {f"<{name}.Arn>" for name in queues}
    for name, queue in queues.items():
        redrive = queue.get("RedrivePolicy")
        if name in DEAD_LETTERS:
            if queue.get("MessageRetentionPeriod") != 1209600:
                yield f"{name} does not keep dead letters as long as it can"
            continue
        if not redrive or redrive["deadLetterTargetArn"] not in {f"<{dead}.Arn>" for dead in DEAD_LETTERS}:
            yield f"{name} has no dead-letter queue"
        elif int(redrive["maxReceiveCount"]) != 10:
            yield f"{name} gives up after {redrive['maxReceiveCount']} receives, not 10"
        if int(queue.get("MessageRetentionPeriod", 345600)) >= 1209600:
            yield f"{name} keeps messages as long as its dead letters are kept: a late one would expire on arrival"
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            dead = target.get("DeadLetterConfig", {}).get("Arn")
            if dead not in arns:
                yield f"{name} has a target without dead letters"
            elif not _may_send(template, f"<{name}.Arn>", dead):
                yield f"{name} may not send to its dead-letter queue"
            if target["Arn"] in arns and not _may_send(template, f"<{name}.Arn>", target["Arn"]):
                yield f"{name} may not send to its queue"
    for name, schedule in of_type(template, "AWS::Scheduler::Schedule").items():
        if schedule["Target"].get("DeadLetterConfig", {}).get("Arn") not in arns:
            yield f"{name} has no dead letters"
    polled = {mapping["FunctionName"] for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values()}
    caught = {
        config["FunctionName"]: config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        for config in of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    }
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if f"<{name}>" in polled:
            continue
        destination = caught.get(f"<{name}>")
        role = function["Role"].removeprefix("<").removesuffix(".Arn>")
        if destination not in arns:
            yield f"{name} is invoked asynchronously and nothing catches what it fails on"
        elif not any(
            where == role and "sqs:SendMessage" in listed(statement["Action"]) and destination in listed(statement["Resource"])
            for where, statement in role_statements(template)
        ):
            yield f"{name} may not send to its failure destination"


def _may_send(template: Template, rule: str, queue: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and queue in listed(statement["Resource"])
        and rule in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    )


def queue_hides_messages_long_enough(template: Template) -> Iterator[Finding]:
    longest_window = int(declared(template)["BatchWindow"]["MaxValue"])
    functions = of_type(template, "AWS::Lambda::Function")
    queues = of_type(template, "AWS::SQS::Queue")
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        function = functions[mapping["FunctionName"].strip("<>")]
        queue = mapping["EventSourceArn"].removeprefix("<").removesuffix(".Arn>")
        needed = 6 * int(function["Timeout"]) + longest_window
        if int(queues[queue]["VisibilityTimeout"]) < needed:
            yield f"{queue} hides a message for {queues[queue]['VisibilityTimeout']} s, {name} needs {needed} s"
        if int(mapping["BatchSize"]) > 10 and int(mapping["MaximumBatchingWindowInSeconds"]) < 1:
            yield f"{name} asks for {mapping['BatchSize']} messages without a window"
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} fails a whole batch for one message"
        if int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0)) != 2:
            yield f"{name} is not held to two at once"


def logs_end(template: Template) -> Iterator[Finding]:
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, group in groups.items():
        if not group.get("RetentionInDays"):
            yield f"{name} keeps logs for ever"
    used = set()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        group = function.get("LoggingConfig", {}).get("LogGroup", "").strip("<>")
        role = function["Role"].removeprefix("<").removesuffix(".Arn>")
        if group not in groups or group in used:
            yield f"{name} has no log group of its own"
        used.add(group)
        rights = [statement for where, statement in role_statements(template) if where == role and statement.get("Sid") == "Log"]
        if [listed(right["Resource"]) for right in rights] != [[f"<{group}.Arn>"]]:
            yield f"{role} may log elsewhere than {group}"
    for name, statement in role_statements(template):
        if "logs:CreateLogGroup" in listed(statement["Action"]):
            yield f"{name} may make log groups that are kept for ever"


def no_secret_stands_in_the_open(template: Template) -> Iterator[Finding]:
    suspicious = ("SECRET", "PASSWORD", "PASSPHRASE", "TOKEN", "PRIVATE", "CREDENTIAL", "API_KEY", "ACCESS_KEY")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if not variable.startswith("LANDFALL_") or any(word in variable for word in suspicious):
                yield f"{name} has the variable {variable}"
            if "{{resolve:" in str(value):
                yield f"{name}.{variable} would show a secret to whoever may read the function"
    for name, definition in of_type(template, "AWS::ECS::TaskDefinition").items():
        for container in definition["ContainerDefinitions"]:
            if container.get("Environment"):
                yield f"{name} has plain environment variables"
            for secret in container.get("Secrets", []):
                if not secret["ValueFrom"].startswith("arn:aws:secretsmanager:"):
                    yield f"{name} has the secret {secret['Name']} by value"
                elif not any(
                    where == "SecretsPolicy"
                    and statement["Action"] == "secretsmanager:GetSecretValue"
                    and ":".join(secret["ValueFrom"].split(":")[:7]) in statement["Resource"]
                    for where, statement in role_statements(template)
                ):
                    yield f"{name} has the secret {secret['Name']}, which its execution role may not fetch"
    for name, parameter in declared(template).items():
        if parameter.get("NoEcho") and name not in HASHES:
            yield f"{name} is a secret given as a parameter"


def nothing_is_there_to_be_paid_while_idle(template: Template) -> Iterator[Finding]:
    for kind in ("AWS::StepFunctions::StateMachine", "AWS::EC2::NatGateway", "AWS::ECS::Service", "AWS::EC2::Instance", "AWS::DynamoDB::Table"):
        for name in of_type(template, kind):
            yield f"{name} is a {kind}"
    for name, endpoint in of_type(template, "AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType") != "Gateway":
            yield f"{name} is paid by the hour"


def every_alarm_is_told_and_every_hop_has_one(template: Template) -> Iterator[Finding]:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    made = {
        (transformation["MetricNamespace"], transformation["MetricName"])
        for metric_filter in of_type(template, "AWS::Logs::MetricFilter").values()
        for transformation in metric_filter["MetricTransformations"]
    }
    watched: set[Any] = set()
    for name, alarm in alarms.items():
        if alarm.get("AlarmActions") != ["<AlarmTopic>"]:
            yield f"{name} tells nobody"
        own = not alarm["Namespace"].startswith("AWS/")
        if own and (alarm["Namespace"], alarm["MetricName"]) not in made:
            yield f"{name} watches {alarm['MetricName']}, which no filter makes"
        watched |= {(alarm["MetricName"], dimension["Value"]) for dimension in alarm.get("Dimensions", [])}
        watched |= {alarm["MetricName"]} if own else set()
    for queue in DEAD_LETTERS:
        if ("ApproximateNumberOfMessagesVisible", f"<{queue}.QueueName>") not in watched:
            yield f"nobody hears of dead letters in {queue}"
    for function in of_type(template, "AWS::Lambda::Function"):
        if ("Errors", f"<{function}>") not in watched:
            yield f"nobody hears of errors of {function}"
    for metric in ("OldestOwedSeconds", "RunsFailed", "RunsBreached", "RunsInWindow"):
        if metric not in watched:
            yield f"no alarm watches {metric}"
    senders = [statement for policy in of_type(template, "AWS::SNS::TopicPolicy").values() for statement in policy["PolicyDocument"]["Statement"]]
    if [sender["Principal"] for sender in senders] != [{"Service": "cloudwatch.amazonaws.com"}]:
        yield "others than alarms may publish to the topic, or alarms may not"
    if any(sender["Condition"].get("StringEquals") != {"aws:SourceAccount": "111122223333"} for sender in senders):
        yield "alarms of other accounts may publish to the topic"


# Where a resource's physical name may be given, and how long it may be; everything else is named by CloudFormation, which cuts.
NAMES = {
    "LogGroupName": 512, "Family": 255, "BucketName": 63, "QueueName": 80, "FunctionName": 64, "RoleName": 64, "ManagedPolicyName": 128, "TopicName": 256,
    "AlarmName": 255, "DashboardName": 255, "RepositoryName": 256, "ClusterName": 255, "Name": 64, "DisplayName": 100,
}
# CloudFormation allows 128; with more than this the name of whoever sends the alarms would be too long.
LONGEST_STACK_NAME = 90


def several_stacks_fit_into_an_account(template: Template) -> Iterator[Finding]:
    named = of_kinds_that_declare(template, {*NAMES, "OriginAccessControlConfig"})
    for name, properties in named.items():
        given = [(key, properties[key]) for key in NAMES if key in properties]
        given += [("Name", config["Name"]) for config in [properties.get("OriginAccessControlConfig")] if config]
        for key, value in given:
            stack, id_of_stack = PSEUDO["AWS::StackName"], PSEUDO["AWS::StackId"].rpartition("/")[2]
            if stack not in value and id_of_stack not in value and not value.startswith("<"):
                yield f"{name} has the fixed {key} {value}"
            longest = len(value) + value.count(stack) * (LONGEST_STACK_NAME - len(stack))
            if longest > NAMES[key]:
                yield f"{name} could have a {key} of {longest} characters, and {NAMES[key]} are allowed"


def the_account_s_rules_hold_for_every_role(template: Template) -> Iterator[Finding]:
    boundary, path = value_of(template, "PermissionsBoundaryArn") or None, value_of(template, "RolePath")
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if role.get("PermissionsBoundary") != boundary:
            yield f"{name} is not held by the boundary"
    for name, role in (of_type(template, "AWS::IAM::Role") | of_type(template, "AWS::IAM::ManagedPolicy")).items():
        if role.get("Path") != path:
            yield f"{name} does not lie at the path"


def only_pushed_images_of_one_repository_are_pulled(template: Template) -> Iterator[Finding]:
    given = value_of(template, "EcrRepositoryUri")
    repositories = of_type(template, "AWS::ECR::Repository")
    if bool(given) == bool(repositories):
        yield "a repository is made although one is given, or none is there"
    for name, repository in repositories.items():
        if repository.get("ImageTagMutability") != "IMMUTABLE" or str(repository.get("ImageScanningConfiguration", {}).get("ScanOnPush")).lower() != "true":
            yield f"{name} lets tags move, or does not scan"
    wanted = "arn:aws:ecr:eu-central-1:444455556666:repository/data/dbt" if given else "<Repository.Arn>"
    pulling = [listed(statement["Resource"]) for _, statement in role_statements(template) if "ecr:BatchGetImage" in listed(statement["Action"])]
    if pulling != [[wanted]]:
        yield f"images are pulled from {pulling}"


RULES: list[Callable[[Template], Iterator[Finding]]] = [
    each_function_has_its_own_role,
    no_right_is_unbounded,
    each_statement_has_a_name,
    roles_are_passed_by_name_to_one_service,
    tasks_run_in_one_family_and_cluster,
    only_services_assume_roles,
    task_never_writes_where_data_lands,
    buckets_are_private,
    buckets_outlive_the_stack,
    nothing_is_reachable_from_outside,
    no_hop_loses_an_event,
    queue_hides_messages_long_enough,
    logs_end,
    no_secret_stands_in_the_open,
    nothing_is_there_to_be_paid_while_idle,
    docs_are_shown_only_to_whom_the_parameter_says,
    every_alarm_is_told_and_every_hop_has_one,
    several_stacks_fit_into_an_account,
    the_account_s_rules_hold_for_every_role,
    only_pushed_images_of_one_repository_are_pulled,
]
