"""S3 events on EventBridge.

Stock: version-id is missing. The time has fractions of a second. request-id is a UUID, the same as the event's id.
Object Deleted has a size.
AWS: "EventBridge event message structure" (ev-events) in the Amazon S3 User Guide.
Here: as AWS. The key is not encoded. (Only S3's own notifications form-encode it.)
"""

import contextvars
import json
import secrets
import uuid
from typing import Any

from ..assumptions import module, replace

_version_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("landfall_version_id", default=None)


def apply() -> None:
    """Completes the events between S3 and the bus."""
    s3 = module("ministack.services.s3")
    events = module("ministack.services.eventbridge")

    def fire(bucket_name: str, key: str, event_name: str, *arguments: Any, **named: Any) -> None:
        token = _version_id.set(named.get("version_id"))
        try:
            stock_fire(bucket_name, key, event_name, *arguments, **named)
        finally:
            _version_id.reset(token)

    def dispatch(event: dict, view: Any = None) -> Any:
        return (
            stock_dispatch(completed(event, _version_id.get()), view)
            if event.get("Source") == "aws.s3"
            else stock_dispatch(event, view)
        )

    stock_fire = replace(
        s3,
        "_fire_s3_event",
        fire,
        (
            "bucket_name",
            "key",
            "event_name",
            "size",
            "etag",
            "deletion_type",
            "restore_event_data",
            "version_id",
            "sequencer",
        ),
    )
    stock_dispatch = replace(events, "_dispatch_event", dispatch, ("event", "view"))


def completed(event: dict[str, Any], version_id: str | None) -> dict[str, Any]:
    """Returns the event as S3 sends it."""
    detail = json.loads(event["Detail"])
    if version_id and version_id != "null":
        detail["object"]["version-id"] = version_id
    if event["DetailType"] == "Object Deleted":
        detail["object"].pop("size", None)
        if detail.get("deletion-type") == "Delete Marker Created":
            detail["object"]["etag"] = (
                "d41d8cd98f00b204e9800998ecf8427e"  # the MD5 of an empty object, which a marker is
            )
    detail["request-id"] = secrets.token_hex(8).upper()
    return {**event, "EventId": str(uuid.uuid4()), "Time": _whole_seconds(event["Time"]), "Detail": json.dumps(detail)}


def _whole_seconds(time: Any) -> Any:
    return f"{time.split('.')[0]}Z" if isinstance(time, str) and "." in time else time
