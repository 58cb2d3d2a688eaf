"""A warehouse that accepts no connection while the file `closed` exists, so a test decides how long a run takes."""

import os
import time
from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin

LONGEST_SECONDS = 180.0


class Plugin(BasePlugin):
    """Holds each connection up."""

    def configure_connection(self, conn) -> None:
        closed = Path(os.environ["LAKE"]) / "closed"
        deadline = time.monotonic() + LONGEST_SECONDS
        while closed.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{closed} is still there")
            time.sleep(0.05)
