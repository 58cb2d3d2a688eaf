"""Removes each statement from a deployed stack's roles in turn, runs what needs it, and checks where the refusal shows.

    permissions.py STACK FOLDER [SID ...]    the stack's name, its folder under .landfall/local, the Sids (default: all)

The stack has settled one run. The script calls the functions directly, with earlier boards from the versions in the
state bucket. So it does not wait for anything, and the loss of one statement does not hide another's. It prints a
table, and exits with 1 if a refusal did not show where it should.
"""

import datetime
import json
import re
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

STACK, FOLDER = sys.argv[1], Path(sys.argv[2])
REFUSED = re.compile(r"AccessDenied|not authorized|does not let|may not|denied|HTTP 403|Forbidden", re.IGNORECASE)
WAIT_SECONDS = 90.0

iam, s3, functions, ecs = boto3.client("iam"), boto3.client("s3"), boto3.client("lambda"), boto3.client("ecs")
events, scheduler, sqs = boto3.client("events"), boto3.client("scheduler"), boto3.client("sqs")
resources = {
    resource["LogicalResourceId"]: resource["PhysicalResourceId"]
    for page in boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    for resource in page["StackResourceSummaries"]
}
STATE, LANDING, CLUSTER = resources["StateBucket"], resources["LandingBucket"], resources["Cluster"]

# Statements that the emulator does not enforce or that this script does not use. tests/template/rules.py checks them
# instead.
NOT_SHOWN = {
    ("RunPolicy", "TagTasksAtTheirStart"): "the emulator does not check rights to tag",
    ("RunPolicy", "StopTasks"): "no board here has a live task that exceeds its time limit",
    ("OnReleaseRole", "TagImagesAtTheirRegistration"): "the emulator does not check rights to tag",
    ("BoardPolicy", "SeeMissingObjects"): "the emulator answers 404 for a missing object without this right too",
    ("TaskRole", "SeeMissingObjects"): "the emulator answers 404 for a missing object without this right too",
    ("PublishDocsRole", "SeeMissingDocs"): "the emulator answers 404 for a missing object without this right too",
    ("OnReleaseRole", "PassSchedulerRole"): "the emulator checks PassRole only in RunTask",
    ("OnScheduleRole", "ReadLedger"): "only a page that no board names is read, and there is none",
    ("ExecutionRole", "PullImage"): "no image is pulled here",
    ("ExecutionRole", "LogInToRegistry"): "no image is pulled here",
    ("SchedulerRole", "DeadLetters"): "the emulator has no dead-letter queues of schedules",
    **{
        (f"{name}Role", "Log"): "the emulator writes functions' logs itself"
        for name in ("OnLoad", "OnSchedule", "OnRelease", "OnTaskStopped", "PublishDocs")
    },
}


def statements(policy: str) -> list[str]:
    return [statement["Sid"] for statement in document(policy)[2]["Statement"]]


def document(policy: str) -> tuple[str, str, dict[str, Any]]:
    """Returns the ARN or role of a policy, its version or the inline policy's name, and its document."""
    physical = resources[policy]
    if physical.startswith("arn:"):
        version = iam.get_policy(PolicyArn=physical)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=physical, VersionId=version)["PolicyVersion"]["Document"]
        return physical, version, decoded(found)
    (name,) = iam.list_role_policies(RoleName=physical)["PolicyNames"]
    return physical, name, decoded(iam.get_role_policy(RoleName=physical, PolicyName=name)["PolicyDocument"])


def decoded(found: Any) -> dict[str, Any]:
    return json.loads(urllib.parse.unquote(found)) if isinstance(found, str) else found


def put(policy: str, new: dict[str, Any]) -> None:
    where, name, _ = document(policy)
    if where.startswith("arn:"):
        iam.create_policy_version(PolicyArn=where, PolicyDocument=json.dumps(new), SetAsDefault=True)
        iam.delete_policy_version(PolicyArn=where, VersionId=name)
    else:
        iam.put_role_policy(RoleName=where, PolicyName=name, PolicyDocument=json.dumps(new))


