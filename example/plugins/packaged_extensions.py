"""Lets DuckDB load its extensions from the Python packages that requirements.txt pins.

Otherwise DuckDB downloads `httpfs` and `aws` when they are first needed. A task should need no download, and it should
run tomorrow what was tested today. The packages `duckdb-ext-*` install the signed extension files under
`duckdb_ext/extensions/<version>/<platform>/`, which is the layout of DuckDB's own `extension_directory`. https://duckdb.org/docs/stable/extensions/installing_extensions
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError


class Plugin(BasePlugin):
    """Points a connection at the packaged extensions before it opens."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        spec = find_spec("duckdb_ext")
        if spec is None or not spec.submodule_search_locations:
            raise DbtRuntimeError("duckdb's extensions are not installed: run pip install -r requirements.txt")
        package = Path(next(iter(spec.submodule_search_locations)))
        config["extension_directory"] = str(package / "extensions")
        config["autoinstall_known_extensions"] = False
        config["autoload_known_extensions"] = True
