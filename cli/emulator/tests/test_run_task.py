"""RunTask: refused requests, and clientToken."""

import json

from botocore.exceptions import ClientError

from tests.support import NETWORK, EmulatorTest, eventually


class RunTaskTest(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.ecs = cls.emulator.client("ecs")
        cls.ecs.create_cluster(clusterName="landfall")
        cls.emulator.image("brief:1", "pass")
        cls.definition = cls.emulator.task_definition("brief", "brief:1")
        cls.good = {
            "cluster": "landfall",
            "taskDefinition": cls.definition,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
        }

    def refused(self, **request):
        with self.assertRaises(ClientError) as caught:
            self.ecs.run_task(**{**self.good, **request})
        return caught.exception.response

    def assert_refused(self, code, words, **request):
        error = self.refused(**request)["Error"]
        self.assertEqual(error["Code"], code)
        self.assertIn(words, error["Message"])


class Refusals(RunTaskTest):
    def test_an_unknown_cluster(self):
        self.assert_refused("ClusterNotFoundException", "Cluster not found", cluster="nowhere")

    def test_an_unknown_or_inactive_task_definition(self):
        self.assert_refused("ClientException", "TaskDefinition not found", taskDefinition="nothing:1")
        gone = self.emulator.task_definition("gone", "brief:1")
        self.ecs.deregister_task_definition(taskDefinition=gone)
        self.assert_refused("ClientException", "inactive", taskDefinition=gone)

    def test_an_override_of_a_container_that_the_definition_does_not_have(self):
        self.assert_refused(
            "InvalidParameterException",
            "Override for container named other is not a container in the TaskDefinition.",
            overrides={"containerOverrides": [{"name": "other"}]},
        )

    def test_awsvpc_without_a_network_configuration(self):
        self.assert_refused(
            "InvalidParameterException", "Network Configuration must be provided", networkConfiguration={}
        )

    def test_overrides_over_8192_characters(self):
        def overrides(length):
            empty = {"containerOverrides": [{"name": "main", "environment": [{"name": "X", "value": ""}]}]}
            free = length - len(json.dumps(empty, separators=(",", ":")))
            return {"containerOverrides": [{"name": "main", "environment": [{"name": "X", "value": "x" * free}]}]}

        self.assert_refused("InvalidParameterException", "at most 8192", overrides=overrides(8193))
        self.ecs.run_task(**self.good, overrides=overrides(8192))

    def test_a_count_beyond_ten(self):
        self.assert_refused("InvalidParameterException", "Count", count=11)

    def test_a_launch_type_together_with_a_capacity_provider(self):
        self.assert_refused(
            "InvalidParameterException",
            "both a launch type and capacity provider",
            capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}],
        )


class Accepted(RunTaskTest):
    def test_the_exact_revision_runs_even_when_a_newer_one_exists(self):
        newer = self.emulator.task_definition("brief", "brief:1")
        self.assertNotEqual(newer, self.definition)
        self.assertEqual(self.ecs.run_task(**self.good)["tasks"][0]["taskDefinitionArn"], self.definition)
        self.assertEqual(
            self.ecs.run_task(**{**self.good, "taskDefinition": "brief"})["tasks"][0]["taskDefinitionArn"], newer
        )

    def test_a_capacity_provider_is_shown_beside_its_launch_type(self):
        request = {key: value for key, value in self.good.items() if key != "launchType"}
        task = self.ecs.run_task(
            **request, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        )["tasks"][0]
        self.assertEqual((task["launchType"], task["capacityProviderName"]), ("FARGATE", "FARGATE_SPOT"))

    def test_one_call_starts_several_separate_tasks(self):
        tasks = self.ecs.run_task(**self.good, count=3)["tasks"]
        self.assertEqual(len({task["taskArn"] for task in tasks}), 3)


class ClientToken(RunTaskTest):
    def test_a_repeated_call_gets_the_first_response_and_starts_nothing(self):
        first = self.ecs.run_task(**self.good, clientToken="t-1", startedBy="again")
        again = self.ecs.run_task(**self.good, clientToken="t-1", startedBy="again")
        self.assertEqual((again["tasks"], again["failures"]), (first["tasks"], first["failures"]))

        def listed():  # a set: a task that stops between the two calls is in both responses
            return {
                arn
                for status in ("RUNNING", "STOPPED")
                for arn in self.ecs.list_tasks(cluster="landfall", startedBy="again", desiredStatus=status)["taskArns"]
            }

        self.assertEqual(eventually(listed, "the task is listed"), {first["tasks"][0]["taskArn"]})

    def test_other_parameters_are_a_conflict_that_names_the_first_tasks(self):
        first = self.ecs.run_task(**self.good, clientToken="t-2")["tasks"][0]["taskArn"]
        response = self.refused(clientToken="t-2", startedBy="another caller")
        self.assertEqual(response["Error"]["Code"], "ConflictException")
        self.assertEqual(response["resourceIds"], [first])

    def test_a_refused_call_does_not_use_its_token(self):
        self.refused(clientToken="t-3", count=11)
        self.assertEqual(len(self.ecs.run_task(**self.good, clientToken="t-3")["tasks"]), 1)
