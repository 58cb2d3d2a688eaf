"""Checks the names that the functions, the CLI and `sam build` expect in the template."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import parameter_combinations
import template_queries
import translation

COMMON = {"LANDFALL_STACK", "LANDFALL_STATE_BUCKET"}
PLANNER = COMMON | {
    "LANDFALL_LANDING_BUCKETS",
    "LANDFALL_LOADS_QUEUE_URL",
    "LANDFALL_CLUSTER",
    "LANDFALL_TASK_DEFINITION",
    "LANDFALL_CONTAINER",
    "LANDFALL_SUBNETS",
    "LANDFALL_SECURITY_GROUPS",
    "LANDFALL_ASSIGN_PUBLIC_IP",
}
ENVIRONMENT = {
    "OnLoadFunction": PLANNER,
    "OnScheduleFunction": PLANNER | {"LANDFALL_DEAD_LETTER_QUEUE_URLS"},
    "OnReleaseFunction": PLANNER
    | {"LANDFALL_SCHEDULE_GROUP", "LANDFALL_ON_SCHEDULE_ARN", "LANDFALL_SCHEDULER_ROLE_ARN"},
    "OnTaskStoppedFunction": PLANNER,
    "PublishDocsFunction": COMMON | {"LANDFALL_DOCS_BUCKET"},
}
# Function -> its crate, timeout in seconds, memory in MB.
FUNCTIONS = {
    "OnLoadFunction": ("landfall-on-load", 60, 256),
    "OnScheduleFunction": ("landfall-on-schedule", 60, 256),
    "OnReleaseFunction": ("landfall-on-release", 120, 512),
    "OnTaskStoppedFunction": ("landfall-on-task-stopped", 60, 256),
    "PublishDocsFunction": ("landfall-publish-docs", 120, 1024),
}
OUTPUTS = {
    "StateBucket",
    "LandingBucket",
    "DocsBucket",
    "LoadsQueueUrl",
    "LoadsDeadLetterQueueUrl",
    "FunctionDeadLetterQueueUrl",
    "Cluster",
    "TaskFamily",
    "TaskLogGroup",
    "Repository",
    "AlarmTopicArn",
    "DashboardName",
    "DocsUrl",
}


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.source = translation.source()
        cls.template = translation.translate(cls.source)

    def test_each_function_gets_the_variables_it_reads_and_no_more(self) -> None:
        functions = template_queries.of_type(translation.resolve(self.template), "AWS::Lambda::Function")
        self.assertEqual({name: set(f["Environment"]["Variables"]) for name, f in functions.items()}, ENVIRONMENT)

    def test_timeouts_and_memory_are_as_documented(self) -> None:
        functions = template_queries.of_type(translation.resolve(self.template), "AWS::Lambda::Function")
        self.assertEqual(
            {name: (f["Timeout"], f["MemorySize"], f["Runtime"], f["Handler"]) for name, f in functions.items()},
            {
                name: (seconds, megabytes, "provided.al2023", "bootstrap")
                for name, (_, seconds, megabytes) in FUNCTIONS.items()
            },
        )

    def test_the_outputs_are_those_that_the_cli_reads(self) -> None:
        self.assertEqual(set(self.template["Outputs"]), OUTPUTS)

    def test_every_parameter_has_a_default_a_description_a_label_and_a_group(self) -> None:
        interface = self.source["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(self.source["Parameters"]))
        self.assertEqual(set(interface["ParameterLabels"]), set(self.source["Parameters"]))
        for name, parameter in self.source["Parameters"].items():
            with self.subTest(parameter=name):
                self.assertIn("Default", parameter)
                self.assertTrue(parameter["Description"].endswith("."))

    def test_given_buckets_and_subnets_are_used_and_none_are_created(self) -> None:
        given = {
            "LandingBuckets": "acme-landing,acme-second",
            "SubnetIds": "subnet-0aaa,subnet-0bbb",
            "SecurityGroupIds": "sg-0ccc",
        }
        resolved = translation.resolve(self.template, given)
        variables = resolved["Resources"]["OnLoadFunction"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(variables["LANDFALL_LANDING_BUCKETS"], "acme-landing,acme-second")
        self.assertEqual(variables["LANDFALL_SUBNETS"], "subnet-0aaa,subnet-0bbb")
        self.assertEqual(variables["LANDFALL_SECURITY_GROUPS"], "sg-0ccc")
        self.assertEqual(variables["LANDFALL_ASSIGN_PUBLIC_IP"], "false")
        self.assertEqual(resolved["Outputs"]["LandingBucket"]["Value"], "acme-landing")
        self.assertNotIn("LandingBucket", resolved["Resources"])
        self.assertEqual([name for name, r in resolved["Resources"].items() if r["Type"].startswith("AWS::EC2::")], [])
        reading = resolved["Resources"]["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        self.assertEqual(
            next(s for s in reading if s["Sid"] == "ReadLandingBuckets")["Resource"],
            ["arn:aws:s3:::acme-landing/*", "arn:aws:s3:::acme-second/*"],
        )

    def test_a_given_cluster_is_used_by_functions_rights_and_rule(self) -> None:
        arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/shared"
        resolved = translation.resolve(self.template, {"ClusterArn": arn})
        self.assertEqual([name for name, r in resolved["Resources"].items() if r["Type"] == "AWS::ECS::Cluster"], [])
        for name, function in template_queries.of_type(resolved, "AWS::Lambda::Function").items():
            self.assertEqual(function["Environment"]["Variables"].get("LANDFALL_CLUSTER", arn), arn, name)
        pattern = template_queries.pattern(resolved["Resources"]["TaskStoppedRule"]["Properties"])
        self.assertNotIn("clusterArn", pattern["detail"], "a task stays in its cluster when ClusterArn changes")
        self.assertEqual(resolved["Outputs"]["Cluster"]["Value"], arn)

    def test_secrets_reach_the_container_by_reference_and_only_they_may_be_fetched(self) -> None:
        given = {name: parameter_combinations.CHOICES[name][1] for name in ("SecretArn1", "SecretArn2", "KmsKeyArns")}
        resolved = translation.resolve(self.template, given)
        (container,) = resolved["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
        whole = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"
        self.assertEqual(
            container["Secrets"],
            [
                {"Name": "DBT_PASSWORD", "ValueFrom": f"{whole}warehouse-AbCdEf:password::"},
                {"Name": "DBT_KEY", "ValueFrom": f"{whole}data/key-AbCdEf"},
            ],
        )
        fetch, decrypt = resolved["Resources"]["SecretsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        self.assertEqual(fetch["Resource"], [f"{whole}warehouse-AbCdEf", f"{whole}data/key-AbCdEf"])
        self.assertEqual(
            decrypt["Condition"], {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
        )
        self.assertNotIn("SecretsPolicy", translation.resolve(self.template)["Resources"])

    def test_roles_with_bucket_access_may_use_the_keys_and_the_first_encrypts_created_buckets(self) -> None:
        resolved = translation.resolve(
            self.template, {"KmsKeyArns": parameter_combinations.CHOICES["KmsKeyArns"][1], "DocsAccess": "ip"}
        )
        for name, role in template_queries.of_type(resolved, "AWS::IAM::Role").items():
            uses = "<KeysPolicy>" in role.get("ManagedPolicyArns", [])
            self.assertEqual(uses, name not in ("ExecutionRole", "SchedulerRole"), name)
        keys = {}
        for name, bucket in template_queries.of_type(resolved, "AWS::S3::Bucket").items():
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            keys[name] = rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        one = "arn:aws:kms:eu-west-1:111122223333:key/one"
        self.assertEqual(
            keys,
            {"StateBucket": one, "LandingBucket": one, "DocsBucket": None},
            "CloudFront reads the docs without a key",
        )

    def test_in_the_created_network_the_task_has_a_public_address(self) -> None:
        variables = translation.resolve(self.template)["Resources"]["OnLoadFunction"]["Properties"]["Environment"][
            "Variables"
        ]
        self.assertEqual(variables["LANDFALL_SUBNETS"], "<SubnetA>,<SubnetB>")
        self.assertEqual(variables["LANDFALL_SECURITY_GROUPS"], "<SecurityGroup.GroupId>")
        self.assertEqual(variables["LANDFALL_ASSIGN_PUBLIC_IP"], "true")

    def test_created_buckets_send_their_events_to_eventbridge(self) -> None:
        buckets = template_queries.of_type(translation.resolve(self.template), "AWS::S3::Bucket")
        telling = {name for name, bucket in buckets.items() if bucket.get("NotificationConfiguration")}
        self.assertEqual(telling, {"StateBucket", "LandingBucket"})
        for name in telling:
            self.assertEqual(
                str(
                    buckets[name]["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"]
                ).lower(),
                "true",
            )

    def test_the_task_has_one_container_with_a_stop_timeout_of_two_minutes(self) -> None:
        definition = translation.resolve(self.template)["Resources"]["TaskDefinition"]["Properties"]
        (container,) = definition["ContainerDefinitions"]
        self.assertEqual((container["Name"], container["StopTimeout"], container["Essential"]), ("dbt", 120, True))
        self.assertEqual(container["LinuxParameters"], {"InitProcessEnabled": False})


class Build(unittest.TestCase):
    """functions/Makefile, called as by `sam build`: in a scratch folder, by its full path, with ARTIFACTS_DIR."""

    def setUp(self) -> None:
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.artifacts = self.scratch / "artifacts"
        self.artifacts.mkdir()

    def make(self, function: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LANDFALL_", "CARGO_", "MAKE", "MFLAGS"))
        }
        return subprocess.run(
            ["make", "--makefile", str(translation.CHECKOUT / "functions" / "Makefile"), f"build-{function}"],
            cwd=self.scratch,
            env={**clean, "ARTIFACTS_DIR": str(self.artifacts), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_built_binaries_are_copied_for_each_function(self) -> None:
        for function, (crate, _, _) in FUNCTIONS.items():
            with self.subTest(function=function):
                binary = self.scratch / crate
                binary.write_text(crate, encoding="utf-8")
                binary.chmod(0o755)
                done = self.make(function, LANDFALL_BIN_DIR=str(self.scratch))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual((self.artifacts / "bootstrap").read_text(encoding="utf-8"), crate)
                self.assertTrue(os.access(self.artifacts / "bootstrap", os.X_OK))

    def test_a_launcher_starts_the_program_where_it_was_built(self) -> None:
        folder = self.scratch / "it's `here`"
        folder.mkdir()
        program = folder / "landfall-on-load"
        program.write_text('#!/bin/sh\necho "$0 $*"\n', encoding="utf-8")
        program.chmod(0o755)
        done = self.make("OnLoadFunction", LANDFALL_BIN_DIR=str(folder), LANDFALL_LAUNCHERS="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        started = subprocess.run([self.artifacts / "bootstrap", "a b"], capture_output=True, text=True, check=True)
        self.assertEqual(started.stdout, f"{program} a b\n")

    def test_a_missing_binary_is_reported_in_one_sentence(self) -> None:
        done = self.make("OnLoadFunction", LANDFALL_BIN_DIR=str(self.scratch))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no landfall-on-load in LANDFALL_BIN_DIR", done.stderr)

    def test_without_built_binaries_cargo_builds_in_the_checkout(self) -> None:
        cargo = self.scratch / "cargo"
        cargo.write_text(
            '#!/bin/sh\necho "$PWD $*" > "$ARTIFACTS_DIR/called"\nmkdir -p "$CARGO_TARGET_DIR/release"\n'
            'echo built > "$CARGO_TARGET_DIR/release/landfall-on-load"\n',
            encoding="utf-8",
        )
        cargo.chmod(0o755)
        done = self.make("OnLoadFunction", CARGO=str(cargo), CARGO_TARGET_DIR=str(self.scratch / "target"))
        self.assertEqual(done.returncode, 0, done.stderr)
        called = (self.artifacts / "called").read_text(encoding="utf-8").strip()
        self.assertEqual(called, f"{translation.CHECKOUT} build --locked --profile release --package landfall-on-load")
        self.assertEqual((self.artifacts / "bootstrap").read_text(encoding="utf-8"), "built\n")

    def test_the_makefile_has_a_target_for_each_function_and_each_is_a_crate(self) -> None:
        for name, resource in translation.source()["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                self.assertEqual(resource["Metadata"], {"BuildMethod": "makefile"})
                crate = FUNCTIONS[name][0]
                manifest = translation.CHECKOUT / "functions" / crate.removeprefix("landfall-") / "Cargo.toml"
                self.assertIn(f'name = "{crate}"', manifest.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
