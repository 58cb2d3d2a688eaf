"""EventBridge Scheduler.

Stock: schedules are evaluated every 10 seconds and in UTC. The `<aws.scheduler.*>` keywords are not replaced. The
schedule's role is not checked. Functions are invoked once. CloudFormation drops time zone, start, end and
ActionAfterCompletion.
AWS: "Schedule types", "Adding context attributes" and "Execution role" in the EventBridge Scheduler User Guide.
Here: as AWS, and schedules are evaluated every second. Not here: flexible time windows, retry policies and dead-letter
queues of schedules, universal targets.
"""

import json
import logging
import time
import types
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .. import permissions
from ..assumptions import module, replace, require

logger = logging.getLogger("landfall")

TICK_SECONDS = 1
ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "events": "events:PutEvents",
    "states": "states:StartExecution",
}
KEPT_BY_SCHEDULER = ("ScheduleExpressionTimezone", "ActionAfterCompletion", "StartDate", "EndDate", "KmsKeyArn")
IF_ABSENT = {"ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE"}


def apply() -> None:
    """Replaces the tick, and makes CloudFormation pass on all properties."""
    scheduler = module("ministack.services.scheduler")
    events = module("ministack.services.eventbridge")
    for owner, name in (
        (scheduler, "_schedules"),
        (scheduler, "_to_epoch"),
        (events, "_parse_rate_seconds"),
        (events, "_parse_cron_fields"),
    ):
        require(owner, name)
    require(events, "_cron_next_fire", ("fields", "after_dt"))
    fired: dict[tuple, tuple] = {}

    def tick() -> None:
        now = time.time()
        known = dict(scheduler._schedules._data)
        for key in [key for key in fired if key not in known]:
            del fired[key]
        for key, schedule in known.items():
            try:
                _evaluate(scheduler, events, fired, key, schedule, now)
            except Exception:
                logger.exception("schedule %s could not be evaluated", schedule.get("Arn"))

    replace(scheduler, "_tick_schedules", tick, ())
    replace(scheduler, "_SCHEDULE_TICK_INTERVAL", TICK_SECONDS)
    replace(events, "_SCHEDULER_TICK_INTERVAL", TICK_SECONDS)
    _complete_cloudformation(scheduler)


def _evaluate(scheduler: Any, events: Any, fired: dict, key: tuple, schedule: dict, now: float) -> None:
    account, region, _ = key
    revision = (
        schedule["ScheduleExpression"],
        schedule.get("ScheduleExpressionTimezone"),
        schedule.get("LastModificationDate"),
    )
    known_revision, last = fired.get(key, (None, None))
    if known_revision != revision:
        last = None
    start, end = scheduler._to_epoch(schedule.get("StartDate")), scheduler._to_epoch(schedule.get("EndDate"))
    created = max(scheduler._to_epoch(schedule.get("LastModificationDate")) or now, start or 0)
    due = latest_due(
        events, schedule["ScheduleExpression"], schedule.get("ScheduleExpressionTimezone") or "UTC", created, last, now
    )
    one_time = schedule["ScheduleExpression"].startswith("at(")
    over = end is not None and now > end
    if due is not None and not over and (start is None or due >= start) and schedule.get("State") == "ENABLED":
        fired[key] = (revision, due)
        with permissions.responses.request_scope(account, region):
            _fire(events, schedule, due)
        over = one_time
    if over and schedule.get("ActionAfterCompletion") == "DELETE":
        scheduler._schedules._data.pop(key, None)


