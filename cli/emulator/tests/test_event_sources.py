"""SQS -> function: batches, windows, partial failures, redrive, delays."""

import json
import time
import unittest

from landfall_emulator.patches.event_sources import PAYLOAD_MAX_BYTES, fitting_count

from tests.support import EmulatorTest, eventually

READ_QUEUE = {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": "*"}
FAIL_BAD = """
def handler(event):
    bodies = [record["body"] for record in event["Records"]]
    record([bodies, [record["attributes"]["ApproximateReceiveCount"] for record in event["Records"]]])
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in bad]}
"""
FAIL_ONCE = """
def handler(event):
    body, done = event["Records"][0]["body"], os.environ["RECORD"] + ".done"
    record(body)
    if body == "boom" and not os.path.exists(done):
        open(done, "w").close()
        raise ValueError("no")
"""
BODIES = "import time\ndef handler(event):\n    record([time.time(), [found['body'] for found in event['Records']]])"


class EventSourceTest(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sqs = cls.emulator.client("sqs")

    def mapped(self, name, code, attributes=None, **mapping):
        url, arn = self.emulator.queue(name, (), **(attributes or {}))
        function = self.emulator.function(name, code, (READ_QUEUE,))
        self.emulator.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **mapping)
        self.sqs.send_message(QueueUrl=url, MessageBody="warm")
        function.wait()
        return url, function

    def send(self, url, bodies):
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])
            ]
            self.sqs.send_message_batch(QueueUrl=url, Entries=entries)


class Batches(EventSourceTest):
    def test_a_window_collects_messages_into_one_batch(self):
        url, function = self.mapped("window", BODIES, BatchSize=100, MaximumBatchingWindowInSeconds=2)
        started = time.time()
        self.send(url, [f"m{number}" for number in range(5)])
        moment, bodies = function.wait(2)[1]
        self.assertEqual(len(bodies), 5)
        self.assertGreater(moment - started, 1.5)
        self.assertLess(moment - started, 4)

    def test_a_full_batch_does_not_wait_for_the_window(self):
        url, function = self.mapped("full", BODIES, BatchSize=10, MaximumBatchingWindowInSeconds=3)
        started = time.time()
        self.send(url, [f"m{number}" for number in range(10)])
        moment, bodies = function.wait(2)[1]
        self.assertEqual(len(bodies), 10)
        self.assertLess(moment - started, 2)

    def test_a_batch_may_have_more_than_ten_messages(self):
        url, function = self.mapped("large", BODIES, BatchSize=200, MaximumBatchingWindowInSeconds=2)
        self.send(url, [f"m{number}" for number in range(25)])
        self.assertEqual(len(function.wait(2)[1][1]), 25)


class Failures(EventSourceTest):
    def test_only_a_failed_item_is_redelivered_and_goes_to_the_dead_letter_queue(self):
        dead_url, dead_arn = self.emulator.queue("dead", ())
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
        url, function = self.mapped(
            "partial",
            FAIL_BAD,
            {"VisibilityTimeout": "1", "RedrivePolicy": redrive},
            BatchSize=10,
            MaximumBatchingWindowInSeconds=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        self.send(url, ["good", "bad"])
        messages = eventually(
            lambda: self.sqs.receive_message(QueueUrl=dead_url).get("Messages"), "the bad message is dead-lettered"
        )
        self.assertEqual(messages[0]["Body"], "bad")
        self.assertEqual(function.recorded[1:], [[["good", "bad"], ["1", "1"]], [["bad"], ["2"]]])

    def test_a_function_that_throws_gets_the_whole_batch_again(self):
        url, function = self.mapped(
            "throwing",
            FAIL_ONCE,
            {"VisibilityTimeout": "1"},
            BatchSize=1,
        )
        self.send(url, ["boom"])
        self.assertEqual(function.wait(3)[1:], ["boom", "boom"])


class Permissions(EventSourceTest):
    def test_without_the_right_to_read_the_queue_a_function_gets_nothing(self):
        url, arn = self.emulator.queue("unreadable", ())
        function = self.emulator.function("unreadable", BODIES, ({"Action": "sqs:ReceiveMessage", "Resource": arn},))
        self.emulator.client("lambda").create_event_source_mapping(FunctionName="unreadable", EventSourceArn=arn)
        self.send(url, ["kept"])
        log = self.emulator.data / "emulator.log"
        eventually(
            lambda: f"unreadable-role is denied sqs:DeleteMessage on {arn}" in log.read_text(), "the log says so"
        )
        self.assertEqual(function.recorded, [])
        self.emulator.policy("unreadable-role", READ_QUEUE)
        self.assertEqual(function.wait()[0][1], ["kept"])


class Timing(EventSourceTest):
    def test_a_delayed_message_arrives_when_its_delay_ends(self):
        url, function = self.mapped("delayed", BODIES, BatchSize=1)
        started = time.time()
        self.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=2)
        moment, _ = function.wait(2)[1]
        self.assertGreater(moment - started, 1.9)
        self.assertLess(moment - started, 3)

    def test_a_delay_may_be_900_seconds_and_no_more(self):
        url, _ = self.emulator.queue("long-delay", ())
        self.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)
        with self.assertRaises(self.sqs.exceptions.ClientError):
            self.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=901)

    def test_a_message_reaches_its_function_within_half_a_second(self):
        url, function = self.mapped("prompt", BODIES, BatchSize=1)
        seconds = []
        for count in range(2, 8):
            started = time.time()
            self.sqs.send_message(QueueUrl=url, MessageBody="now")
            seconds.append(function.wait(count)[-1][0] - started)
        # A busy machine delays some of them.
        self.assertLess(sorted(seconds)[2], 0.5)


class Payload(unittest.TestCase):
    def test_a_batch_ends_before_six_megabytes_but_is_never_empty(self):
        self.assertEqual(fitting_count([PAYLOAD_MAX_BYTES // 2] * 3), 1)
        self.assertEqual(fitting_count([PAYLOAD_MAX_BYTES // 4] * 4), 3)
        self.assertEqual(fitting_count([PAYLOAD_MAX_BYTES * 2, 1]), 1)
        self.assertEqual(fitting_count([]), 0)
