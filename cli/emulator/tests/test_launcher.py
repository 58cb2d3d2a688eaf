"""The launcher: start, refusals, and the end of all processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from unittest import mock

from landfall_emulator import assumptions

from tests.support import LAUNCHER, NETWORK, Emulator, alive, end, eventually, folder, start_launcher

WITH_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(300)
"""


def listening_addresses(pid):
    """Returns the addresses on which a process listens for TCP."""
    if sys.platform != "linux":
        lines = subprocess.run(
            ["lsof", "-nP", "-a", "-p", str(pid), "-iTCP", "-sTCP:LISTEN", "-Fn"],
            capture_output=True,
            text=True,
            check=True,
        )
        return {line[1:].rsplit(":", 1)[0] for line in lines.stdout.splitlines() if line.startswith("n")}
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    found = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address for address in found}


class Starting(unittest.TestCase):
    def test_one_line_reports_readiness_and_only_loopback_is_used(self):
        emulator = Emulator()
        self.addCleanup(emulator.stop)
        self.assertEqual(set(emulator.ready), {"ready", "endpoint", "pid"})
        self.assertEqual((emulator.ready["ready"], emulator.ready["pid"]), (True, emulator.process.pid))
        port = int(emulator.endpoint.rsplit(":", 1)[1])
        self.assertEqual(emulator.endpoint, f"http://127.0.0.1:{port}")
        self.assertEqual(listening_addresses(emulator.process.pid), {"127.0.0.1"})
        end(emulator.process)
        self.assertEqual(emulator.process.returncode, 0)

    def test_a_taken_port_is_refused_with_the_next_step(self):
        with folder() as data, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process = start_launcher("--port", str(port), "--data", str(data))
            output, errors = process.communicate(timeout=20)
        self.assertEqual((process.returncode, output), (2, ""))
        self.assertRegex(errors, rf"^cannot listen on 127\.0\.0\.1:{port} \(.+\): end the program .+ --port .+\n$")

    def test_another_version_is_refused_in_one_sentence(self):
        with (
            mock.patch("importlib.metadata.version", return_value="1.5.34"),
            self.assertRaises(assumptions.IncompatibleEmulatorError) as caught,
        ):
            assumptions.check_version()
        self.assertEqual(
            str(caught.exception),
            "the emulator needs ministack 1.5.33 but 1.5.34 is installed: "
            "reinstall it with `pip install -r cli/emulator/requirements.txt`",
        )
        with folder() as path:
            (path / "ministack-1.5.34.dist-info").mkdir()
            (path / "ministack-1.5.34.dist-info" / "METADATA").write_text(
                "Metadata-Version: 2.1\nName: ministack\nVersion: 1.5.34\n"
            )
            process = start_launcher(
                "--port", "0", "--data", str(path / "data"), env={**os.environ, "PYTHONPATH": str(path)}
            )
            output, errors = process.communicate(timeout=20)
        self.assertEqual((process.returncode, output), (1, ""))
        self.assertEqual(errors.count("\n"), 1)

    def test_a_missing_internal_name_is_refused_and_named(self):
        with self.assertRaisesRegex(assumptions.IncompatibleEmulatorError, r"tests\.support\.no_such_name"):
            assumptions.require(sys.modules["tests.support"], "no_such_name")
        with self.assertRaisesRegex(
            assumptions.IncompatibleEmulatorError,
            r"eventually should take \(look, when\), but it takes \(look, what, seconds\)",
        ):
            assumptions.require(sys.modules["tests.support"], "eventually", ("look", "when"))
        with self.assertRaisesRegex(assumptions.IncompatibleEmulatorError, "ministack.no_such_module"):
            assumptions.module("ministack.no_such_module")

    def test_a_missing_internal_name_stops_the_start(self):
        broken = textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(LAUNCHER.parent)!r})
            from landfall_emulator import assumptions, main
            stock = assumptions.module
            def module(name):
                found = stock(name)
                if name == "ministack.services.s3":
                    del found._fire_s3_event
                return found
            assumptions.module = module
            sys.exit(main.main(sys.argv[1:]))
            """
        )
        with folder() as data:
            run = subprocess.run(
                [sys.executable, "-c", broken, "--port", "0", "--data", str(data)],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("ministack has no ministack.services.s3._fire_s3_event, which a patch needs", run.stderr)

    def test_nothing_is_written_outside_the_data_folder(self):
        temporary = Path(tempfile.gettempdir())
        before = {path.name for path in temporary.iterdir()}
        emulator = Emulator()
        self.addCleanup(emulator.stop)
        emulator.function("f")
        emulator.client("lambda").invoke(FunctionName="f", Payload=b"{}")
        new = {
            name
            for name in {path.name for path in temporary.iterdir()} - before
            if "ministack" in name or "lambda" in name
        }
        self.assertEqual(new, set())
        self.assertTrue(list((emulator.data / "tmp").glob("ministack-provided-code-*/*/bootstrap")))


class Ending(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator("--exit-with-stdin", stdin=subprocess.PIPE)
        self.addCleanup(self.ended_and_removed)
        ecs = self.emulator.client("ecs")
        ecs.create_cluster(clusterName="landfall")
        self.emulator.image("family:1", WITH_CHILD)
        definition = self.emulator.task_definition("family", "family:1")
        task = ecs.run_task(
            cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK
        )["tasks"][0]
        self.task_log = self.emulator.data / "tasks" / f"{task['taskArn'].rsplit('/', 1)[-1]}.log"
        self.emulator.function("f", "def handler(event):\n    return os.getpid()")
        self.children = [
            int(json.load(self.emulator.client("lambda").invoke(FunctionName="f", Payload=b"{}")["Payload"]))
        ]
        self.children += map(
            int, eventually(lambda: self.task_log.exists() and self.task_log.read_text().split(), "the task is up")
        )
        self.assertEqual(len(self.children), 3)

    def ended_and_removed(self):
        if self.emulator.process.poll() is None:
            self.emulator.process.kill()
        self.emulator.stop()

    def assert_nothing_left(self, seconds=10):
        eventually(lambda: self.emulator.process.poll() is not None, "the launcher ends", seconds)
        eventually(lambda: not any(alive(child) for child in self.children), "its children end", seconds)

    def test_sigterm_ends_everything_promptly(self):
        started = time.monotonic()
        self.emulator.process.terminate()
        self.assert_nothing_left()
        self.assertEqual(self.emulator.process.returncode, 0)
        self.assertLess(time.monotonic() - started, 3)

    def test_sigint_ends_everything(self):
        self.emulator.process.send_signal(signal.SIGINT)
        self.assert_nothing_left()

    def test_the_end_of_stdin_ends_everything(self):
        self.emulator.process.stdin.close()
        self.assert_nothing_left()

    def test_after_sigkill_the_guardian_ends_everything(self):
        self.emulator.process.kill()
        self.assert_nothing_left()


class SlowEnd(unittest.TestCase):
    def test_a_stopping_task_has_its_timeout_and_can_still_call_aws(self):
        emulator = Emulator()
        self.addCleanup(emulator.stop)
        emulator.client("ecs").create_cluster(clusterName="landfall")
        code = (
            "import boto3, signal, sys, time\ndef stop(*_):\n"
            "    print('asked', boto3.client('sts').get_caller_identity()['Account'], flush=True)\n"
            "    sys.exit(0)\nsignal.signal(signal.SIGTERM, stop)\nprint('up', flush=True)\ntime.sleep(300)"
        )
        emulator.image("late:1", code)
        role = emulator.role("task", "ecs-tasks.amazonaws.com")
        definition = emulator.task_definition("late", "late:1", taskRoleArn=role)
        task = emulator.client("ecs").run_task(
            cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK
        )
        log = emulator.data / "tasks" / f"{task['tasks'][0]['taskArn'].rsplit('/', 1)[-1]}.log"
        eventually(lambda: log.exists() and "up" in log.read_text(), "the task is up")
        end(emulator.process)
        self.assertIn("asked 111122223333", log.read_text())

    def test_a_second_signal_does_not_wait(self):
        emulator = Emulator()
        self.addCleanup(emulator.stop)
        emulator.client("ecs").create_cluster(clusterName="landfall")
        emulator.image(
            "deaf:1",
            "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print(os.getpid(), flush=True)\ntime.sleep(300)",
        )
        definition = emulator.task_definition("deaf", "deaf:1")
        task = emulator.client("ecs").run_task(
            cluster="landfall", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK
        )
        log = emulator.data / "tasks" / f"{task['tasks'][0]['taskArn'].rsplit('/', 1)[-1]}.log"
        pid = int(eventually(lambda: log.exists() and log.read_text(), "the task is up"))
        emulator.process.terminate()
        with self.assertRaises(subprocess.TimeoutExpired):
            emulator.process.wait(1)
        emulator.process.terminate()
        emulator.process.wait(5)
        self.assertFalse(alive(pid))


class Parent(unittest.TestCase):
    def test_the_end_of_the_starting_process_ends_the_emulator(self):
        starter = (
            "import subprocess, sys\n"
            "process = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE, text=True)\n"
            "print(process.stdout.readline(), end='', flush=True)\nsys.stdin.read()"
        )
        with folder() as data:
            process = subprocess.Popen(
                [sys.executable, "-c", starter, str(LAUNCHER), "--port", "0", "--data", str(data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            pid = json.loads(process.stdout.readline())["pid"]
            self.assertTrue(alive(pid))
            process.kill()
            process.communicate()
            eventually(lambda: not alive(pid), "the emulator ends")
