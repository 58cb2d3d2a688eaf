"""ECS tasks as local processes: states, events, and how they end."""

import json
import urllib.request

from botocore.exceptions import ClientError

from tests.support import ACCOUNT, NETWORK, REGION, EmulatorTest, alive, eventually

# "Amazon ECS task state change events" (ecs_task_events), Amazon ECS Developer Guide: the fields of the example event's
# detail for a Fargate task, and of its containers.
DOCUMENTED_DETAIL = {
    "attachments",
    "availabilityZone",
    "clusterArn",
    "containers",
    "createdAt",
    "launchType",
    "cpu",
    "memory",
    "desiredStatus",
    "group",
    "lastStatus",
    "overrides",
    "connectivity",
    "connectivityAt",
    "pullStartedAt",
    "startedAt",
    "pullStoppedAt",
    "updatedAt",
    "taskArn",
    "taskDefinitionArn",
    "version",
    "platformVersion",
}
DOCUMENTED_CONTAINER = {
    "containerArn",
    "lastStatus",
    "name",
    "image",
    "runtimeId",
    "taskArn",
    "networkInterfaces",
    "cpu",
}
# "Task" in the Amazon ECS API Reference: further fields of a stopped task.
DOCUMENTED_STOPPED = {"stopCode", "stoppedReason", "stoppingAt", "stoppedAt", "executionStoppedAt"}
# "Events from AWS services" in the Amazon EventBridge User Guide: the envelope.
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


class TaskTest(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.ecs = cls.emulator.client("ecs")
        cls.cluster = cls.ecs.create_cluster(clusterName="landfall")["cluster"]["clusterArn"]
        url, arn = cls.emulator.queue("task-events")
        cls.emulator.rule("task-events", {"source": ["aws.ecs"]}, arn)
        cls.events_url, cls.sqs, cls.seen = url, cls.emulator.client("sqs"), []

    def run_task(self, definition, **more):
        answer = self.ecs.run_task(
            cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK, **more
        )
        self.assertEqual(answer["failures"], [])
        return answer["tasks"][0]

    def events_of(self, task):
        for message in self.sqs.receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10).get("Messages", []):
            self.seen.append(json.loads(message["Body"]))
            self.sqs.delete_message(QueueUrl=self.events_url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self.seen if event["resources"] == [task["taskArn"]]]

    def events_until_stopped(self, task):
        def ended():
            events = self.events_of(task)
            return events if events and events[-1]["detail"]["lastStatus"] == "STOPPED" else None

        return eventually(ended, f"{task['taskArn']} stops")

    def described(self, task):
        return self.ecs.describe_tasks(cluster="landfall", tasks=[task["taskArn"]])["tasks"][0]

    def log_of(self, task):
        return (self.emulator.data / "tasks" / f"{task['taskArn'].rsplit('/', 1)[-1]}.log").read_text()

    def running(self, task):
        eventually(lambda: self.described(task)["lastStatus"] == "RUNNING", "the task runs")


