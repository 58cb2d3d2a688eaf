//! dbt's command-line arguments. They go to the process without a shell, and no text of a plan can become an option.

use std::path::Path;

use landfall_planner::{EventWindow, Step};

use crate::{batches::event_time, node_selection::NodeSelection};

/// A selector of the plan that dbt would read as an option, or not at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot pass the selector {0:?} of plan.json to dbt: it is empty, begins with '-' or contains a NUL character")]
pub struct InvalidSelector(String);

/// Returns the step's name in result.json and in folder names.
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::RunOperation { .. } => "run_operation",
        Step::Freshness { .. } => "freshness",
        Step::Build(_) => "build",
        Step::Test(_) => "test",
        Step::Docs => "docs",
    }
}

/// The folders that dbt reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The folder of `dbt_project.yml`.
    pub project: &'a Path,
    /// `--target-path`: a folder for this step only, so that an artifact in it is from this step.
    pub target: &'a Path,
    /// `--log-path`: dbt creates the folder even if it writes no log file.
    pub logs: &'a Path,
}

/// Returns dbt's arguments for a step and its nodes, or for one window of a microbatch model in it.
///
/// - JSON at debug level on standard output is the only complete report while dbt runs (`NodeFinished`), and the only
///   one if dbt is killed. A log file would repeat it. `--no-quiet` and `--write-json` override environment variables
///   that would turn the report and the results off. <https://docs.getdbt.com/reference/global-configs/logs>
/// - `--cache-selected-only`: dbt does not list every schema of the warehouse to run five models.
///   <https://docs.getdbt.com/reference/global-configs/cache>
/// - `--indirect-selection empty`: a test runs only if the plan names it, not because it is attached to a selected
///   node. <https://docs.getdbt.com/reference/node-selection/test-selection-examples>
/// - A given `--select` makes dbt ignore the default selector of selectors.yml.
/// - No `--profiles-dir`: dbt uses `DBT_PROFILES_DIR`, then its working directory (the project), then `~/.dbt`.
///
/// # Errors
///
/// Fails if a selector is empty, begins with `-` or contains a NUL character, or if there is none for the step's nodes.
pub fn arguments(
    step: &Step,
    window: Option<EventWindow>,
    nodes: &NodeSelection,
    folders: Folders<'_>,
) -> Result<Vec<String>, InvalidSelector> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments: Vec<String> =
        ["--no-use-colors", "--log-format", "json", "--log-level", "debug", "--log-level-file", "error"]
            .into_iter()
            .chain(["--no-quiet", "--write-json", "--cache-selected-only", "--log-path"])
            .map(str::to_owned)
            .collect();
    arguments.push(path(folders.logs));
    let subcommand: &[&str] = match step {
        Step::RunOperation { .. } => &["run-operation"],
        Step::Freshness { .. } => &["source", "freshness"],
        Step::Build(_) => &["build"],
        Step::Test(_) => &["test"],
        Step::Docs => &["docs", "generate"],
    };
    arguments.extend(subcommand.iter().map(|word| (*word).to_owned()));
    arguments.extend(["--project-dir".to_owned(), path(folders.project)]);
    arguments.extend(["--target-path".to_owned(), path(folders.target)]);
    match step {
        Step::RunOperation { operation, args } => {
            let args = serde_json::Value::Object(args.clone().into_iter().collect()).to_string();
            // After `--` a macro name that begins with `-` is not an option.
            arguments.extend(["--args".to_owned(), args, "--".to_owned(), operation.clone()]);
        }
        Step::Build(_) | Step::Test(_) => {
            arguments.extend(["--indirect-selection".to_owned(), "empty".to_owned()]);
            if matches!(step, Step::Build(selection) if selection.full_refresh) {
                arguments.push("--full-refresh".to_owned());
            }
            if let Some(EventWindow { start, end }) = window {
                arguments.extend(["--event-time-start".to_owned(), event_time(start)]);
                arguments.extend(["--event-time-end".to_owned(), event_time(end)]);
            }
        }
        Step::Docs if *nodes != NodeSelection::Everything => {
            arguments.extend(["--indirect-selection".to_owned(), "empty".to_owned()]);
        }
        Step::Docs | Step::Freshness { .. } => {}
    }
    match nodes {
        NodeSelection::Everything => {}
        NodeSelection::Expressions { select, exclude } => {
            if select.is_empty() {
                return Err(InvalidSelector(String::new()));
            }
            expressions(&mut arguments, "--select", select)?;
            expressions(&mut arguments, "--exclude", exclude)?;
        }
        NodeSelection::Results(folder) => {
            arguments.extend(["--select", "result:error", "--state"].map(str::to_owned));
            arguments.push(path(folder));
        }
    }
    Ok(arguments)
}