def latest_due(
    events: Any, expression: str, zone_name: str, created: float, last: float | None, now: float
) -> float | None:
    """Returns the latest occurrence up to now that has not fired, in seconds since 1970.

    Returns None if there is none or if the expression cannot be parsed. Missed occurrences fire once.
    """
    if expression.startswith("at("):
        moment = datetime.fromisoformat(expression[3:-1].strip()).replace(tzinfo=_zone(zone_name)).timestamp()
        return moment if last is None and moment <= now else None
    seconds = events._parse_rate_seconds(expression)
    if seconds is not None:
        count = int((now - created) // seconds)
        due = created + count * seconds
        return due if count >= 1 and (last is None or due > last) else None
    fields = events._parse_cron_fields(expression)
    if fields is None:
        return None
    zone, due = _zone(zone_name), None
    after = last if last is not None else created
    while (following := next_occurrence(events, fields, zone, after)) is not None and following <= now:
        due = after = following
    return due


def next_occurrence(events: Any, fields: Any, zone: ZoneInfo, after: float) -> float | None:
    """Returns the first time after `after` at which the wall clock of the zone matches the cron fields."""
    # ministack only compares fields of the wall clock, so the zone does not matter to it.
    wall = datetime.fromtimestamp(after, zone).replace(tzinfo=UTC)
    while (found := events._cron_next_fire(fields, wall)) is not None:
        moment = found.replace(tzinfo=zone)
        exists = datetime.fromtimestamp(moment.timestamp(), zone).replace(tzinfo=None) == moment.replace(tzinfo=None)
        if exists and moment.timestamp() > after:
            return moment.timestamp()
        wall = found + timedelta(seconds=1)  # a time that daylight saving skips or repeats
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"unknown time zone {name}") from error


def with_context(text: str, arn: str, scheduled: float, execution_id: str) -> str:
    """Replaces the keywords in a target's input."""
    values = {
        "<aws.scheduler.schedule-arn>": arn,
        "<aws.scheduler.scheduled-time>": datetime.fromtimestamp(scheduled, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": execution_id,
        "<aws.scheduler.attempt-number>": "1",
    }
    for keyword, value in values.items():
        text = text.replace(keyword, value)
    return text


def _fire(events: Any, schedule: dict, scheduled: float) -> None:
    target, arn = schedule.get("Target") or {}, schedule["Arn"]
    kind = target["Arn"].split(":")[2]
    action = ACTIONS.get(kind)
    if action is None:
        logger.warning("schedule %s not fired: targets of %s are not emulated", arn, kind)
        return
    role = target.get("RoleArn", "")
    if not permissions.role_trusts(role, "scheduler.amazonaws.com") or not permissions.role_may(
        role, action, target["Arn"]
    ):
        logger.warning("schedule %s not fired: its role %s is denied %s on %s", arn, role, action, target["Arn"])
        return
    moment = datetime.fromtimestamp(scheduled, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event_id = str(uuid.uuid4())
    default = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": permissions.responses.get_account_id(),
        "time": moment,
        "region": permissions.responses.get_region(),
        "resources": [arn],
        "detail": "{}",
    }
    text = with_context(target.get("Input") or json.dumps(default), arn, scheduled, event_id)
    envelope = {
        "EventId": event_id,
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": scheduled,
        "Resources": [arn],
        "Account": default["account"],
        "Region": default["region"],
    }
    events._invoke_target({**target, "Input": text}, envelope, schedule)


def _complete_cloudformation(scheduler: types.ModuleType) -> None:
    provisioners = module("ministack.services.cloudformation.provisioners")
    handlers = require(provisioners, "_RESOURCE_HANDLERS")
    require(scheduler, "_create_schedule", ("name", "body"))

    def create(logical_id: str, props: dict, stack_name: str) -> Any:
        name, attributes = stock(logical_id, props, stack_name)
        schedule = scheduler._schedules[f"{props.get('GroupName', 'default')}/{name}"]
        schedule.update({key: props[key] for key in KEPT_BY_SCHEDULER if props.get(key) is not None})
        return name, attributes

    def update(physical_id: str, old_props: dict, new_props: dict, stack_name: str) -> Any:
        name, attributes = stock_update(physical_id, old_props, new_props, stack_name)
        schedule = scheduler._schedules[f"{new_props.get('GroupName', old_props.get('GroupName', 'default'))}/{name}"]
        schedule.update({key: new_props.get(key, IF_ABSENT.get(key)) for key in KEPT_BY_SCHEDULER})
        schedule["LastModificationDate"] = time.time()
        return name, attributes

    stock = replace(provisioners, "_scheduler_schedule_create", create, ("logical_id", "props", "stack_name"))
    stock_update = replace(
        provisioners, "_scheduler_schedule_update", update, ("physical_id", "old_props", "new_props", "stack_name")
    )
    handlers["AWS::Scheduler::Schedule"].update(create=create, update=update)
