"""Rules on which hop could lose an event, and which alarm reports it."""

from collections.abc import Iterator
from typing import Any

from template_queries import Finding, Template, declared, listed, of_type, role_statements

# Dead-letter queues need no dead-letter queue.
DEAD_LETTERS = {"LoadsDeadLetterQueue", "FunctionDeadLetterQueue"}


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
        role, dead = (
            schedule["Target"]["RoleArn"].removeprefix("<").removesuffix(".Arn>"),
            schedule["Target"].get("DeadLetterConfig", {}).get("Arn"),
        )
        if dead not in arns:
            yield f"{name} has no dead letters"
        elif not _role_may(template, role, "sqs:SendMessage", dead):
            yield f"{role} may not send to the dead letters of {name}"
        if not _role_may(template, role, "lambda:InvokeFunction", schedule["Target"]["Arn"]):
            yield f"{role} may not invoke what {name} is for"
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
            yield f"{name} is invoked asynchronously but has no failure destination"
        elif not _role_may(template, role, "sqs:SendMessage", destination):
            yield f"{name} may not send to its failure destination"


def _may_send(template: Template, rule: str, queue: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and queue in listed(statement["Resource"])
        and rule in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    )


def _role_may(template: Template, role: str, action: str, resource: str) -> bool:
    return any(
        where == role
        and statement["Effect"] == "Allow"
        and action in listed(statement["Action"])
        and resource in listed(statement["Resource"])
        for where, statement in role_statements(template)
    )


def queue_hides_messages_long_enough(template: Template) -> Iterator[Finding]:
    window = declared(template)["BatchWindow"]
    longest_window = int(window["MaxValue"])
    if int(window["MinValue"]) < 1:
        yield "BatchWindow allows no window"
    functions = of_type(template, "AWS::Lambda::Function")
    queues = of_type(template, "AWS::SQS::Queue")
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        function = functions[mapping["FunctionName"].strip("<>")]
        queue = mapping["EventSourceArn"].removeprefix("<").removesuffix(".Arn>")
        needed = 6 * int(function["Timeout"]) + longest_window
        if int(queues[queue]["VisibilityTimeout"]) < needed:
            yield f"{queue} hides a message for {queues[queue]['VisibilityTimeout']} s, {name} needs {needed} s"
        if int(mapping["MaximumBatchingWindowInSeconds"]) < 1:
            yield f"{name} has no batch window, so a batch is 10 messages at most"
        if int(mapping["BatchSize"]) < 1000:
            yield f"{name} handles {mapping['BatchSize']} messages by one compare-and-swap, instead of 1000"
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} fails a whole batch for one message"
        if int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0)) != 2:
            yield f"{name} has no limit of two invocations at once"


def logs_have_a_retention(template: Template) -> Iterator[Finding]:
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, group in groups.items():
        if not group.get("RetentionInDays"):
            yield f"{name} keeps logs forever"
    used = set()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        group = function.get("LoggingConfig", {}).get("LogGroup", "").strip("<>")
        role = function["Role"].removeprefix("<").removesuffix(".Arn>")
        if group not in groups or group in used:
            yield f"{name} has no log group of its own"
        used.add(group)
        rights = [
            statement
            for where, statement in role_statements(template)
            if where == role and statement.get("Sid") == "Log"
        ]
        if [listed(right["Resource"]) for right in rights] != [[f"<{group}.Arn>"]]:
            yield f"{role} may log elsewhere than {group}"
    for name, statement in role_statements(template):
        if "logs:CreateLogGroup" in listed(statement["Action"]):
            yield f"{name} may create log groups, which keep logs forever"