fn expressions(arguments: &mut Vec<String>, option: &str, expressions: &[String]) -> Result<(), InvalidSelector> {
    let bad = |text: &&String| text.trim().is_empty() || text.starts_with('-') || text.contains('\0');
    if let Some(text) = expressions.iter().find(bad) {
        return Err(InvalidSelector(text.clone()));
    }
    if !expressions.is_empty() {
        arguments.push(option.to_owned());
        arguments.extend(expressions.iter().cloned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use landfall_planner::Selection;
    use serde_json::json;

    use super::*;

    fn of(step: &Step, nodes: &NodeSelection) -> Result<Vec<String>, InvalidSelector> {
        let folders = Folders { project: Path::new("/p"), target: Path::new("/t"), logs: Path::new("/l") };
        let all = arguments(step, None, nodes, folders)?;
        let after = all.iter().position(|word| word == "/l").unwrap() + 1;
        Ok(all.get(after..).unwrap().to_vec())
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn names(select: &str, exclude: &[&str]) -> NodeSelection {
        let exclude = exclude.iter().map(|&text| text.to_owned()).collect();
        NodeSelection::Expressions { select: words(select), exclude }
    }

    #[test]
    fn a_build_and_a_test_pass_the_selection() {
        assert_eq!(
            of(&Step::Build(Selection::default()), &names("tag:a+ fqn:b", &[])).unwrap(),
            words("build --project-dir /p --target-path /t --indirect-selection empty --select tag:a+ fqn:b")
        );
        assert_eq!(
            of(&Step::Test(Selection::default()), &names("tag:a+ fqn:b", &["tag:c"])).unwrap(),
            words(
                "test --project-dir /p --target-path /t --indirect-selection empty --select tag:a+ fqn:b --exclude tag:c"
            )
        );
        assert_eq!(
            of(&Step::Build(Selection::default()), &NodeSelection::Results("/s".into())).unwrap(),
            words(
                "build --project-dir /p --target-path /t --indirect-selection empty --select result:error --state /s"
            )
        );
    }

    #[test]
    fn only_a_build_gets_the_plans_full_refresh() {
        let selection = Selection { full_refresh: true, ..Selection::default() };
        let all = of(&Step::Build(selection.clone()), &names("fqn:a", &[])).unwrap();
        assert!(all.ends_with(&words("--indirect-selection empty --full-refresh --select fqn:a")), "{all:?}");
        let tests = of(&Step::Test(selection), &names("fqn:a", &[])).unwrap();
        assert!(!tests.contains(&"--full-refresh".to_owned()), "{tests:?}");
    }

    #[test]
    fn hostile_macro_names_and_arguments_stay_a_name_and_json() {
        let hostile = "'; drop table x; $(touch /tmp/x) \n --select";
        let step = Step::RunOperation {
            operation: "--help".to_owned(),
            args: BTreeMap::from([("file".to_owned(), json!(hostile))]),
        };
        let arguments = of(&step, &NodeSelection::Everything).unwrap();
        let [.., option, args, end, name] = arguments.as_slice() else { panic!("{arguments:?}") };
        assert_eq!((option.as_str(), end.as_str(), name.as_str()), ("--args", "--", "--help"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(args).unwrap(), json!({"file": hostile}));
    }

    #[test]
    fn a_selector_that_would_be_an_option_is_refused() {
        for text in ["--full-refresh", "-x", "", " ", "a\0b"] {
            let select = NodeSelection::Expressions { select: vec![text.to_owned()], exclude: vec![] };
            let build = Step::Build(Selection::default());
            assert_eq!(of(&build, &select), Err(InvalidSelector(text.to_owned())));
        }
    }

    #[test]
    fn the_docs_step_selects_what_was_built() {
        assert_eq!(
            of(&Step::Docs, &names("fqn:a", &[])).unwrap(),
            words("docs generate --project-dir /p --target-path /t --indirect-selection empty --select fqn:a")
        );
        assert_eq!(
            of(&Step::Docs, &NodeSelection::Everything).unwrap(),
            words("docs generate --project-dir /p --target-path /t")
        );
    }
}
