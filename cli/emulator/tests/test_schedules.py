"""EventBridge Scheduler: when schedules fire, and what they send."""

import datetime
import json
import time
import unittest

from landfall_emulator.patches.schedules import latest_due, with_context
from ministack.services import eventbridge

from tests.support import EmulatorTest, eventually


def moment(text, zone=datetime.UTC):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


class Due(unittest.TestCase):
    def due(self, expression, created, now, zone="UTC", last=None):
        found = latest_due(eventbridge, expression, zone, moment(created), last, moment(now))
        return None if found is None else datetime.datetime.fromtimestamp(found, datetime.UTC).isoformat()

    def test_a_rate_counts_from_creation(self):
        self.assertIsNone(self.due("rate(5 minutes)", "2026-01-01T00:00:00", "2026-01-01T00:04:59"))
        self.assertEqual(
            self.due("rate(5 minutes)", "2026-01-01T00:00:00", "2026-01-01T00:05:01"), "2026-01-01T00:05:00+00:00"
        )

    def test_missed_occurrences_fire_once_at_the_latest_time(self):
        self.assertEqual(
            self.due("rate(1 hour)", "2026-01-01T00:00:00", "2026-01-01T09:30:00"), "2026-01-01T09:00:00+00:00"
        )
        self.assertEqual(
            self.due("cron(0 4 * * ? *)", "2026-01-01T00:00:00", "2026-01-05T12:00:00"), "2026-01-05T04:00:00+00:00"
        )

    def test_an_occurrence_fires_once(self):
        last = moment("2026-01-01T04:00:00")
        self.assertIsNone(self.due("cron(0 4 * * ? *)", "2026-01-01T00:00:00", "2026-01-01T04:00:30", last=last))
        self.assertIsNone(self.due("at(2026-01-01T04:00:00)", "2026-01-01T00:00:00", "2026-01-01T04:00:30", last=last))

    def test_cron_and_at_use_the_schedule_s_time_zone_through_daylight_saving(self):
        for day, utc in (("2026-01-10", "2026-01-09T17:00:00+00:00"), ("2026-07-10", "2026-07-09T18:00:00+00:00")):
            created = (
                (datetime.datetime.fromisoformat(utc) - datetime.timedelta(hours=1)).replace(tzinfo=None).isoformat()
            )
            now = (
                (datetime.datetime.fromisoformat(utc) + datetime.timedelta(seconds=5)).replace(tzinfo=None).isoformat()
            )
            self.assertEqual(self.due("cron(0 4 * * ? *)", created, now, "Australia/Sydney"), utc)
            self.assertEqual(self.due(f"at({day}T04:00:00)", created, now, "Australia/Sydney"), utc)

    def test_a_time_that_daylight_saving_skips_waits_for_the_next_day(self):
        self.assertEqual(
            self.due("cron(30 2 * * ? *)", "2026-03-28T12:00:00", "2026-03-30T12:00:00", "Europe/Berlin"),
            "2026-03-30T00:30:00+00:00",
        )

    def test_keywords_are_replaced(self):
        keywords = ("scheduled-time", "execution-id", "attempt-number", "schedule-arn")
        text = json.dumps({"job": "qa", **{keyword: f"<aws.scheduler.{keyword}>" for keyword in keywords}})
        self.assertEqual(
            json.loads(with_context(text, "arn:x", moment("2026-01-01T04:00:00"), "e1")),
            {
                "job": "qa",
                "scheduled-time": "2026-01-01T04:00:00Z",
                "execution-id": "e1",
                "attempt-number": "1",
                "schedule-arn": "arn:x",
            },
        )


class Firing(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.scheduler = cls.emulator.client("scheduler")
        cls.role = cls.emulator.role(
            "schedules", "scheduler.amazonaws.com", {"Action": "lambda:InvokeFunction", "Resource": "*"}
        )

    def schedule(self, name, expression, function, **more):
        target = {"Arn": function.arn, "RoleArn": more.pop("role", self.role), **more.pop("target", {})}
        return self.scheduler.create_schedule(
            Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **more
        )["ScheduleArn"]

    @staticmethod
    def soon(seconds):
        return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).replace(
            microsecond=0, tzinfo=None
        )

    def test_an_at_schedule_fires_once_with_its_context_and_is_deleted(self):
        function, at = self.emulator.function("once"), self.soon(2)
        text = (
            '{"job": "nightly", "scheduled": "<aws.scheduler.scheduled-time>", '
            '"execution": "<aws.scheduler.execution-id>"}'
        )
        self.schedule("once", f"at({at.isoformat()})", function, target={"Input": text}, ActionAfterCompletion="DELETE")
        event = function.wait()[0]
        self.assertLess(time.time() - at.replace(tzinfo=datetime.UTC).timestamp(), 2.5)
        self.assertEqual((event["job"], event["scheduled"]), ("nightly", f"{at.isoformat()}Z"))
        self.assertRegex(event["execution"], r"^[0-9a-f-]{36}$")
        eventually(lambda: not self.scheduler.list_schedules(NamePrefix="once")["Schedules"], "the schedule is deleted")
        self.assertEqual(len(function.recorded), 1)

    def test_a_schedule_without_input_sends_a_scheduled_event(self):
        function = self.emulator.function("plain")
        arn = self.schedule("plain", f"at({self.soon(1).isoformat()})", function)
        event = function.wait()[0]
        self.assertEqual(
            (event["source"], event["detail-type"], event["resources"]), ("aws.scheduler", "Scheduled Event", [arn])
        )

    def test_a_schedule_whose_role_may_not_invoke_does_not_fire_and_the_log_says_so(self):
        function = self.emulator.function("silent")
        role = self.emulator.role("powerless", "scheduler.amazonaws.com")
        arn = self.schedule("silent", f"at({self.soon(1).isoformat()})", function, role=role)
        log = self.emulator.data / "emulator.log"
        eventually(
            lambda: f"schedule {arn} not fired: its role {role} is denied lambda:InvokeFunction" in log.read_text(),
            "the log says so",
        )
        self.assertEqual(function.recorded, [])

    def test_cloudformation_keeps_time_zone_and_completion(self):
        function = self.emulator.function("templated")
        properties = {
            "Name": "templated",
            "ScheduleExpression": "cron(0 4 * * ? *)",
            "ScheduleExpressionTimezone": "Australia/Sydney",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": function.arn, "RoleArn": self.role},
        }
        template = {"Resources": {"S": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}}
        cloudformation = self.emulator.client("cloudformation")
        cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
        found = self.scheduler.get_schedule(Name="templated")
        self.assertEqual(found["ScheduleExpressionTimezone"], "Australia/Sydney")
        properties["ScheduleExpressionTimezone"] = "Europe/Berlin"
        cloudformation.update_stack(StackName="s", TemplateBody=json.dumps(template))
        eventually(
            lambda: self.scheduler.get_schedule(Name="templated")["ScheduleExpressionTimezone"] == "Europe/Berlin",
            "the update arrives",
        )
