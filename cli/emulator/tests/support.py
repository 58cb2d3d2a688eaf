"""An emulator for tests, functions and tasks that record their input, and waiting with a deadline."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

LAUNCHER = Path(__file__).resolve().parent.parent / "launch.py"
REGION, ACCOUNT = "eu-west-1", "111122223333"
T = TypeVar("T")

BOOTSTRAP = """#!{python}
import http.client, json, os, sys, time, urllib.request
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
def record(value):
    with open(os.environ["RECORD"], "a") as file:
        file.write(json.dumps(value) + "\\n")
{code}
while True:
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    try:
        path, body = "response", handler(event)
    except Exception as error:
        path, body = "error", {{"errorMessage": str(error), "errorType": type(error).__name__}}
    url = f"http://{{host}}/2018-06-01/runtime/invocation/{{request_id}}/{{path}}"
    urllib.request.urlopen(url, json.dumps(body).encode())
"""
RECORDING = "def handler(event):\n    record(event)\n    return event"


def eventually(look: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """Calls `look` until its result is true, and returns it. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"within {seconds} s: {what}; last seen: {found!r}")
        time.sleep(0.01)


def start_launcher(*arguments: str, **options: Any) -> subprocess.Popen:
    """Starts the launcher as a child process with pipes for its output."""
    return subprocess.Popen(
        [sys.executable, str(LAUNCHER), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def end(process: subprocess.Popen) -> None:
    """Sends SIGTERM, then SIGKILL if the process does not end."""
    if process.poll() is None:
        process.terminate()
    if process.stdin and process.stdin.closed:
        process.stdin = None  # communicate would flush it
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


class Emulator:
    """A running emulator with its own folder."""

    def __init__(self, *arguments: str, **options: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-emulator-test-"))
        self.data, self.images = self.folder / "data", self.folder / "images.json"
        self.images.write_text("{}")
        self.process = start_launcher(
            "--port", "0", "--data", str(self.data), "--images", str(self.images), *arguments, **options
        )
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the emulator did not start: {self.process.communicate()[1]}")
        self.ready = json.loads(line)
        self.endpoint: str = self.ready["endpoint"]
        self._clients: dict[tuple, Any] = {}

    def stop(self) -> None:
        """Ends the emulator and removes its folder."""
        end(self.process)
        shutil.rmtree(self.folder)

    def client(self, service: str, key: str = "test", secret: str = "test", token: str | None = None) -> Any:
        """Returns a boto3 client for the account's root or for other keys."""
        wanted = (service, key, secret, token)
        if wanted not in self._clients:
            self._clients[wanted] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
            )
        return self._clients[wanted]

    def image(self, reference: str, code: str, **entry: Any) -> None:
        """Adds a local image that runs a Python program."""
        images = json.loads(self.images.read_text())
        images[reference] = {"argv": [sys.executable, "-u", "-c", code], **entry}
        self.images.write_text(json.dumps(images))

    def role(self, name: str, service: str, *statements: dict[str, Any]) -> str:
        """Creates a role for a service with one inline policy. Returns its ARN."""
        iam = self.client("iam")
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            self.policy(name, *statements)
        return arn

    def policy(self, role: str, *statements: dict[str, Any]) -> None:
        """Sets the inline policy of a role."""
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", **statement} for statement in statements],
        }
        self.client("iam").put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=json.dumps(document))

    def function(
        self, name: str, code: str = RECORDING, statements: tuple[dict, ...] = (), **settings: Any
    ) -> "Function":
        """Creates a `provided.al2023` function.

        Its bootstrap is a Python script with `handler(event)` and `record(value)`.
        """
        record = self.folder / f"{name}.jsonl"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            info = zipfile.ZipInfo("bootstrap")
            info.external_attr = 0o755 << 16
            file.writestr(info, BOOTSTRAP.format(python=sys.executable, code=code))
        variables = {"RECORD": str(record), **settings.pop("variables", {})}
        arn = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Code={"ZipFile": archive.getvalue()},
            Role=self.role(f"{name}-role", "lambda.amazonaws.com", *statements),
            Environment={"Variables": variables},
            Timeout=settings.pop("timeout", 10),
            **settings,
        )["FunctionArn"]
        return Function(name, arn, record)

    def allow(self, function: "Function", principal: str, source: str) -> None:
        """Allows a service to invoke a function."""
        self.client("lambda").add_permission(
            FunctionName=function.name,
            StatementId=f"s{time.monotonic_ns()}",
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
        )

    def queue(
        self, name: str, sources: tuple[str, ...] = ("events.amazonaws.com",), **attributes: str
    ) -> tuple[str, str]:
        """Creates a queue to which services may send. Returns its URL and ARN."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        statement = [
            {"Effect": "Allow", "Principal": {"Service": source}, "Action": "sqs:SendMessage", "Resource": arn}
            for source in sources
        ]
        policy = {"Policy": json.dumps({"Statement": statement})} if sources else {}
        return self.client("sqs").create_queue(QueueName=name, Attributes={**policy, **attributes})["QueueUrl"], arn

    def rule(self, name: str, pattern: dict[str, Any], target: str, **more: Any) -> str:
        """Creates a rule on the default bus with one target. Returns its ARN."""
        events = self.client("events")
        arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target, **more}])
        return arn

    def task_definition(self, family: str, image: str, **settings: Any) -> str:
        """Registers a Fargate task definition with one container `main`. Returns its ARN with revision."""
        container = {"name": "main", "image": image, "essential": True, **settings.pop("container", {})}
        return self.client("ecs").register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container, *settings.pop("more", [])],
            **settings,
        )["taskDefinition"]["taskDefinitionArn"]


class Function:
    """A function and its records."""

    def __init__(self, name: str, arn: str, record: Path) -> None:
        self.name, self.arn, self._record = name, arn, record

    @property
    def recorded(self) -> list[Any]:
        """Returns what the function passed to `record`, in order."""
        if not self._record.exists():
            return []
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def wait(self, count: int = 1, seconds: float = 15.0) -> list[Any]:
        """Waits for a number of records and returns them."""
        eventually(
            lambda: len(self.recorded) >= count, f"{self.name} records {count} times (has {self.recorded})", seconds
        )
        return self.recorded


NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


class EmulatorTest(unittest.TestCase):
    """Tests that share one emulator per class."""

    arguments: tuple[str, ...] = ()
    emulator: Emulator

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulator = Emulator(*cls.arguments)
        cls.addClassCleanup(cls.emulator.stop)


def alive(pid: int) -> bool:
    """Returns whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Provides a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="landfall-emulator-test-") as path:
        yield Path(path)
