"""The condition key aws:SecureTransport.

Stock: the key is true only if a header x-forwarded-proto says so. A bucket policy that denies plain HTTP then denies
all.
AWS: the key is true for requests over TLS ("Global condition context keys" in the IAM User Guide).
Here: the key is always true, because the emulator listens on 127.0.0.1 only.
"""

from ..assumptions import module, replace


def apply() -> None:
    """Treats requests over loopback as secure."""
    app = module("ministack.app")

    def pin(source_ip: str, secure_transport: bool) -> None:
        stock(source_ip, True)

    stock = replace(app, "pin_request_origin", pin, ("source_ip", "secure_transport"))
