//! The DuckDB file of a stack, by the Python package of the dbt environment.

use std::{path::Path, process::Command};

use super::World;

impl World {
    /// Builds the example's seed, if the project has it.
    pub(super) fn adopt_seed(&self) {
        let seed = self.project.path().join("seeds/countries.csv");
        if seed.is_file() {
            let code = "import duckdb, sys\n\
                database = duckdb.connect(sys.argv[1])\n\
                database.execute('create schema analytics')\n\
                database.execute(f\"create table analytics.countries as from read_csv('{sys.argv[2]}')\")";
            self.python(code, &[&self.warehouse, &seed]);
        }
    }

    /// The first value that a query of the warehouse returns. DuckDB itself runs it.
    pub(crate) fn query(&self, sql: &str) -> String {
        self.query_in(&self.warehouse, sql)
    }

    /// The first value that a query of files returns.
    pub(crate) fn query_files(&self, sql: &str) -> String {
        self.query_in(Path::new(":memory:"), sql)
    }

    fn query_in(&self, database: &Path, sql: &str) -> String {
        let code = "import duckdb, sys\n\
            print(duckdb.connect(sys.argv[1], read_only=sys.argv[1] != ':memory:').execute(sys.argv[2]).fetchone()[0])";
        self.python(code, &[database, Path::new(sql)])
    }

    /// Runs Python code with the packages of the dbt environment, and returns its output.
    fn python(&self, code: &str, arguments: &[&Path]) -> String {
        let output = Command::new(&self.python).args(["-c", code]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}
