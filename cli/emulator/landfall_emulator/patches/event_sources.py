"""SQS -> functions (event source mappings).

Stock: MaximumBatchingWindowInSeconds is stored but not used. A batch has at most 10 messages. A message that becomes
visible by itself (DelaySeconds, visibility timeout) is found at the next tick of one second. The function's role is not
checked.
AWS: "Creating and configuring an Amazon SQS event source mapping" in the AWS Lambda Developer Guide. Messages are
collected until the batch is full, the window ends, or the payload reaches 6 MB. The function's role needs the rights to
receive and delete messages and to read the queue's attributes.
Here: as AWS, and the poller looks four times a second. If a role lacks a right, emulator.log names it and the messages
stay.
"""

import logging
import threading
import time
from typing import Any

from .. import permissions
from ..assumptions import module, replace, require

logger = logging.getLogger("landfall")

READING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
POLL_SECONDS = 0.25
PAYLOAD_MAX_BYTES = 6 * 1024 * 1024
RECORD_OVERHEAD_BYTES = 1024
"""Approximate number of bytes that the JSON of a record adds to its body."""


def apply() -> None:
    """Replaces the way in which batches are collected."""
    queues = module("ministack.services.sqs")
    functions = module("ministack.services.lambda_svc")
    wake = require(module("ministack.core.concurrency"), "esm_wake")
    for name in ("_queues_lock", "_get_q", "_expire_retained", "_dlq_sweep", "_ensure_msg_fields"):
        require(queues, name)
    require(queues, "_collect_msgs", ("q", "max_n", "vis_timeout"))
    require(functions, "_iter_all_esms", ())
    require(functions, "_esms")
    require(functions, "_get_func_record_for_ref")
    gathering: dict[str, float] = {}
    refused: set[tuple[str, str, str]] = set()

    def mappings_of(queue: dict[str, Any]) -> list[dict[str, Any]]:
        arn = queue["attributes"].get("QueueArn")
        return [
            found
            for _, _, found in functions._iter_all_esms()
            if found.get("EventSourceArn") == arn and found.get("Enabled", True)
        ]

    def may_read(mapping: dict[str, Any]) -> bool:
        _, config, _ = functions._get_func_record_for_ref(mapping["FunctionArn"])
        role, queue_arn = (config or {}).get("Role", ""), mapping["EventSourceArn"]
        for action in READING:
            if not permissions.role_may(role, action, queue_arn):
                if (role, action, queue_arn) not in refused:
                    refused.add((role, action, queue_arn))
                    logger.warning(
                        "messages not delivered: the function's role %s is denied %s on %s", role, action, queue_arn
                    )
                return False
            refused.discard((role, action, queue_arn))
        return True

    def receive(queue_url: str, max_number: int) -> list[dict]:
        with queues._queues_lock:
            queue = queues._get_q(queue_url)
            queues._expire_retained(queue)
            queues._dlq_sweep(queue)
            now = time.time()
            for message in queue["messages"]:
                queues._ensure_msg_fields(message)
            visible = [message for message in queue["messages"] if message["visible_at"] <= now]
            if not visible:
                gathering.pop(queue_url, None)
                return []
            fitting = fitting_count([len(message["body"].encode()) for message in visible[:max_number]])
            full = len(visible) >= max_number or fitting < len(visible)
            since = gathering.setdefault(queue_url, now)
            mappings = mappings_of(queue)
            if not full and now - since < max(
                (found.get("MaximumBatchingWindowInSeconds") or 0 for found in mappings), default=0
            ):
                return []
            if not all(may_read(found) for found in mappings):
                return []
            gathering.pop(queue_url, None)
            return queues._collect_msgs(queue, fitting, int(queue["attributes"].get("VisibilityTimeout", "30")))

    replace(queues, "_receive_messages_for_esm", receive, ("queue_url", "max_number"))

    def tick() -> None:
        while True:
            time.sleep(POLL_SECONDS)
            if functions._esms.has_any():
                wake.set()

    threading.Thread(target=tick, daemon=True, name="landfall-event-sources").start()


def fitting_count(body_bytes: list[int]) -> int:
    """Returns how many of the first messages fit in one invocation of 6 MB, at least one."""
    total = 0
    for count, size in enumerate(body_bytes):
        total += size + RECORD_OVERHEAD_BYTES
        if total > PAYLOAD_MAX_BYTES and count:
            return count
    return len(body_bytes)
