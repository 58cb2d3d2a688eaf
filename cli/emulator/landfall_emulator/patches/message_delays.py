"""DelaySeconds of SQS messages.

Stock: any number is accepted.
AWS: "SendMessage" in the Amazon SQS API Reference. The range is 0 to 900.
Here: as AWS, for single messages and in batches.
"""

from typing import Any

from ..assumptions import module, replace, require

MAX_SECONDS = 900


def apply() -> None:
    """Adds the check of DelaySeconds."""
    queues = module("ministack.services.sqs")
    handlers = require(queues, "_HANDLERS")
    refusal = require(queues, "_Err")

    def send(data: dict[str, Any], qurl: str) -> dict[str, Any]:
        delay = data.get("DelaySeconds")
        if delay is not None and not 0 <= int(delay) <= MAX_SECONDS:
            raise refusal(
                "InvalidParameterValue",
                f"Value {delay} for parameter DelaySeconds is invalid. "
                f"Reason: DelaySeconds must be >= 0 and <= {MAX_SECONDS}.",
            )
        return stock(data, qurl)

    stock = replace(queues, "_act_send_message", send, ("data", "qurl"))
    handlers["SendMessage"] = send
