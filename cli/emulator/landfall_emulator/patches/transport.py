"""The transport that policies see.

Stock: a request counts as encrypted (`aws:SecureTransport`) only if a header x-forwarded-proto says so, so every bucket
policy that denies plain HTTP denies everybody.
AWS: the key is true for TLS, which is the only way to the bucket then ("Global condition context keys" in the IAM guide).
Here: true always. The emulator listens on 127.0.0.1 only, where nothing is to be protected by TLS.
"""

from ..assumptions import module, replace


def apply() -> None:
    """Take the loopback for secure."""
    app = module("ministack.app")

    def pin(source_ip: str, secure_transport: bool) -> None:
        stock(source_ip, True)

    stock = replace(app, "pin_request_origin", pin, ("source_ip", "secure_transport"))
