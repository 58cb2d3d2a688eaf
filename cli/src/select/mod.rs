//! `landfall select`: the nodes that `dbt ls` would list, from a manifest alone.
//!
//! Without `--batch`, one selection is printed as `dbt ls` prints it. With `--batch`, thousands are answered, one
//! line of JSON each.

mod batch;
mod files;
mod print;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use landfall_manifest::{Index, ManifestError};
use landfall_select::{Command, Dialect, IndirectSelection, Request, SelectError, select};

use crate::file_errors;

/// Arguments of `landfall select`.
#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// Nodes to select, such as 'tag:orders+' [default: dbt's default selector]
    #[arg(value_name = "EXPRESSION", conflicts_with = "batch")]
    pub select: Vec<String>,
    /// Nodes to exclude, in the same syntax
    #[arg(long, value_name = "EXPRESSION", num_args = 1.., conflicts_with = "batch")]
    pub exclude: Vec<String>,
    /// manifest.json, which `dbt parse` writes to target/; may be compressed with zstd
    #[arg(long, value_name = "FILE", default_value = "target/manifest.json")]
    pub manifest: PathBuf,
    /// Folder of the artifacts to compare with, for `state:`, `result:` and `source_status:`
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Folder of the newest sources.json [default: the manifest's folder]
    #[arg(long, value_name = "DIR")]
    pub target: Option<PathBuf>,
    /// selectors.yml [default: the selectors of the manifest]
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub selectors: Option<PathBuf>,
    /// Name of a selector in selectors.yml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude", "batch"])]
    pub selector: Option<String>,
    /// Rule by which tests are selected with the models that they test
    #[arg(long, value_name = "MODE", default_value = "eager", value_parser = ["eager", "cautious", "buildable", "empty"])]
    pub indirect_selection: String,
    /// Only list these types, such as model or test; also `all` and `default`
    #[arg(long, value_name = "TYPE", num_args = 1..)]
    pub resource_type: Vec<String>,
    /// Never list these types
    #[arg(long, value_name = "TYPE", num_args = 1..)]
    pub exclude_resource_type: Vec<String>,
    /// dbt command of the selection, which sets the types that are listed
    #[arg(long, value_name = "NAME", default_value = "ls", value_parser = ["ls", "run", "test", "seed", "snapshot", "build"])]
    pub command: String,
    /// Format of a node
    #[arg(long, value_enum, default_value_t = NodeFormat::Selector)]
    pub output: NodeFormat,
    /// dbt version whose rules apply, such as 1.10.3 [default: 1.11.16]
    #[arg(long, value_name = "VERSION")]
    pub dbt_version: Option<String>,
    /// Answer each line of this file with a line of JSON
    ///
    /// Each line is a JSON object with `id` and `select`. The file may be compressed with zstd; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub batch: Option<PathBuf>,
}

/// The format of a node, as in `dbt ls --output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeFormat {
    /// Expression that selects the node
    Selector,
    /// Name of the node
    Name,
    /// File that defines the node
    Path,
    /// JSON object, as `dbt ls` prints it
    Json,
}

/// Errors of `landfall select`.
#[derive(Debug, thiserror::Error)]
pub enum SelectCommandError {
    /// A file cannot be read.
    #[error("cannot read {}: {}", path.display(), file_errors::reason(path, source))]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A manifest is not valid.
    #[error("cannot use the manifest {}: {source}", path.display())]
    Manifest {
        /// The path of the file.
        path: PathBuf,
        /// The error of the parser.
        source: ManifestError,
    },
    /// Another artifact is not valid.
    #[error("cannot use the artifact {}: {source}", path.display())]
    Artifact {
        /// The path of the file.
        path: PathBuf,
        /// The error of the parser.
        source: SelectError,
    },
    /// The selection is not valid; dbt would refuse it too.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Write(io::Error),
}

/// Prints the nodes that dbt would select to `out`, and dbt's warnings to `notes`.
///
/// # Errors
///
/// A file cannot be read, or the selection is not valid. In a batch, a selection that is not valid is an answer and
/// no error.
pub fn run(args: &SelectArgs, out: &mut impl Write, notes: &mut impl Write) -> Result<(), SelectCommandError> {
    let index = files::index(&args.manifest)?;
    let target = args.target.clone().or_else(|| args.manifest.parent().map(Path::to_path_buf));
    let state = files::state(args.state.as_deref(), target.as_deref())?;
    let dialect = args.dbt_version.as_deref().map_or_else(Dialect::default, Dialect::of_version);
    if let Some(cases) = &args.batch {
        return batch::run(&index, state.as_ref(), dialect, cases, out);
    }
    let selectors = args.selectors.as_deref().map(files::text).transpose()?;
    let request = Request {
        select: args.select.clone(),
        exclude: args.exclude.clone(),
        indirect: IndirectSelection::from_name(&args.indirect_selection).unwrap_or_default(),
        resource_types: args.resource_type.clone(),
        exclude_resource_types: args.exclude_resource_type.clone(),
        command: Command::from_name(&args.command).unwrap_or_default(),
        selector: args.selector.clone(),
        selectors_yml: selectors.as_deref(),
        state: state.as_ref(),
        dialect,
        now: None,
    };
    answer(&index, &request, args.output, out, notes)
}

