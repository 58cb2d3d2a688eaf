"""The command line. The help of an option names the environment variable that can set it."""

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The launcher's options."""

    port: int
    """Port on 127.0.0.1; 0 picks a free one."""
    data: Path
    """Absolute path of the folder for logs and working folders. The emulator writes nowhere else."""
    images: Path | None
    """Absolute path of the JSON file that maps image references to local commands."""
    region: str
    account: str
    enforce_iam: bool
    exit_with_stdin: bool
    exit_with_parent: bool


def parse(arguments: list[str]) -> Options:
    """Parses the command line. A wrong one ends the process with a usage message and exit code 2."""
    parser = argparse.ArgumentParser(prog="launch.py", description="Run the local AWS emulator on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=4566, help="port on 127.0.0.1, 0 for a free one (default 4566)")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder for logs and working folders, created if missing"
    )
    parser.add_argument(
        "--images", type=Path, help="JSON file: image reference -> {argv, env, workdir}, read at each task start"
    )
    parser.add_argument(
        "--region",
        default=os.environ.get("LANDFALL_EMULATOR_REGION", "eu-west-1"),
        help="region (default $LANDFALL_EMULATOR_REGION or eu-west-1)",
    )
    parser.add_argument(
        "--account",
        default=os.environ.get("LANDFALL_EMULATOR_ACCOUNT", "111122223333"),
        help="account id, 12 digits (default $LANDFALL_EMULATOR_ACCOUNT or 111122223333)",
    )
    parser.add_argument(
        "--no-iam", dest="enforce_iam", action="store_false", help="allow every call, without checking IAM policies"
    )
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help="end when stdin closes, which means that the starting process is gone",
    )
    parser.add_argument(
        "--keep-after-parent",
        dest="exit_with_parent",
        action="store_false",
        help="keep running when the starting process ends",
    )
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= 65535:
        parser.error(f"--port {given.port} is not between 0 and 65535")
    if not re.fullmatch(r"\d{12}", given.account):
        parser.error(f"--account {given.account} is not 12 digits")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", given.region):
        parser.error(f"--region {given.region} is not a region name such as eu-west-1")
    return Options(
        port=given.port,
        data=given.data.absolute(),
        images=given.images.absolute() if given.images else None,
        region=given.region,
        account=given.account,
        enforce_iam=given.enforce_iam,
        exit_with_stdin=given.exit_with_stdin,
        exit_with_parent=given.exit_with_parent,
    )
