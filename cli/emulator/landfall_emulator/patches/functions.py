"""Function processes.

Stock: a `provided` function gets the emulator's whole environment. Its process is in the emulator's group. Its output
is kept only per invocation. Each response waits 50 ms for output that may not come.
AWS: "Defined runtime environment variables" in the AWS Lambda Developer Guide lists the variables of a function.
Here: these variables, PATH and the endpoint. Each function has its own process group. All output is also written to
DATA/functions/NAME.log. The wait is 5 ms. Credentials are as in stock: with IAM enforced, a session of the function's
role.
"""

import os
import subprocess
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..assumptions import module, replace, require
from ..environment import inherited
from ..options import Options
from ..processes import Processes

OUTPUT_WAIT_SECONDS = 0.005


def apply(given: Options, endpoint: str, processes: Processes, machine: dict[str, str]) -> None:
    """Replaces the way in which functions are started."""
    runtime = module("ministack.core.lambda_runtime")
    service = module("ministack.services.lambda_svc")
    _environment(service, given, endpoint, machine)
    _process_groups(runtime, processes)
    _output(runtime, given.data / "functions")


def _environment(service: types.ModuleType, given: Options, endpoint: str, machine: dict[str, str]) -> None:
    emulators_own = set(os.environ)
    folder = given.data / "tmp" / "functions"

    def environment(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        declared = (config.get("Environment") or {}).get("Variables") or {}
        name = config["FunctionName"]
        temporary = folder / name
        temporary.mkdir(parents=True, exist_ok=True)
        made = stock(config, code_dir, port)
        kept = {key: value for key, value in made.items() if key in declared or key not in emulators_own}
        return {
            **inherited(machine),
            "TZ": ":UTC",
            "TMPDIR": os.fspath(temporary),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}",
            **kept,
            "AWS_REGION": made["AWS_REGION"],
            "AWS_DEFAULT_REGION": made["AWS_DEFAULT_REGION"],
            **{
                key: made[key]
                for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
                if key in made
            },
            "AWS_ENDPOINT_URL": endpoint,
        }

    stock = replace(service, "_provided_worker_env", environment, ("config", "code_dir", "port"))


def _process_groups(runtime: types.ModuleType, processes: Processes) -> None:
    require(runtime, "subprocess")
    module_with_our_popen = types.SimpleNamespace(**{name: getattr(subprocess, name) for name in dir(subprocess)})
    module_with_our_popen.Popen = processes.popen_class()
    replace(runtime, "subprocess", module_with_our_popen)


def _output(runtime: types.ModuleType, folder: Path) -> None:
    worker = require(runtime, "ProvidedWorker")
    folder.mkdir(parents=True, exist_ok=True)

    def pump(self: Any, stream: Any, log_queue: Any) -> None:
        with (folder / f"{self.func_name}.log").open("ab", buffering=0) as file:
            stock_pump(self, _Copied(stream, file.write), log_queue)

    stock_pump = replace(worker, "_pump_output", pump, ("self", "stream", "log_queue"))

    def drain(
        self: Any,
        first_line_wait: float = OUTPUT_WAIT_SECONDS,
        idle_confirm: float = OUTPUT_WAIT_SECONDS,
        hard_cap: float = 0.25,
    ) -> str:
        return stock_drain(self, first_line_wait, idle_confirm, hard_cap)

    stock_drain = replace(
        worker, "_drain_stderr_bounded", drain, ("self", "first_line_wait", "idle_confirm", "hard_cap")
    )


class _Copied:
    """A stream that also passes each line to a second writer."""

    def __init__(self, stream: Any, write: Callable[[bytes], Any]) -> None:
        self._stream, self._write = stream, write

    def readline(self) -> bytes:
        line = self._stream.readline()
        self._write(line)
        return line

    def close(self) -> None:
        self._stream.close()