class StatesAndEvents(TaskTest):
    def test_a_task_that_ends_publishes_every_state_with_a_growing_version(self):
        self.emulator.image("ok:1", "import time; time.sleep(0.1)")
        definition = self.emulator.task_definition("ok", "ok:1")
        task = self.run_task(definition, startedBy="run-1")
        self.assertEqual((task["lastStatus"], task["desiredStatus"]), ("PROVISIONING", "RUNNING"))
        events = self.events_until_stopped(task)
        self.assertEqual(
            [(event["detail"]["lastStatus"], event["detail"]["desiredStatus"]) for event in events],
            [
                ("PROVISIONING", "RUNNING"),
                ("PENDING", "RUNNING"),
                ("RUNNING", "RUNNING"),
                ("RUNNING", "STOPPED"),
                ("DEPROVISIONING", "STOPPED"),
                ("STOPPED", "STOPPED"),
            ],
        )
        self.assertEqual([event["detail"]["version"] for event in events], [1, 2, 3, 4, 5, 6])
        detail = events[-1]["detail"]
        self.assertEqual(detail["stopCode"], "EssentialContainerExited")
        self.assertEqual(detail["stoppedReason"], "Essential container in task exited")
        self.assertEqual(detail["containers"][0]["exitCode"], 0)
        self.assertEqual(detail["group"], "family:ok")
        self.assertEqual(detail["startedBy"], "run-1")
        self.assertEqual(detail["taskDefinitionArn"], definition)
        self.assertEqual(
            detail["overrides"], {"containerOverrides": [{"name": "main"}], "inferenceAcceleratorOverrides": []}
        )

    def test_events_have_the_documented_fields(self):
        self.emulator.image("fields:1", "import time; time.sleep(0.1)")
        events = self.events_until_stopped(self.run_task(self.emulator.task_definition("fields", "fields:1")))
        running, stopped = events[2], events[-1]
        for event in events:
            self.assertEqual(set(event), ENVELOPE)
            self.assertEqual((event["source"], event["detail-type"]), ("aws.ecs", "ECS Task State Change"))
            self.assertEqual((event["account"], event["region"]), (ACCOUNT, REGION))
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertLessEqual(DOCUMENTED_DETAIL, set(running["detail"]))
        self.assertLessEqual(DOCUMENTED_CONTAINER, set(running["detail"]["containers"][0]))
        self.assertLessEqual(
            DOCUMENTED_DETAIL - {"connectivity", "connectivityAt"} | DOCUMENTED_STOPPED, set(stopped["detail"])
        )
        for name in ("createdAt", "startedAt", "stoppedAt", "updatedAt"):
            self.assertRegex(stopped["detail"][name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertNotIn(None, stopped["detail"].values())
        self.assertNotIn("exitCode", running["detail"]["containers"][0])

    def test_the_exit_code_is_that_of_the_process_or_128_plus_the_signal(self):
        self.emulator.image("seven:1", "raise SystemExit(7)")
        self.emulator.image("killed:1", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        for image, code in (("seven:1", 7), ("killed:1", 139)):
            events = self.events_until_stopped(self.run_task(self.emulator.task_definition(f"exit{code}", image)))
            self.assertEqual(events[-1]["detail"]["containers"][0]["exitCode"], code)

    def test_an_unknown_image_fails_to_start_without_an_exit_code_and_works_once_added(self):
        definition = self.emulator.task_definition("late", "late:1")
        detail = self.events_until_stopped(self.run_task(definition))[-1]["detail"]
        self.assertEqual(detail["stopCode"], "TaskFailedToStart")
        self.assertTrue(detail["stoppedReason"].startswith("CannotPullContainerError"), detail["stoppedReason"])
        self.assertNotIn("exitCode", detail["containers"][0])
        self.assertNotIn("startedAt", detail)
        self.emulator.image("late:1", "print('here')")
        detail = self.events_until_stopped(self.run_task(definition))[-1]["detail"]
        self.assertEqual(detail["containers"][0]["exitCode"], 0)

    def test_a_command_that_does_not_exist_fails_to_start(self):
        self.emulator.image("nothing:1", "", argv=["no-such-command"])
        detail = self.events_until_stopped(self.run_task(self.emulator.task_definition("nothing", "nothing:1")))[-1][
            "detail"
        ]
        self.assertEqual(detail["stopCode"], "TaskFailedToStart")
        self.assertIn("CannotStartContainerError", detail["containers"][0]["reason"])

    def test_a_sidecar_may_end_without_its_task(self):
        self.emulator.image("sidecar:1", "raise SystemExit(3)")
        self.emulator.image("main:1", "import time; time.sleep(30)")
        definition = self.emulator.task_definition(
            "pair", "main:1", more=[{"name": "side", "image": "sidecar:1", "essential": False}]
        )
        task = self.run_task(definition)
        eventually(lambda: self.described(task)["containers"][1].get("exitCode") == 3, "the sidecar's end is seen")
        self.assertEqual(self.described(task)["lastStatus"], "RUNNING")
        self.ecs.stop_task(cluster="landfall", task=task["taskArn"])
        codes = [container["exitCode"] for container in self.events_until_stopped(task)[-1]["detail"]["containers"]]
        self.assertEqual(codes, [143, 3])


class Stopping(TaskTest):
    def test_stop_task_sends_sigterm_and_gives_143(self):
        self.emulator.image("sleeper:1", "import time; time.sleep(60)")
        task = self.run_task(self.emulator.task_definition("sleeper", "sleeper:1"))
        self.running(task)
        answer = self.ecs.stop_task(cluster="landfall", task=task["taskArn"], reason="enough")["task"]
        self.assertEqual((answer["desiredStatus"], answer["lastStatus"]), ("STOPPED", "RUNNING"))
        detail = self.events_until_stopped(task)[-1]["detail"]
        self.assertEqual((detail["stopCode"], detail["stoppedReason"]), ("UserInitiated", "enough"))
        self.assertEqual(detail["containers"][0]["exitCode"], 143)

    def test_a_process_that_handles_sigterm_ends_in_its_own_way(self):
        code = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(4)))\n"
            "print('up')\ntime.sleep(60)"
        )
        self.emulator.image("polite:1", code)
        task = self.run_task(self.emulator.task_definition("polite", "polite:1"))
        self.running(task)
        eventually(lambda: "up" in self.log_of(task), "it handles signals")
        self.ecs.stop_task(cluster="landfall", task=task["taskArn"])
        self.assertEqual(self.events_until_stopped(task)[-1]["detail"]["containers"][0]["exitCode"], 4)
        self.assertIn("bye", self.log_of(task))

    def test_sigkill_follows_the_stop_timeout_and_ends_grandchildren_too(self):
        code = (
            "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print(child.pid)\ntime.sleep(60)"
        )
        self.emulator.image("stubborn:1", code)
        task = self.run_task(self.emulator.task_definition("stubborn", "stubborn:1", container={"stopTimeout": 2}))
        child = int(
            eventually(
                lambda: self.described(task)["lastStatus"] == "RUNNING" and self.log_of(task).strip(), "it is up"
            )
        )
        self.ecs.stop_task(cluster="landfall", task=task["taskArn"])
        self.assertEqual(self.events_until_stopped(task)[-1]["detail"]["containers"][0]["exitCode"], 137)
        eventually(lambda: not alive(child), "the grandchild is gone")

    def test_stopped_tasks_stay_visible(self):
        self.emulator.image("brief:1", "pass")
        task = self.run_task(self.emulator.task_definition("brief", "brief:1"), startedBy="visible")
        self.events_until_stopped(task)
        self.assertEqual(self.described(task)["lastStatus"], "STOPPED")
        listed = self.ecs.list_tasks(cluster="landfall", desiredStatus="STOPPED", startedBy="visible")["taskArns"]
        self.assertEqual(listed, [task["taskArn"]])
        self.assertEqual(self.ecs.list_tasks(cluster="landfall", startedBy="visible")["taskArns"], [])

    def test_a_task_that_is_not_known_cannot_be_stopped(self):
        with self.assertRaises(ClientError) as caught:
            self.ecs.stop_task(cluster="landfall", task="0" * 32)
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidParameterException")


