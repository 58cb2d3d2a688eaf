"""The environment variables of the emulator, its functions and its tasks.

ministack copies its own environment into every function. So the launcher keeps only those of the caller's variables
that a process needs to run, and functions and tasks get only what Lambda and ECS would give them.
"""

import os

from .options import Options

INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""Variables that a local process needs from the machine. In Lambda and ECS they come with the image."""

ROOT_ACCESS_KEY = "test"
ROOT_SECRET_KEY = "test"


def inherited(environment: dict[str, str]) -> dict[str, str]:
    """Returns the variables that functions and tasks share with the machine."""
    return {name: environment[name] for name in INHERITED if name in environment}


def emulator_environment(given: Options, port: int, environment: dict[str, str]) -> dict[str, str]:
    """Returns the environment that configures ministack."""
    temporary = given.data / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **inherited(environment),
        "TMPDIR": os.fspath(temporary),  # ministack unpacks functions into the temporary folder
        "HOME": os.fspath(given.data),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": given.region,
        "AWS_DEFAULT_REGION": given.region,
        "MINISTACK_ACCOUNT_ID": given.account,
        "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_KEY,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AUTH": "true" if given.enforce_iam else "false",
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{temporary}/no-docker",  # no such socket: tasks must never reach a real Docker
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "S3_PERSIST": "0",
    }