fn answer(
    index: &Index,
    request: &Request<'_>,
    output: NodeFormat,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<(), SelectCommandError> {
    let selected = select(index, request)?;
    for expression in &selected.warnings {
        writeln!(notes, "the selection criterion '{expression}' does not match any enabled nodes")
            .map_err(SelectCommandError::Write)?;
    }
    if selected.nodes.is_empty() {
        writeln!(notes, "no nodes selected").map_err(SelectCommandError::Write)?;
    }
    for node in selected.nodes.iter().filter_map(|ix| index.node(*ix)) {
        writeln!(out, "{}", print::line(index, node, output)).map_err(SelectCommandError::Write)?;
    }
    out.flush().map_err(SelectCommandError::Write)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{SelectArgs, run};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SelectArgs,
    }

    const MANIFEST: &str = r#"{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v12.json","project_name":"p"},
        "nodes":{"model.p.a":{"resource_type":"model","name":"a","package_name":"p","fqn":["p","a"],"tags":["t"],"raw_code":"x",
            "original_file_path":"models/a.sql","config":{"enabled":true,"materialized":"view"},"depends_on":{"nodes":["source.p.s.x"]}}},
        "sources":{"source.p.s.x":{"resource_type":"source","name":"x","source_name":"s","package_name":"p","fqn":["p","s","x"],
            "tags":[],"original_file_path":"models/s.yml","config":{"enabled":true}}}}"#;

    /// The output and the warnings for these arguments; `{dir}` is replaced by a folder with the manifest and the
    /// batch.
    fn printed(batch: &str, arguments: &[&str]) -> Result<(String, String), String> {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("manifest.json.zst");
        std::fs::write(&manifest, zstd::encode_all(MANIFEST.as_bytes(), 1).unwrap()).unwrap();
        std::fs::write(folder.path().join("cases.jsonl"), batch).unwrap();
        let dir = folder.path().to_str().unwrap();
        let mut line = vec!["select".to_owned(), "--manifest".to_owned(), manifest.to_str().unwrap().to_owned()];
        line.extend(arguments.iter().map(|argument| argument.replace("{dir}", dir)));
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        run(&line.args, &mut out, &mut notes).map_err(|error| error.to_string())?;
        Ok((String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap()))
    }

    #[test]
    fn each_format_is_that_of_dbt_ls() {
        for (output, expected) in
            [("selector", "p.a\nsource:p.s.x\n"), ("name", "a\ns.x\n"), ("path", "models/a.sql\nmodels/s.yml\n")]
        {
            let (out, notes) = printed("", &["source:s+", "--output", output]).unwrap();
            assert_eq!((out.as_str(), notes.as_str()), (expected, ""));
        }
        let (out, _) = printed("", &["a", "--output", "json"]).unwrap();
        let object: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(object["unique_id"], "model.p.a");
        assert_eq!(object["depends_on"]["nodes"][0], "source.p.s.x");
    }

    #[test]
    fn a_criterion_without_a_match_is_a_warning_and_an_invalid_one_is_an_error() {
        let (out, notes) = printed("", &["a", "--exclude", "a", "nope"]).unwrap();
        assert_eq!(out, "");
        assert!(notes.contains("'nope'") && notes.contains("no nodes selected"), "{notes}");
        assert!(printed("", &["tags:t"]).unwrap_err().contains("'tags' is not a valid method name"));
        assert!(printed("", &["a", "--state", "{dir}/none"]).unwrap_err().contains("must be a folder"));
    }

    #[test]
    fn a_batch_answers_each_line_in_order() {
        let batch = concat!(
            r#"{"id":"1","select":["tag:t","+a"],"exclude":null,"indirect":"eager","command":"ls","kind":"x"}"#,
            "\n\nnonsense\n",
            r#"{"id":"2","select":["a:b"]}"#,
            "\n",
            r#"{"id":"3","selectors_yml":"selectors:\n- name: s\n  definition: a","selector":"s"}"#,
        );
        let (out, _) = printed(batch, &["--batch", "{dir}/cases.jsonl"]).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], r#"{"id":"1","selected":["model.p.a","source.p.s.x"]}"#);
        assert!(lines[1].starts_with(r#"{"id":null,"error":"line 3 is no case"#), "{}", lines[1]);
        assert!(lines[2].starts_with(r#"{"id":"2","error":"InvalidSelectorError: "#), "{}", lines[2]);
        assert_eq!(lines[3], r#"{"id":"3","selected":["model.p.a"]}"#);
    }
}
