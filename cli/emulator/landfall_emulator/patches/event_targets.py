"""EventBridge rules -> functions and queues.

Stock: a function is invoked once, without retries. Neither its policy nor a queue's policy is checked.
AWS: "Using resource-based policies for Amazon EventBridge" in the Amazon EventBridge User Guide. Without a policy that
allows events.amazonaws.com, the target does not get the event. Functions are invoked asynchronously, so Lambda retries.
Here: as AWS. emulator.log has a warning for each refused event.
"""

import json
import logging
from typing import Any

from .. import permissions
from ..assumptions import module, replace, require

logger = logging.getLogger("landfall")

PRINCIPAL = "events.amazonaws.com"


def apply() -> None:
    """Adds the check of permissions, and invokes functions asynchronously."""
    events = module("ministack.services.eventbridge")
    functions = module("ministack.services.lambda_svc")
    queues = module("ministack.services.sqs")
    require(functions, "_get_func_record_for_ref")
    require(functions, "_execution_record_for_config", ("func", "config"))
    require(queues, "queue_policy_allows", ("queue_arn", "service", "source_arn", "source_account"))

    def to_function(arn: str, payload: str) -> None:
        func, config, name = functions._get_func_record_for_ref(arn)
        if not func or not config:
            logger.warning("event not delivered: there is no function %s", name)
            return
        functions.invoke_async_with_retry(functions._execution_record_for_config(func, config), json.loads(payload))

    def allowed(arn: str, rule: dict[str, Any]) -> bool:
        source = rule.get("Arn", "")
        if ":scheduler:" in source:
            return True  # Scheduler uses the schedule's role, which schedules.py has checked
        if ":sqs:" in arn:
            return bool(queues.queue_policy_allows(arn, PRINCIPAL, source, permissions.responses.get_account_id()))
        if ":lambda:" in arn:
            func, _, _ = functions._get_func_record_for_ref(arn)
            return func is None or permissions.service_may(
                func.get("policy"), PRINCIPAL, "lambda:InvokeFunction", arn, source
            )
        return True

    def invoke(target: dict, event: dict, rule: dict, view: Any = None) -> Any:
        arn = target.get("Arn", "")
        if not allowed(arn, rule or {}):
            logger.warning(
                "event not delivered: the policy of %s does not let %s in for %s", arn, PRINCIPAL, rule.get("Arn")
            )
            return None
        return stock_invoke(target, event, rule, view)

    replace(events, "_dispatch_to_lambda", to_function, ("arn", "payload"))
    stock_invoke = replace(events, "_invoke_target", invoke, ("target", "event", "rule", "view"))