# ------------------------------------------------------------------------------------------------------ earlier boards


def boards() -> list[dict[str, Any]]:
    """Returns every version of the board, oldest first."""
    versions = [
        version
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=STATE, Prefix="board.json")
        for version in page.get("Versions", [])
    ]
    read = [
        json.loads(s3.get_object(Bucket=STATE, Key="board.json", VersionId=v["VersionId"])["Body"].read())
        for v in versions
    ]
    return sorted(read, key=lambda board: board["seq"])


def first_board(wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    return next(board for board in HISTORY if wanted(board))


def restore(board: dict[str, Any]) -> None:
    # Without the nonces, so that a new write cannot look like an earlier one.
    s3.put_object(Bucket=STATE, Key="board.json", Body=json.dumps({**board, "nonces": []}).encode())


HISTORY = boards()
EMPTY = HISTORY[0]
SETTLED = HISTORY[-1]
READY = first_board(
    lambda b: (
        b["release"]
        and not b["runs"]
        and any(k.startswith("load") and not d.get("planned") for k, d in b["backlog"].items())
    )
)
LIVE = first_board(lambda b: any(run["attempt"]["state"] == "running" for run in b["runs"].values()))
DOCS_PENDING = first_board(lambda b: b["docs"]["pending"])
REVOKING = json.loads(json.dumps(LIVE))
for run in REVOKING["runs"].values():
    run["attempt"].update(state="revoking", number=7)
    run["attempt"].pop("task_arn", None)


# ------------------------------------------------------------------------------------------------------------- actions
# Each returns the texts in which a refusal can show, by place.


def log_of(function: str) -> Path:
    return FOLDER / "emulator/functions" / f"{resources[function]}.log"


def call(function: str, payload: Any) -> dict[str, str]:
    files = {"log": log_of(function), "emulator.log": FOLDER / "emulator/emulator.log"}
    before = {place: file.stat().st_size if file.exists() else 0 for place, file in files.items()}
    answer = functions.invoke(FunctionName=resources[function], Payload=json.dumps(payload).encode())
    said = {"answer": answer["Payload"].read().decode() if answer.get("FunctionError") else ""}
    for place, file in files.items():
        if file.exists():
            with file.open("rb") as open_file:
                open_file.seek(before[place])
                said[place] = open_file.read().decode(errors="replace")
    return said


def sweep(board: dict[str, Any]) -> Callable[[], dict[str, str]]:
    def drive() -> dict[str, str]:
        restore(board)
        return call("OnScheduleFunction", {"sweep": True})

    return drive


def land() -> dict[str, str]:
    restore(SETTLED)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": now,
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "version": "0",
            "bucket": {"name": LANDING},
            "object": {"key": f"orders/{uuid.uuid4()}.csv", "size": 1, "etag": "e", "sequencer": "00"},
            "request-id": "r",
            "requester": "111122223333",
            "reason": "PutObject",
        },
    }
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "none",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:q",
        "awsRegion": "eu-west-1",
    }
    return call("OnLoadFunction", {"Records": [record]})


def offer() -> dict[str, str]:
    """Offers the release again on a board without one, and without its schedule, so that on-release creates it."""
    restore(EMPTY)
    for schedule in scheduler.list_schedules(GroupName=resources["ScheduleGroup"].rsplit("/", 1)[-1])["Schedules"]:
        scheduler.delete_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
    return call(
        "OnReleaseFunction",
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "111122223333",
            "time": "2026-11-22T17:14:17Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {
                "version": "0",
                "bucket": {"name": STATE},
                "object": {
                    "key": f"releases/{SETTLED['release']}/release.json",
                    "size": 1,
                    "etag": "e",
                    "sequencer": "00",
                },
                "request-id": "r",
                "requester": "111122223333",
                "reason": "PutObject",
            },
        },
    )


