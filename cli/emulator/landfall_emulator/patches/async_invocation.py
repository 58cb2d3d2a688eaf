"""Asynchronous invocations.

Stock: retries are right. The record for the failure destination has no version, timestamp and request id, and always
says three attempts. A dead-letter queue gets this record too.
AWS: "Capturing records of Lambda asynchronous invocations" and "Configuring error handling settings for Lambda
asynchronous invocations" in the AWS Lambda Developer Guide. An on-failure destination gets the invocation record, and a
dead-letter queue gets the event itself with three message attributes. There are two retries by default, after one and
two minutes.
Here: as AWS, but the waits are 1 and 2 seconds.
"""

import contextvars
import hashlib
import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from .. import permissions
from ..assumptions import module, replace, require

logger = logging.getLogger("landfall")

ACTIONS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
}
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 6 * 3600


def apply() -> None:
    """Replaces the retry loop that S3, EventBridge, SNS and Invoke(Event) share."""
    service = module("ministack.services.lambda_svc")
    for name in (
        "_execute_function",
        "_LAMBDA_ASYNC_RETRY_BASE_SECONDS",
        "_LAMBDA_ASYNC_RETRY_MAX_SECONDS",
        "_get_func_record_for_ref",
    ):
        require(service, name)
    require(service, "_run_with_function_config_scope", ("func_or_config", "callback"))
    require(service, "_execution_record_for_config", ("func", "config"))
    for name in ("_queue_by_arn", "_ensure_msg_fields", "queue_delay"):
        require(module("ministack.services.sqs"), name)
    require(module("ministack.services.sns"), "publish_internal")
    require(module("ministack.core.concurrency"), "esm_wake")

    def invoke(func: dict, event: Any) -> None:
        config = func.get("config") or func
        run = contextvars.copy_context().run
        threading.Thread(
            target=run,
            args=(service._run_with_function_config_scope, config, _attempts, service, func, config, event),
            daemon=True,
            name=f"landfall-async-{config.get('FunctionName', '')}",
        ).start()

    replace(service, "invoke_async_with_retry", invoke, ("func", "event"))


def _attempts(service: Any, func: dict, config: dict, event: Any) -> None:
    settings = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    retries = settings.get("MaximumRetryAttempts")
    retries = DEFAULT_RETRIES if retries is None else int(retries)
    oldest = time.time() + int(settings.get("MaximumEventAgeInSeconds") or DEFAULT_AGE_SECONDS)
    attempts, condition, result = 0, "RetriesExhausted", {}
    while True:
        result = service._execute_function(func, event)
        attempts += 1
        if not result.get("error"):
            return
        logger.warning("function %s failed, attempt %d: %s", config.get("FunctionName"), attempts, result.get("body"))
        if attempts > retries:
            break
        wait = min(
            service._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (attempts - 1), service._LAMBDA_ASYNC_RETRY_MAX_SECONDS
        )
        if time.time() + wait > oldest:
            condition = "EventAgeExceeded"
            break
        time.sleep(wait)
    destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if destination:
        _deliver(config, destination, invocation_record(config, event, result, attempts, condition), {})
    queue = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if queue:
        body = result.get("body")
        message = str(body.get("errorMessage", ""))[:1024] if isinstance(body, dict) else ""
        _deliver(config, queue, event, {"RequestID": _request_id(), "ErrorCode": "200", "ErrorMessage": message})


def invocation_record(config: dict, event: Any, result: dict, attempts: int, condition: str) -> dict:
    """Returns the record for an on-failure destination."""
    version = config.get("Version", "$LATEST")
    arn = config.get("FunctionArn", "")
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": _request_id(),
            "functionArn": arn if arn.endswith(f":{version}") else f"{arn}:{version}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": version,
            "functionError": result.get("function_error") or "Unhandled",
        },
        "responsePayload": result.get("body"),
    }


def _request_id() -> str:
    return str(uuid.uuid4())


def _deliver(config: dict, target_arn: str, body: Any, attributes: dict[str, str]) -> None:
    """Sends to a queue, topic, bus or function with the rights of the function's role."""
    name = config.get("FunctionName")
    kind = target_arn.split(":")[2] if target_arn.count(":") >= 5 else ""
    action = ACTIONS.get(kind)
    if action is None:
        logger.error("the failure of function %s is lost: %s is not a queue, topic, bus or function", name, target_arn)
        return
    if not permissions.role_may(config.get("Role", ""), action, target_arn):
        logger.error("the failure of function %s is lost: its role is denied %s on %s", name, action, target_arn)
        return
    try:
        _DELIVERIES[kind](target_arn, json.dumps(body), attributes)
    except Exception:
        logger.exception("the failure of function %s is lost: %s refused it", name, target_arn)


def _to_queue(arn: str, body: str, attributes: dict[str, str]) -> None:
    sqs = module("ministack.services.sqs")
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise LookupError(f"no queue {arn}")
    now = time.time()
    message = {
        "id": _request_id(),
        "body": body,
        "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "receipt_handle": None,
        "sent_at": now,
        "visible_at": now + sqs.queue_delay(queue),
        "receive_count": 0,
        "message_attributes": {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
        "sys": {"SenderId": permissions.responses.get_account_id(), "SentTimestamp": str(int(now * 1000))},
    }
    sqs._ensure_msg_fields(message)
    queue["messages"].append(message)
    module("ministack.core.concurrency").esm_wake.set()


def _to_topic(arn: str, body: str, attributes: dict[str, str]) -> None:
    if module("ministack.services.sns").publish_internal(arn, body, "") is None:
        raise LookupError(f"no topic {arn}")


def _to_function(arn: str, body: str, attributes: dict[str, str]) -> None:
    service = module("ministack.services.lambda_svc")
    func, config, _ = service._get_func_record_for_ref(arn)
    if not func or not config:
        raise LookupError(f"no function {arn}")
    service.invoke_async_with_retry(service._execution_record_for_config(func, config), json.loads(body))


def _to_bus(arn: str, body: str, attributes: dict[str, str]) -> None:
    entry = {
        "Source": "lambda",
        "DetailType": "Lambda Function Invocation Result - Failure",
        "Detail": body,
        "EventBusName": arn,
    }
    module("ministack.services.eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


_DELIVERIES = {"sqs": _to_queue, "sns": _to_topic, "lambda": _to_function, "events": _to_bus}
