"""EventBridge -> functions: permissions, retries, failure destinations, inputs; the environment of functions."""

import json

from tests.support import ACCOUNT, REGION, EmulatorTest, eventually

FAILING = "def handler(event):\n    record(event)\n    raise ValueError('it is broken')"


class Targets(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.events = cls.emulator.client("events")

    def put(self, source, detail):
        answer = self.events.put_events(
            Entries=[{"Source": source, "DetailType": "Dataset Loaded", "Detail": json.dumps(detail)}]
        )
        self.assertEqual(answer["FailedEntryCount"], 0)

    def log(self):
        return (self.emulator.data / "emulator.log").read_text()

    def test_a_custom_event_reaches_a_function(self):
        function = self.emulator.function("custom")
        self.emulator.allow(
            function, "events.amazonaws.com", self.emulator.rule("custom", {"source": ["loader.custom"]}, function.arn)
        )
        self.put("loader.custom", {"dataset": "crm.accounts"})
        event = function.wait()[0]
        self.assertEqual(
            set(event), {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
        )
        self.assertEqual((event["detail-type"], event["detail"]), ("Dataset Loaded", {"dataset": "crm.accounts"}))
        self.assertEqual((event["account"], event["region"]), (ACCOUNT, REGION))

    def test_a_constant_input_is_delivered_unchanged(self):
        function = self.emulator.function("constant")
        rule = self.emulator.rule(
            "constant", {"source": ["loader.constant"]}, function.arn, Input='{"sweep": [1, "x"]}'
        )
        self.emulator.allow(function, "events.amazonaws.com", rule)
        self.put("loader.constant", {})
        self.assertEqual(function.wait(), [{"sweep": [1, "x"]}])

    def test_a_function_without_a_policy_is_not_invoked_and_the_log_says_so(self):
        function = self.emulator.function("closed")
        rule = self.emulator.rule("closed", {"source": ["loader.closed"]}, function.arn)
        self.emulator.allow(function, "events.amazonaws.com", rule + "-other")
        self.put("loader.closed", {})
        eventually(lambda: f"event not delivered: the policy of {function.arn}" in self.log(), "the log says so")
        self.assertEqual(function.recorded, [])

    def test_a_queue_without_a_policy_gets_nothing(self):
        url, arn = self.emulator.queue("closed-queue", ())
        self.emulator.rule("closed-queue", {"source": ["loader.queue"]}, arn)
        self.put("loader.queue", {})
        eventually(lambda: f"event not delivered: the policy of {arn}" in self.log(), "the log says so")
        self.assertNotIn("Messages", self.emulator.client("sqs").receive_message(QueueUrl=url))

    def failing(self, name, retries, *statements):
        url, arn = self.emulator.queue(f"{name}-failures", ())
        function = self.emulator.function(name, FAILING, statements)
        rule = self.emulator.rule(name, {"source": [f"loader.{name}"]}, function.arn)
        self.emulator.allow(function, "events.amazonaws.com", rule)
        self.emulator.client("lambda").put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=retries, DestinationConfig={"OnFailure": {"Destination": arn}}
        )
        self.put(f"loader.{name}", {"n": 1})
        return function, url

    def test_a_failing_function_is_retried_and_its_failure_recorded(self):
        # "Capturing records of Lambda asynchronous invocations", AWS Lambda Developer Guide: the invocation record.
        function, url = self.failing("failing", 1, {"Action": "sqs:SendMessage", "Resource": "*"})
        sqs = self.emulator.client("sqs")
        record = json.loads(
            eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), "the failure arrives")[0]["Body"]
        )
        self.assertEqual(len(function.recorded), 2)
        self.assertEqual(
            set(record),
            {"version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"},
        )
        self.assertEqual(record["requestPayload"], function.recorded[0])
        self.assertEqual(
            {key: value for key, value in record["requestContext"].items() if key != "requestId"},
            {"functionArn": f"{function.arn}:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 2},
        )
        self.assertEqual(
            record["responseContext"], {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
        )
        self.assertEqual(record["responsePayload"], {"errorMessage": "it is broken", "errorType": "ValueError"})

    def test_the_role_needs_the_right_to_send_to_the_failure_destination(self):
        function, _ = self.failing("mute", 0)
        eventually(
            lambda: (
                f"the failure of function {function.name} is lost: its role is denied sqs:SendMessage" in self.log()
            ),
            "the log says so",
        )

    def test_a_function_gets_the_variables_of_lambda_and_none_of_the_machine(self):
        # "Defined runtime environment variables", AWS Lambda Developer Guide.
        function = self.emulator.function(
            "env", "def handler(event):\n    return dict(os.environ)", variables={"DECLARED": "x"}
        )
        client = self.emulator.client("lambda")
        seen = json.load(client.invoke(FunctionName="env", Payload=b"{}")["Payload"])
        allowed = {
            "_HANDLER",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_LAMBDA_RUNTIME_API",
            "LAMBDA_TASK_ROOT",
            "TZ",
            "PATH",
            "LANG",
            "LC_ALL",
            "LC_CTYPE",
            "LD_LIBRARY_PATH",
            "DYLD_LIBRARY_PATH",
            "SSL_CERT_FILE",
            "__CF_USER_TEXT_ENCODING",
            "AWS_ENDPOINT_URL",
            "AWS_DISABLE_HOST_PREFIX_INJECTION",
            "TMPDIR",
            "DECLARED",
            "RECORD",
        }
        self.assertLessEqual(set(seen), allowed)
        self.assertEqual((seen["DECLARED"], seen["AWS_LAMBDA_LOG_GROUP_NAME"]), ("x", "/aws/lambda/env"))
        self.assertEqual(seen["AWS_ENDPOINT_URL"], self.emulator.endpoint)
        self.assertNotEqual(seen["AWS_ACCESS_KEY_ID"], "test")
        self.assertTrue(function.arn)

    def test_output_of_a_function_goes_to_a_file_and_to_cloudwatch_logs(self):
        self.emulator.function("talking", "def handler(event):\n    print('said', event['n'], flush=True)")
        self.emulator.client("lambda").invoke(FunctionName="talking", Payload=b'{"n": 5}')
        file = self.emulator.data / "functions" / "talking.log"
        eventually(lambda: file.exists() and "said 5" in file.read_text(), "the file has it")
        messages = [
            event["message"]
            for event in self.emulator.client("logs").filter_log_events(logGroupName="/aws/lambda/talking")["events"]
        ]
        self.assertIn("said 5", messages)