def publish() -> dict[str, str]:
    restore(DOCS_PENDING)
    return call(
        "PublishDocsFunction",
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Docs Pending",
            "source": "landfall",
            "account": "111122223333",
            "time": "2026-11-22T17:16:29Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {"stack": STACK},
        },
    )


def emulator_log(do: Callable[[], Any], wanted: str) -> dict[str, str]:
    """Runs `do` and returns the matching lines that the emulator then logs, after at most WAIT_SECONDS."""
    file = FOLDER / "emulator/emulator.log"
    before = file.stat().st_size
    do()
    until, said = time.monotonic() + WAIT_SECONDS, ""
    while time.monotonic() < until and not re.search(wanted, said):
        time.sleep(0.1)
        with file.open("rb") as open_file:
            open_file.seek(before)
            said = open_file.read().decode(errors="replace")
    return {"emulator.log": "\n".join(line for line in said.splitlines() if re.search(wanted, line))}


def fail(function: str) -> Callable[[], dict[str, str]]:
    """Makes an asynchronous call that fails, so that its event should go to the dead-letter queue."""

    def do() -> None:
        functions.invoke(FunctionName=resources[function], InvocationType="Event", Payload=b'{"no": "event"}')

    return lambda: emulator_log(do, f"the failure of function {resources[function]} is lost: its role is denied")


def poll() -> dict[str, str]:
    mapping = resources["OnLoadFunctionLoads"]

    def do() -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)
        sqs.send_message(QueueUrl=resources["LoadsQueue"], MessageBody='{"no": "event"}')

    said = emulator_log(do, r"(?i)(receive|poll|event source|sqs:).*")
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    return said


def on_time() -> dict[str, str]:
    group = resources["SweepScheduleGroup"].rsplit("/", 1)[-1]
    (schedule,) = scheduler.list_schedules(GroupName=group)["Schedules"]
    found = scheduler.get_schedule(GroupName=group, Name=schedule["Name"])
    target = {key: found["Target"][key] for key in ("Arn", "RoleArn", "Input")}
    at = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")

    def do() -> None:
        scheduler.create_schedule(
            GroupName=group,
            Name=f"once-{uuid.uuid4().hex}",
            ScheduleExpression=f"at({at})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
            ActionAfterCompletion="DELETE",
        )

    return emulator_log(do, r"not fired")


def run_a_task() -> dict[str, str]:
    """Starts a task for the pending load, and waits until it has stopped."""
    before = set(tasks())
    said = sweep(READY)()
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        new = [arn for arn in tasks() if arn not in before]
        stopped = [
            task
            for task in (ecs.describe_tasks(cluster=CLUSTER, tasks=new)["tasks"] if new else [])
            if task["lastStatus"] == "STOPPED"
        ]
        if stopped:
            log = FOLDER / "emulator/tasks" / f"{stopped[0]['taskArn'].rsplit('/', 1)[-1]}.log"
            text = log.read_text(errors="replace") if log.exists() else ""
            return {**said, "task's log": text, "task's end": stopped[0].get("stoppedReason", "")}
        time.sleep(0.2)
    return {**said, "task's end": "", "task's log": ""}


def tasks() -> list[str]:
    return [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
    ]


