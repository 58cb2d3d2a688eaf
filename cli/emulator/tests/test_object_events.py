"""S3 -> EventBridge -> SQS -> function, and the fields of the events."""

import json

from botocore.exceptions import ClientError

from tests.support import ACCOUNT, REGION, EmulatorTest, eventually

READ_QUEUE = {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": "*"}

# "EventBridge event message structure" (ev-events), Amazon S3 User Guide: the fields of the examples' detail.
CREATED_DETAIL = {"version", "bucket", "object", "request-id", "requester", "source-ip-address", "reason"}
CREATED_OBJECT = {"key", "size", "etag", "version-id", "sequencer"}
DELETED_DETAIL = CREATED_DETAIL | {"deletion-type"}
DELETED_OBJECT = {"key", "etag", "version-id", "sequencer"}
# Newer versions of that page add these to "version".
LATER_ADDED = {"event-version"}


class BucketTest(EmulatorTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.s3, cls.sqs = cls.emulator.client("s3"), cls.emulator.client("sqs")

    def bucket(self, name, versioned=True):
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        return name

    def events_of(self, name, **key_filter):
        """Routes a bucket's events into a queue. Returns a function that waits for a number of them."""
        url, arn = self.emulator.queue(name)
        self.emulator.rule(name, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}, **key_filter}}, arn)
        seen = []

        def wait(count=1):
            def look():
                for message in self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                    seen.append(json.loads(message["Body"]))
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return len(seen) >= count

            eventually(look, f"{count} events of {name}")
            return seen

        return wait


class Shape(BucketTest):
    def test_a_created_object_has_the_documented_fields(self):
        wait = self.events_of(self.bucket("created"))
        version = self.s3.put_object(Bucket="created", Key="orders/a.csv", Body=b"hello")["VersionId"]
        event = wait()[0]
        self.assertEqual(set(event["detail"]) - LATER_ADDED, CREATED_DETAIL)
        self.assertEqual(set(event["detail"]["object"]), CREATED_OBJECT)
        self.assertEqual((event["source"], event["detail-type"]), ("aws.s3", "Object Created"))
        self.assertEqual(event["resources"], ["arn:aws:s3:::created"])
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        found = event["detail"]["object"]
        self.assertEqual((found["key"], found["size"], found["version-id"]), ("orders/a.csv", 5, version))
        self.assertEqual(found["etag"], "5d41402abc4b2a76b9719d911017c592")
        self.assertEqual((event["detail"]["reason"], event["detail"]["requester"]), ("PutObject", ACCOUNT))

    def test_a_deleted_object_has_the_documented_fields(self):
        wait = self.events_of(self.bucket("deleted"))
        self.s3.put_object(Bucket="deleted", Key="k", Body=b"x")
        wait()
        self.s3.delete_object(Bucket="deleted", Key="k")
        event = wait(2)[1]
        self.assertEqual(set(event["detail"]) - LATER_ADDED, DELETED_DETAIL)
        self.assertEqual(set(event["detail"]["object"]), DELETED_OBJECT)
        self.assertEqual(
            (event["detail-type"], event["detail"]["deletion-type"]), ("Object Deleted", "Delete Marker Created")
        )

    def test_an_unversioned_bucket_gives_no_version_id(self):
        wait = self.events_of(self.bucket("unversioned", versioned=False))
        self.s3.put_object(Bucket="unversioned", Key="k", Body=b"x")
        self.assertEqual(set(wait()[0]["detail"]["object"]), CREATED_OBJECT - {"version-id"})

    def test_copies_and_multipart_uploads_have_their_reasons(self):
        wait = self.events_of(self.bucket("reasons"))
        self.s3.put_object(Bucket="reasons", Key="a", Body=b"x")
        self.s3.copy_object(Bucket="reasons", Key="b", CopySource={"Bucket": "reasons", "Key": "a"})
        upload = self.s3.create_multipart_upload(Bucket="reasons", Key="c")["UploadId"]
        part = self.s3.upload_part(Bucket="reasons", Key="c", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
        self.s3.complete_multipart_upload(
            Bucket="reasons", Key="c", UploadId=upload, MultipartUpload={"Parts": [{"ETag": part, "PartNumber": 1}]}
        )
        reasons = {event["detail"]["object"]["key"]: event["detail"]["reason"] for event in wait(3)}
        self.assertEqual(reasons, {"a": "PutObject", "b": "CopyObject", "c": "CompleteMultipartUpload"})

    def test_sequencers_of_a_key_grow(self):
        wait = self.events_of(self.bucket("sequence"))
        for body in (b"1", b"2", b"3"):
            self.s3.put_object(Bucket="sequence", Key="k", Body=body)
        objects = sorted((event["detail"]["object"] for event in wait(3)), key=lambda found: found["sequencer"])
        self.assertEqual(
            [found["version-id"] for found in objects],
            [version["VersionId"] for version in reversed(self.s3.list_object_versions(Bucket="sequence")["Versions"])],
        )

    def test_unusual_keys_arrive_unchanged(self):
        wait = self.events_of(self.bucket("hostile"))
        keys = [
            "a b.csv",
            "a+b",
            "100%/x%20y",
            "quo\"te's",
            "new\nline",
            "f\u00fc/\u65e5\u672c/\U0001f600",
            "-rf",
            "a&b=c;$(x)`y`",
            "../up/./x",
            "tab\tx",
        ]
        for key in keys:
            self.s3.put_object(Bucket="hostile", Key=key, Body=b"x")
        self.assertEqual(sorted(event["detail"]["object"]["key"] for event in wait(len(keys))), sorted(keys))


class Filters(BucketTest):
    def test_prefix_suffix_and_wildcard_filters_on_the_key(self):
        bucket = self.bucket("filtered")
        waits = {
            name: self.filtered(bucket, name, matcher)
            for name, matcher in (
                ("prefix", {"prefix": "orders/"}),
                ("suffix", {"suffix": ".csv"}),
                ("wildcard", {"wildcard": "orders/*/part-*.parquet"}),
            )
        }
        for key in ("orders/a.json", "other/b.csv", "orders/d=1/part-0.parquet"):
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        self.assertEqual(waits["prefix"](2), {"orders/a.json", "orders/d=1/part-0.parquet"})
        self.assertEqual(waits["suffix"](1), {"other/b.csv"})
        self.assertEqual(waits["wildcard"](1), {"orders/d=1/part-0.parquet"})

    def filtered(self, bucket, name, matcher):
        url, arn = self.emulator.queue(f"filter-{name}")
        self.emulator.rule(
            f"filter-{name}",
            {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}, "object": {"key": [matcher]}}},
            arn,
        )
        keys = set()

        def wait(count):
            def look():
                for message in self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                    keys.add(json.loads(message["Body"])["detail"]["object"]["key"])
                return len(keys) >= count

            eventually(look, f"{name} matches {count} keys")
            return keys

        return wait