class TaskEnvironment(TaskTest):
    def test_a_task_gets_declared_variables_and_none_of_the_machine(self):
        code = "import json, os; print(json.dumps(dict(os.environ)))"
        self.emulator.image("env:1", code, env={"A": "image", "B": "image", "C": "image"})
        definition = self.emulator.task_definition(
            "env",
            "env:1",
            container={"environment": [{"name": "B", "value": "definition"}, {"name": "C", "value": "definition"}]},
        )
        task = self.run_task(
            definition,
            overrides={"containerOverrides": [{"name": "main", "environment": [{"name": "C", "value": "override"}]}]},
        )
        self.events_until_stopped(task)
        seen = json.loads(self.log_of(task))
        self.assertEqual((seen["A"], seen["B"], seen["C"]), ("image", "definition", "override"))
        self.assertEqual(seen["AWS_REGION"], REGION)
        self.assertEqual(seen["AWS_ENDPOINT_URL"], self.emulator.endpoint)
        allowed = {
            "A",
            "B",
            "C",
            "PATH",
            "LANG",
            "LC_ALL",
            "LC_CTYPE",
            "LD_LIBRARY_PATH",
            "DYLD_LIBRARY_PATH",
            "SSL_CERT_FILE",
            "HOME",
            "TMPDIR",
            "HOSTNAME",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_EXECUTION_ENV",
            "AWS_ENDPOINT_URL",
            "ECS_CONTAINER_METADATA_URI_V4",
            "__CF_USER_TEXT_ENCODING",
        }
        self.assertLessEqual(set(seen), allowed)

    def test_the_command_of_definition_or_override_follows_argv(self):
        self.emulator.image("args:1", "import json, sys; print(json.dumps(sys.argv[1:]))")
        definition = self.emulator.task_definition("args", "args:1", container={"command": ["one", "two words"]})
        task = self.run_task(definition)
        self.events_until_stopped(task)
        self.assertEqual(json.loads(self.log_of(task)), ["one", "two words"])
        task = self.run_task(
            definition, overrides={"containerOverrides": [{"name": "main", "command": ["$(no shell)"]}]}
        )
        self.events_until_stopped(task)
        self.assertEqual(json.loads(self.log_of(task)), ["$(no shell)"])

    def test_a_task_can_read_its_own_arn(self):
        code = (
            "import json, os, urllib.request as r\nuri = os.environ['ECS_CONTAINER_METADATA_URI_V4']\n"
            "print(json.dumps([json.load(r.urlopen(uri)), json.load(r.urlopen(uri + '/task'))]))"
        )
        self.emulator.image("meta:1", code)
        definition = self.emulator.task_definition("meta", "meta:1")
        task = self.run_task(definition)
        self.events_until_stopped(task)
        container, own = json.loads(self.log_of(task))
        self.assertEqual(own["TaskARN"], task["taskArn"])
        self.assertEqual(
            (own["Cluster"], own["Family"], own["Revision"]), (self.cluster, "meta", definition.rsplit(":", 1)[-1])
        )
        self.assertEqual([entry["Name"] for entry in own["Containers"]], ["main"])
        self.assertEqual((container["Name"], container["Image"]), ("main", "meta:1"))
        self.assertIn("ContainerARN", container)

    def test_output_goes_to_cloudwatch_logs_and_to_a_file(self):
        logs = self.emulator.client("logs")
        logs.create_log_group(logGroupName="/landfall/dbt")
        role = self.emulator.role(
            "execution",
            "ecs-tasks.amazonaws.com",
            {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
        )
        options = {"awslogs-group": "/landfall/dbt", "awslogs-region": REGION, "awslogs-stream-prefix": "dbt"}
        self.emulator.image(
            "chatty:1", "import sys; print('one'); print('zwei \\u00fc', file=sys.stderr); print('no newline', end='')"
        )
        definition = self.emulator.task_definition(
            "chatty",
            "chatty:1",
            executionRoleArn=role,
            container={"logConfiguration": {"logDriver": "awslogs", "options": options}},
        )
        task = self.run_task(definition)
        self.events_until_stopped(task)
        stream = f"dbt/main/{task['taskArn'].rsplit('/', 1)[-1]}"
        events = logs.get_log_events(logGroupName="/landfall/dbt", logStreamName=stream, startFromHead=True)["events"]
        self.assertEqual([event["message"] for event in events], ["one", "zwei \u00fc", "no newline"])
        self.assertEqual(self.log_of(task), "one\nzwei \u00fc\nno newline")

    def test_a_missing_log_group_fails_the_task_as_in_ecs(self):
        role = self.emulator.role(
            "execution-2",
            "ecs-tasks.amazonaws.com",
            {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
        )
        options = {"awslogs-group": "/no/such/group", "awslogs-region": REGION, "awslogs-stream-prefix": "dbt"}
        self.emulator.image("mute:1", "pass")
        definition = self.emulator.task_definition(
            "mute",
            "mute:1",
            executionRoleArn=role,
            container={"logConfiguration": {"logDriver": "awslogs", "options": options}},
        )
        detail = self.events_until_stopped(self.run_task(definition))[-1]["detail"]
        self.assertIn("The specified log group does not exist", detail["stoppedReason"])


class Resetting(TaskTest):
    def test_reset_ends_and_removes_tasks(self):
        self.emulator.image("forgotten:1", "import os, time; print(os.getpid()); time.sleep(60)")
        task = self.run_task(self.emulator.task_definition("forgotten", "forgotten:1"))
        pid = int(
            eventually(
                lambda: self.described(task)["lastStatus"] == "RUNNING" and self.log_of(task).strip(), "it is up"
            )
        )
        urllib.request.urlopen(
            urllib.request.Request(f"{self.emulator.endpoint}/_ministack/reset", method="POST")
        ).close()
        self.assertFalse(alive(pid))
        self.assertEqual(self.ecs.list_clusters()["clusterArns"], [])
