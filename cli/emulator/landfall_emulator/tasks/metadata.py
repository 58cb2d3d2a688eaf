"""The task metadata endpoint and the credentials of the task's role.

"Amazon ECS task metadata endpoint version 4" and "Task IAM role" in the Amazon ECS Developer Guide. In ECS both are at
169.254.170.2, here on a free port of 127.0.0.1. So credentials are announced with AWS_CONTAINER_CREDENTIALS_FULL_URI,
which AWS SDKs accept for a loopback host, and not with the relative address that ECS sets.
"""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .. import permissions
from ..assumptions import module, require
from ..environment import ROOT_ACCESS_KEY, ROOT_SECRET_KEY
from .state_change import iso

sts = module("ministack.services.sts")
require(sts, "register_session", ("access_key", "session"))

CREDENTIALS_SECONDS = 6 * 3600


class Metadata:
    """The HTTP endpoint for all containers."""

    def __init__(self) -> None:
        self._containers: dict[str, tuple[dict[str, Any], str]] = {}
        self._credentials: dict[str, tuple[str, dict[str, str]]] = {}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, answer = endpoint._answer(self.path, self.headers.get("Authorization"))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True, name="landfall-metadata"
        ).start()

    def container(self, task: dict[str, Any], name: str) -> dict[str, str]:
        """Starts to serve a container of `task`, a live record. Returns the variables with its address."""
        token = secrets.token_urlsafe(24)
        self._containers[token] = (task, name)
        return {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{self._server.server_port}/v4/{token}"}

    def credentials(self, role_arn: str, task_id: str, account: str) -> dict[str, str]:
        """Opens a session of the role. Returns the variables with which SDKs find its keys."""
        path, authorization = f"/v2/credentials/{secrets.token_urlsafe(24)}", secrets.token_urlsafe(24)
        keys = role_session(role_arn, task_id, account)
        self._credentials[path] = (authorization, {"RoleArn": role_arn, **keys})
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._server.server_port}{path}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": authorization,
        }

    def forget(self, task_arn: str) -> None:
        """Removes a task that has ended."""
        for token in [token for token, (task, _) in list(self._containers.items()) if task["taskArn"] == task_arn]:
            self._containers.pop(token, None)

    def _answer(self, path: str, authorization: str | None) -> tuple[int, Any]:
        if path in self._credentials:
            expected, keys = self._credentials[path]
            if not secrets.compare_digest(expected, authorization or ""):
                return 401, {"message": "the Authorization header is not this task's token"}
            return 200, {**keys, "Expiration": iso(time.time() + CREDENTIALS_SECONDS)}
        parts = path.strip("/").split("/")
        known = self._containers.get(parts[1]) if len(parts) > 1 and parts[0] == "v4" else None
        if known is None:
            return 404, {"message": f"nothing is known at {path}"}
        task, name = known
        rest = parts[2:]
        if rest == []:
            return 200, next(_container(task, entry) for entry in task["containers"] if entry["name"] == name)
        if rest == ["task"]:
            return 200, _task(task)
        if rest in (["stats"], ["task", "stats"]):
            return 200, {}  # local processes are not metered
        return 404, {"message": f"nothing is known at {path}"}


def role_session(role_arn: str, task_id: str, account: str) -> dict[str, str]:
    """Returns keys of a new session of the role, which ministack's IAM enforcement maps to the role."""
    if not permissions.enforced():
        return {"AccessKeyId": ROOT_ACCESS_KEY, "SecretAccessKey": ROOT_SECRET_KEY, "Token": ""}
    name = permissions.role_name(role_arn)
    key = "ASIA" + secrets.token_hex(8).upper()
    secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(60)
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{task_id}",
            "UserId": f"{name}:{task_id}",
            "AccountId": account,
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token}


def _task(task: dict[str, Any]) -> dict[str, Any]:
    family, revision = task["taskDefinitionArn"].rsplit("/", 1)[-1].rsplit(":", 1)
    times = {"PullStartedAt": task["pullStartedAt"], "PullStoppedAt": task["pullStoppedAt"]}
    return {
        "Cluster": task["clusterArn"],
        "TaskARN": task["taskArn"],
        "Family": family,
        "Revision": revision,
        "DesiredStatus": task["desiredStatus"],
        "KnownStatus": task["lastStatus"],
        "Limits": {"CPU": int(task["cpu"]) / 1024, "Memory": int(task["memory"])},
        **{name: iso(value) for name, value in times.items() if value is not None},
        "AvailabilityZone": task["availabilityZone"],
        "LaunchType": task["launchType"],
        "Containers": [_container(task, entry) for entry in task["containers"]],
    }


def _container(task: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    family, revision = task["taskDefinitionArn"].rsplit("/", 1)[-1].rsplit(":", 1)
    return {
        "DockerId": entry["runtimeId"] or "",
        "Name": entry["name"],
        "DockerName": entry["name"],
        "Image": entry["image"],
        "Labels": {
            "com.amazonaws.ecs.cluster": task["clusterArn"],
            "com.amazonaws.ecs.container-name": entry["name"],
            "com.amazonaws.ecs.task-arn": task["taskArn"],
            "com.amazonaws.ecs.task-definition-family": family,
            "com.amazonaws.ecs.task-definition-version": revision,
        },
        "DesiredStatus": task["desiredStatus"],
        "KnownStatus": entry["lastStatus"],
        "Limits": {"CPU": int(entry["cpu"])},
        "Type": "NORMAL",
        "ContainerARN": entry["containerArn"],
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["127.0.0.1"]}],
    }