class ConditionalWrites(BucketTest):
    def code(self, **request):
        try:
            self.s3.put_object(Bucket="conditional", Body=b"x", **request)
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        return 200, None

    def test_if_none_match_and_if_match(self):
        self.bucket("conditional")
        self.assertEqual(self.code(Key="k", IfNoneMatch="*"), (200, None))
        self.assertEqual(self.code(Key="k", IfNoneMatch="*"), (412, "PreconditionFailed"))
        etag = self.s3.head_object(Bucket="conditional", Key="k")["ETag"]
        self.assertEqual(self.code(Key="k", IfMatch=etag), (200, None))
        self.assertEqual(self.code(Key="k", IfMatch='"00000000000000000000000000000000"'), (412, "PreconditionFailed"))
        self.assertEqual(self.code(Key="missing", IfMatch=etag), (404, "NoSuchKey"))


class Chain(BucketTest):
    def test_an_object_reaches_a_function_through_a_queue(self):
        url, arn = self.emulator.queue("landed")
        self.emulator.rule("landed", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["landing"]}}}, arn)
        function = self.emulator.function("on-load", statements=(READ_QUEUE,))
        self.emulator.client("lambda").create_event_source_mapping(
            FunctionName="on-load", EventSourceArn=arn, BatchSize=10
        )
        self.s3.put_object(Bucket=self.bucket("landing"), Key="orders/one two+three.csv", Body=b"x")
        record = function.wait()[0]["Records"][0]
        self.assertEqual(json.loads(record["body"])["detail"]["object"]["key"], "orders/one two+three.csv")
        self.assertEqual(
            (record["eventSource"], record["eventSourceARN"], record["awsRegion"]), ("aws:sqs", arn, REGION)
        )
        eventually(
            lambda: (
                self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
                    "ApproximateNumberOfMessagesNotVisible"
                ]
                == "0"
            ),
            "the message is deleted",
        )
