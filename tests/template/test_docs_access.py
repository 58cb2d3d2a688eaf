"""Runs the CloudFront Functions of the docs site with Node, and checks which requests they allow.

CloudFront's JavaScript runtime has less than Node, so a second test looks for words that CloudFront does not support.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import unittest

import translation

CREDENTIALS = "reader:correct horse: battery"
GIVEN = {
    "DocsCredentialsSha256": hashlib.sha256(CREDENTIALS.encode()).hexdigest(),
    "DocsAllowedIps": "203.0.113.0/24,198.51.100.7/32,2001:db8:7::/48",
}
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
LACKING = (
    r"\bimport\b|\beval\b|\bclass\b|BigInt|\bfor\s*\(.*\bof\b|\?\.|\?\?|const \[|const \{|\basync\b|setTimeout|fetch"
)


def code(function: str) -> str:
    access = {"DocsPasswordFunction": "basic", "DocsAddressFunction": "ip"}[function]
    resolved = translation.resolve(translation.translate(translation.source()), {**GIVEN, "DocsAccess": access})
    return resolved["Resources"][function]["Properties"]["FunctionCode"]


@unittest.skipUnless(shutil.which("node"), "no node on PATH: the code of the CloudFront Functions is not run")
class Access(unittest.TestCase):
    def answers(self, function: str, requests: list[dict]) -> list[bool]:
        """Returns for each event whether the function allows the request."""
        script = f"{code(function)}\nconsole.log(JSON.stringify({json.dumps(requests)}.map((event) => handler(event))))"
        done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
        return ["statusCode" not in answer for answer in json.loads(done.stdout)]

    def test_only_the_right_password_is_allowed(self) -> None:
        def event(authorization: str | None) -> dict:
            return {"request": {"headers": {"authorization": {"value": authorization}} if authorization else {}}}

        right = base64.b64encode(CREDENTIALS.encode()).decode()
        wrong = base64.b64encode(b"reader:wrong").decode()
        events = [
            event(f"Basic {right}"),
            event(f"basic {right}"),
            event(f"Basic {wrong}"),
            event("Basic "),
            event(f"Bearer {right}"),
            event(None),
        ]
        self.assertEqual(self.answers("DocsPasswordFunction", events), [True, True, False, False, False, False])

    def test_only_an_address_in_a_block_is_allowed(self) -> None:
        asked = {
            "203.0.113.0": True,
            "203.0.113.255": True,
            "203.0.112.255": False,
            "198.51.100.7": True,
            "198.51.100.8": False,
            "2001:db8:7::1": True,
            "2001:0db8:0007:ffff:1:2:3:4": True,
            "2001:db8:8::1": False,
            "::1": False,
            "::": False,
        }
        events = [{"viewer": {"ip": address}, "request": {}} for address in asked]
        self.assertEqual(self.answers("DocsAddressFunction", events), list(asked.values()))


class Source(unittest.TestCase):
    def test_the_code_fits_cloudfronts_runtime(self) -> None:
        for function in ("DocsPasswordFunction", "DocsAddressFunction"):
            self.assertIsNone(re.search(LACKING, code(function)))
            self.assertLess(len(code(function).encode()), 10_000)


if __name__ == "__main__":
    unittest.main()