def every_alarm_notifies_and_every_hop_has_one(template: Template) -> Iterator[Finding]:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    made = {
        (transformation["MetricNamespace"], transformation["MetricName"])
        for metric_filter in of_type(template, "AWS::Logs::MetricFilter").values()
        for transformation in metric_filter["MetricTransformations"]
    }
    watched: set[Any] = set()
    for name, alarm in alarms.items():
        if alarm.get("AlarmActions") != ["<AlarmTopic>"]:
            yield f"{name} has no action"
        own = not alarm["Namespace"].startswith("AWS/")
        if own and (alarm["Namespace"], alarm["MetricName"]) not in made:
            yield f"{name} watches {alarm['MetricName']}, which no filter writes"
        watched |= {(alarm["MetricName"], dimension["Value"]) for dimension in alarm.get("Dimensions", [])}
        watched |= {alarm["MetricName"]} if own else set()
    for queue in DEAD_LETTERS:
        if ("ApproximateNumberOfMessagesVisible", f"<{queue}.QueueName>") not in watched:
            yield f"no alarm watches dead letters in {queue}"
    for queue in set(of_type(template, "AWS::SQS::Queue")) - DEAD_LETTERS:
        # A message that expires unread does not move to the dead-letter queue.
        if ("ApproximateAgeOfOldestMessage", f"<{queue}.QueueName>") not in watched:
            yield f"no alarm watches waiting messages in {queue}"
    for function in of_type(template, "AWS::Lambda::Function"):
        if ("Errors", f"<{function}>") not in watched:
            yield f"no alarm watches errors of {function}"
    for metric in ("OldestPendingSeconds", "RunsFailed", "RunsWithUnplannedNodes", "RunsInWindow", "TimesAhead"):
        if metric not in watched:
            yield f"no alarm watches {metric}"
    senders = [
        statement
        for policy in of_type(template, "AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    if [sender["Principal"] for sender in senders] != [{"Service": "cloudwatch.amazonaws.com"}]:
        yield "the topic's policy does not allow exactly the alarms to publish"
    if any(sender["Condition"].get("StringEquals") != {"aws:SourceAccount": "111122223333"} for sender in senders):
        yield "alarms of other accounts may publish to the topic"


# Metric of AWS -> its dimension, the type and attribute of the dimension's value, and the meaningful statistic.
METRICS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue", ".QueueName", "Maximum"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName", "AWS::SQS::Queue", ".QueueName", "Maximum"),
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Lambda::Function", "", "Sum"),
    ("AWS/Lambda", "Invocations"): ("FunctionName", "AWS::Lambda::Function", "", "Sum"),
}


def each_alarm_can_fire(template: Template) -> Iterator[Finding]:
    counted = {
        (transformation["MetricNamespace"], transformation["MetricName"]): transformation["MetricValue"]
        for metric_filter in of_type(template, "AWS::Logs::MetricFilter").values()
        for transformation in metric_filter["MetricTransformations"]
    }
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        metric = alarm["Namespace"], alarm["MetricName"]
        dimensions = [(dimension["Name"], dimension["Value"]) for dimension in alarm.get("Dimensions", [])]
        if metric in METRICS:
            key, kind, attribute, statistic = METRICS[metric]
            if (
                len(dimensions) != 1
                or dimensions[0][0] != key
                or dimensions[0][1] not in {f"<{of}{attribute}>" for of in of_type(template, kind)}
            ):
                yield f"{name} watches {metric} of {dimensions}, where nothing is counted"
        else:
            # A filter that counts lines needs the sum. A filter that takes a number from a line is a gauge and needs
            # the maximum.
            statistic = "Sum" if counted.get(metric) == "1" else "Maximum"
            if dimensions:
                yield f"{name} watches {dimensions}, and filters give no dimensions"
        if alarm["Statistic"] != statistic:
            yield f"{name} takes the {alarm['Statistic']} of {alarm['MetricName']}, not the {statistic}"
        # Without events there is no data, so an alarm on too few events must treat missing data as breaching.
        missing = "breaching" if alarm["ComparisonOperator"].startswith("Less") else "notBreaching"
        if alarm["TreatMissingData"] != missing:
            yield f"{name} treats missing data as {alarm['TreatMissingData']}"
