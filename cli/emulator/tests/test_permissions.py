"""IAM: functions and tasks use their own roles, and callers need the rights that AWS requires."""

import json

from botocore.exceptions import ClientError

from tests.support import ACCOUNT, NETWORK, REGION, EmulatorTest, eventually

CALL = """
import boto3
from botocore.config import Config
def call(bucket):
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    try:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        return "put"
    except Exception as error:
        return error.response["Error"]["Code"]
"""
RUN_TASK_ROLE = "caller"


class Roles(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.ecs = cls.emulator.client("ecs")
        cls.ecs.create_cluster(clusterName="landfall")
        for bucket in ("mine", "other"):
            cls.emulator.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
            )

    def test_a_function_has_the_rights_of_its_role_only(self):
        function = self.emulator.function(
            "writer",
            f"{CALL}\ndef handler(event):\n    return call(event['bucket'])",
            ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::mine/*"},),
        )

        def invoke(bucket):
            return json.load(
                self.emulator.client("lambda").invoke(
                    FunctionName=function.name, Payload=json.dumps({"bucket": bucket})
                )["Payload"]
            )

        self.assertEqual((invoke("mine"), invoke("other")), ("put", "AccessDenied"))

    def test_a_task_has_the_rights_of_its_role_only(self):
        role = self.emulator.role(
            "task", "ecs-tasks.amazonaws.com", {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::mine/*"}
        )
        self.emulator.image("writer:1", f"{CALL}\nprint(call('mine'), call('other'))\n")
        definition = self.emulator.task_definition("writer", "writer:1", taskRoleArn=role)
        self.assertEqual(self.output(definition), "put AccessDenied\n")

    def test_a_task_without_a_role_has_no_credentials(self):
        code = "import boto3; print(boto3.Session().get_credentials())"
        self.emulator.image("no-role:1", code, env={"AWS_EC2_METADATA_DISABLED": "true"})
        self.assertEqual(self.output(self.emulator.task_definition("no-role", "no-role:1")), "None\n")

    def test_a_task_has_a_session_of_its_role(self):
        role = self.emulator.role("identity", "ecs-tasks.amazonaws.com")
        self.emulator.image("whoami:1", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])")
        output = self.output(self.emulator.task_definition("whoami", "whoami:1", taskRoleArn=role))
        self.assertRegex(output, rf"^arn:aws:sts::{ACCOUNT}:assumed-role/identity/[0-9a-f]{{32}}\n$")

    def test_a_bucket_that_requires_tls_is_open_over_loopback(self):
        s3 = self.emulator.client("s3")
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket="mine", Policy=json.dumps(policy))
        self.addCleanup(s3.delete_bucket_policy, Bucket="mine")
        function = self.emulator.function(
            "tls-writer",
            f"{CALL}\ndef handler(event):\n    return call('mine')",
            ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::mine/*"},),
        )
        answer = self.emulator.client("lambda").invoke(FunctionName=function.name, Payload=b"{}")
        self.assertEqual(json.load(answer["Payload"]), "put")

    def test_a_schedule_is_checked_in_its_group(self):
        self.emulator.client("scheduler").create_schedule_group(Name="jobs")
        code = """
import boto3
def handler(event):
    try:
        boto3.client("scheduler").create_schedule(
            Name="s", GroupName=event["group"], ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:lambda:eu-west-1:111122223333:function:f", "RoleArn": event["role"]})
        return "created"
    except Exception as error:
        return error.response["Error"]["Code"]
"""
        resource = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/jobs/*"
        role = self.emulator.role("scheduler-role", "scheduler.amazonaws.com")
        statements = (
            {"Action": "scheduler:CreateSchedule", "Resource": resource},
            {"Action": "iam:PassRole", "Resource": role},
        )
        function = self.emulator.function("scheduling", code, statements)

        def create(group):
            payload = json.dumps({"group": group, "role": role})
            return json.load(
                self.emulator.client("lambda").invoke(FunctionName=function.name, Payload=payload)["Payload"]
            )

        self.assertEqual(create("jobs"), "created")
        self.assertIn("AccessDenied", create("default"))

    def output(self, definition):
        task = self.ecs.run_task(
            cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK
        )["tasks"][0]
        eventually(
            lambda: (
                self.ecs.describe_tasks(cluster="landfall", tasks=[task["taskArn"]])["tasks"][0]["lastStatus"]
                == "STOPPED"
            ),
            "the task ends",
        )
        return (self.emulator.data / "tasks" / f"{task['taskArn'].rsplit('/', 1)[-1]}.log").read_text()


class RunTaskAuthorization(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        emulator, root = cls.emulator, cls.emulator.client("ecs")
        cls.cluster = root.create_cluster(clusterName="landfall")["cluster"]["clusterArn"]
        emulator.image("brief:1", "pass")
        cls.task_role = emulator.role("task", "ecs-tasks.amazonaws.com")
        cls.definition = emulator.task_definition("brief", "brief:1", taskRoleArn=cls.task_role)
        cls.role_arn = emulator.role(RUN_TASK_ROLE, "lambda.amazonaws.com")
        trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
            ]
        }
        emulator.client("iam").update_assume_role_policy(RoleName=RUN_TASK_ROLE, PolicyDocument=json.dumps(trust))
        keys = emulator.client("sts").assume_role(RoleArn=cls.role_arn, RoleSessionName="session")["Credentials"]
        cls.ecs = emulator.client("ecs", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        cls.pass_role = {"Action": "iam:PassRole", "Resource": cls.task_role}

    def run_as(self, *statements, definition=None):
        self.emulator.policy(RUN_TASK_ROLE, *(statements or ({"Action": "s3:GetObject", "Resource": "*"},)))
        try:
            self.ecs.run_task(
                cluster="landfall",
                taskDefinition=definition or self.definition,
                launchType="FARGATE",
                networkConfiguration=NETWORK,
            )
        except ClientError as error:
            return error.response["Error"]
        return None

    def test_run_task_is_checked_on_the_task_definition(self):
        self.assertIsNone(self.run_as({"Action": "ecs:RunTask", "Resource": self.definition}, self.pass_role))

    def test_run_task_is_not_checked_on_the_cluster(self):
        error = self.run_as({"Action": "ecs:RunTask", "Resource": self.cluster}, self.pass_role)
        self.assertEqual(error["Code"], "AccessDeniedException")
        self.assertIn("ecs:RunTask", error["Message"])

    def test_a_wildcard_for_the_revision_allows_the_family_name_too(self):
        allowed = {"Action": "ecs:RunTask", "Resource": self.definition.rsplit(":", 1)[0] + ":*"}
        self.assertIsNone(self.run_as(allowed, self.pass_role, definition="brief"))

    def test_the_cluster_can_be_a_condition(self):
        def with_cluster(arn):
            return {
                "Action": "ecs:RunTask",
                "Resource": self.definition,
                "Condition": {"ArnEquals": {"ecs:cluster": arn}},
            }

        self.assertIsNone(self.run_as(with_cluster(self.cluster), self.pass_role))
        self.assertEqual(self.run_as(with_cluster(self.cluster + "x"), self.pass_role)["Code"], "AccessDeniedException")

    def test_run_task_needs_pass_role_for_the_roles_of_the_task(self):
        error = self.run_as({"Action": "ecs:RunTask", "Resource": self.definition})
        self.assertEqual(error["Code"], "AccessDeniedException")
        self.assertIn("iam:PassRole", error["Message"])
        to_tasks = {**self.pass_role, "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}}
        self.assertIsNone(self.run_as({"Action": "ecs:RunTask", "Resource": self.definition}, to_tasks))

    def test_a_role_that_does_not_trust_ecs_is_refused(self):
        role = self.emulator.role("untrusting", "lambda.amazonaws.com")
        definition = self.emulator.task_definition("untrusting", "brief:1", taskRoleArn=role)
        error = self.run_as(
            {"Action": "ecs:RunTask", "Resource": definition},
            {"Action": "iam:PassRole", "Resource": role},
            definition=definition,
        )
        self.assertEqual(error["Code"], "ClientException")
        self.assertIn("unable to assume the role", error["Message"])

    def test_tasks_are_described_and_stopped_by_their_own_arn(self):
        task = self.emulator.client("ecs").run_task(
            cluster="landfall", taskDefinition=self.definition, launchType="FARGATE", networkConfiguration=NETWORK
        )["tasks"][0]["taskArn"]
        for resource, allowed in ((task, True), (self.cluster, False)):
            self.emulator.policy(RUN_TASK_ROLE, {"Action": ["ecs:DescribeTasks", "ecs:StopTask"], "Resource": resource})
            for call in (
                lambda: self.ecs.describe_tasks(cluster="landfall", tasks=[task]),
                lambda: self.ecs.stop_task(cluster="landfall", task=task),
            ):
                if allowed:
                    call()
                else:
                    self.assertRaises(ClientError, call)

    def test_a_task_is_stopped_by_its_tag(self):
        task = self.emulator.client("ecs").run_task(
            cluster="landfall",
            taskDefinition=self.definition,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            tags=[{"key": "landfall:stack", "value": "shop"}],
        )["tasks"][0]["taskArn"]
        for stack, allowed in (("other", False), ("shop", True)):
            self.emulator.policy(
                RUN_TASK_ROLE,
                {
                    "Action": "ecs:StopTask",
                    "Resource": task.rsplit("/", 2)[0] + "/*",
                    "Condition": {"StringEquals": {"aws:ResourceTag/landfall:stack": stack}},
                },
            )
            if allowed:
                self.ecs.stop_task(cluster="landfall", task=task)
            else:
                self.assertRaises(ClientError, self.ecs.stop_task, cluster="landfall", task=task)

    def test_a_role_without_statements_has_no_rights(self):
        self.assertEqual(self.run_as()["Code"], "AccessDeniedException")


class WithoutIam(EmulatorTest):
    arguments = ("--no-iam",)

    def test_nothing_is_denied(self):
        ecs = self.emulator.client("ecs", "AKIAUNKNOWN", "x")
        ecs.create_cluster(clusterName="landfall")
        self.emulator.image("open:1", "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])")
        definition = self.emulator.task_definition("open", "open:1", taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/none")
        task = (
            self.emulator.client("ecs")
            .run_task(
                cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK
            )["tasks"][0]["taskArn"]
            .rsplit("/", 1)[-1]
        )
        log = self.emulator.data / "tasks" / f"{task}.log"
        eventually(lambda: log.exists() and log.read_text() == f"{ACCOUNT}\n", "the task calls AWS")