# Policy and statement -> the action that needs it, and where the refusal shows. A function whose response is an error
# is retried, and then its event goes to a dead-letter queue.
TABLE: dict[tuple[str, str], tuple[Callable[[], dict[str, str]], str]] = {
    ("BoardPolicy", "WriteBoard"): (sweep(SETTLED), "answer"),
    ("BoardPolicy", "WriteLedger"): (sweep(READY), "answer"),
    ("BoardPolicy", "ReadReleasesAndRuns"): (sweep(LIVE), "answer"),
    ("RunPolicy", "WritePlans"): (sweep(READY), "answer"),
    ("RunPolicy", "RevokeAttempts"): (sweep(REVOKING), "log"),
    ("RunPolicy", "StartTasks"): (sweep(READY), "log"),
    ("RunPolicy", "PassTaskRoles"): (sweep(READY), "log"),
    ("RunPolicy", "WatchTasks"): (sweep(LIVE), "answer"),
    ("RunPolicy", "SendWakeMessages"): (land, "log"),
    ("RunPolicy", "PublishEvents"): (sweep(DOCS_PENDING), "log"),
    ("OnScheduleRole", "CountDeadLetters"): (sweep(SETTLED), "log"),
    ("OnLoadRole", "ConsumeLoads"): (poll, "emulator.log"),
    ("OnScheduleRole", "DeadLetters"): (fail("OnScheduleFunction"), "emulator.log"),
    ("OnReleaseRole", "DeadLetters"): (fail("OnReleaseFunction"), "emulator.log"),
    ("OnTaskStoppedRole", "DeadLetters"): (fail("OnTaskStoppedFunction"), "emulator.log"),
    ("PublishDocsRole", "DeadLetters"): (fail("PublishDocsFunction"), "emulator.log"),
    ("OnReleaseRole", "WriteCompiledRelease"): (offer, "answer"),
    ("OnReleaseRole", "PinImages"): (offer, "answer"),
    ("OnReleaseRole", "ManageJobSchedules"): (offer, "answer"),
    ("OnReleaseRole", "ListSchedules"): (offer, "answer"),
    ("PublishDocsRole", "PublishDocs"): (publish, "answer"),
    ("SchedulerRole", "Invoke"): (on_time, "emulator.log"),
    ("TaskRole", "ReadPlanAndRelease"): (run_a_task, "task's log"),
    ("TaskRole", "ClaimAndReport"): (run_a_task, "task's log"),
    ("TaskRole", "ReadLandingBuckets"): (run_a_task, "task's log"),
    ("TaskRole", "ListLandingBuckets"): (run_a_task, "task's log"),
    ("ExecutionRole", "Log"): (run_a_task, "task's end"),
}
POLICIES = [name for name in resources if name.endswith("Role") or name in ("BoardPolicy", "RunPolicy")]


def main() -> int:
    for rule in [name for name in resources if name.endswith("Rule")]:
        events.disable_rule(Name=resources[rule].rsplit("/", 1)[-1].rsplit("|", 1)[-1])
    functions.update_event_source_mapping(UUID=resources["OnLoadFunctionLoads"], Enabled=False)
    group = resources["SweepScheduleGroup"].rsplit("/", 1)[-1]
    (schedule,) = scheduler.list_schedules(GroupName=group)["Schedules"]
    found = scheduler.get_schedule(GroupName=group, Name=schedule["Name"])
    scheduler.update_schedule(
        GroupName=group,
        Name=schedule["Name"],
        State="DISABLED",
        ScheduleExpression=found["ScheduleExpression"],
        FlexibleTimeWindow=found["FlexibleTimeWindow"],
        Target=found["Target"],
    )
    there = {(policy, sid) for policy in POLICIES for sid in statements(policy) if sid != "DenyWritesWhereDataLands"}
    problems = [
        f"{policy}.{sid} is in neither TABLE nor NOT_SHOWN"
        for policy, sid in sorted(there - set(TABLE) - set(NOT_SHOWN))
    ]
    problems += [
        f"{policy}.{sid} is not in the template" for policy, sid in sorted((set(TABLE) | set(NOT_SHOWN)) - there)
    ]
    only = sys.argv[3:]
    for (policy, sid), (drive, place) in TABLE.items():
        if only and sid not in only:
            continue
        _, _, whole = document(policy)
        began = time.monotonic()
        put(policy, {**whole, "Statement": [statement for statement in whole["Statement"] if statement["Sid"] != sid]})
        try:
            said = drive()
        finally:
            put(policy, whole)
        surfaced = [where for where, text in said.items() if REFUSED.search(text)]
        print(
            f"| {policy} | {sid} | {', '.join(surfaced) or 'nowhere'} | {time.monotonic() - began:.1f} s |", flush=True
        )
        if place not in surfaced:
            problems.append(
                f"{policy}.{sid}: the refusal does not show in the {place}: { {k: v[-600:] for k, v in said.items()} }"
            )
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
