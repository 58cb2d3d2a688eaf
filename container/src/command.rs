//! dbt's arguments. They go to the process as they are: there is no shell, and no word of a plan can become an option.

use std::path::Path;

use landfall_planner::{Selection, Step};

use crate::remaining::Docs;

/// A plan's word that dbt would take for something else.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no selector that can be handed to dbt: it is empty, begins with '-' or holds a NUL")]
pub struct BadExpression(String);

/// A step's name in result.json and in artifacts' names.
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::RunOperation { .. } => "run_operation",
        Step::Freshness { .. } => "freshness",
        Step::Build(_) => "build",
        Step::Test(_) => "test",
        Step::Docs => "docs",
    }
}

/// Where dbt reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// `dbt_project.yml` lies here.
    pub project: &'a Path,
    /// `--target-path`: one of this step's own, so that no artifact of another step can be taken for its.
    pub target: &'a Path,
    /// `--log-path`: dbt makes the folder even when it writes no log file.
    pub logs: &'a Path,
}

/// The arguments for a step. `docs` matters for [`Step::Docs`] only.
///
/// What each option is for:
/// - JSON at debug level on standard output is dbt's only complete account while it runs (`NodeFinished`), and all that is left when it is killed;
///   a log file of dbt's own would say the same once more. `--no-quiet` and `--write-json` undo settings of the environment that would take the
///   account and the results away. <https://docs.getdbt.com/reference/global-configs/logs>
/// - `--cache-selected-only`: a run of five models need not list every schema of the warehouse first.
///   <https://docs.getdbt.com/reference/global-configs/cache>
/// - `--indirect-selection empty`: tests run because the plan names them, never because they touch a node of it.
///   <https://docs.getdbt.com/reference/node-selection/test-selection-examples>
/// - No `--profiles-dir`: dbt looks at `DBT_PROFILES_DIR`, then in its working directory (the project), then in `~/.dbt`.
pub fn arguments(step: &Step, docs: &Docs, folders: Folders<'_>) -> Result<Vec<String>, BadExpression> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments: Vec<String> =
        ["--no-use-colors", "--log-format", "json", "--log-level", "debug", "--log-level-file", "none"]
            .into_iter()
            .chain(["--no-quiet", "--write-json", "--cache-selected-only", "--log-path"])
            .map(str::to_owned)
            .collect();
    arguments.push(path(folders.logs));
    let verb: &[&str] = match step {
        Step::RunOperation { .. } => &["run-operation"],
        Step::Freshness { .. } => &["source", "freshness"],
        Step::Build(_) => &["build"],
        Step::Test(_) => &["test"],
        Step::Docs => &["docs", "generate"],
    };
    arguments.extend(verb.iter().map(|word| (*word).to_owned()));
    arguments.extend(["--project-dir".to_owned(), path(folders.project)]);
    arguments.extend(["--target-path".to_owned(), path(folders.target)]);
    match step {
        Step::RunOperation { operation, args } => {
            let args = serde_json::Value::Object(args.clone().into_iter().collect()).to_string();
            // `--` ends the options: whatever the macro's name begins with, it is a name.
            arguments.extend(["--args".to_owned(), args, "--".to_owned(), operation.clone()]);
        }
        Step::Freshness { select, .. } => expressions(&mut arguments, "--select", select)?,
        Step::Build(Selection { select, exclude, .. }) | Step::Test(Selection { select, exclude, .. }) => {
            arguments.extend(["--indirect-selection".to_owned(), "empty".to_owned()]);
            if matches!(step, Step::Build(selection) if selection.full_refresh) {
                arguments.push("--full-refresh".to_owned());
            }
            expressions(&mut arguments, "--select", select)?;
            expressions(&mut arguments, "--exclude", exclude)?;
        }
        Step::Docs => {
            if let Docs::Built(select) = docs {
                arguments.extend(["--indirect-selection".to_owned(), "empty".to_owned()]);
                expressions(&mut arguments, "--select", select)?;
            }
        }
    }
    Ok(arguments)
}

fn expressions(arguments: &mut Vec<String>, option: &str, expressions: &[String]) -> Result<(), BadExpression> {
    let bad = |text: &&String| text.trim().is_empty() || text.starts_with('-') || text.contains('\0');
    if let Some(text) = expressions.iter().find(bad) {
        return Err(BadExpression(text.clone()));
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

    use serde_json::json;

    use super::*;

    fn of(step: &Step, docs: &Docs) -> Result<Vec<String>, BadExpression> {
        let folders = Folders { project: Path::new("/p"), target: Path::new("/t"), logs: Path::new("/l") };
        let all = arguments(step, docs, folders)?;
        let after = all.iter().position(|word| word == "/l").unwrap() + 1;
        Ok(all.get(after..).unwrap().to_vec())
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_build_names_exactly_its_selection() {
        let selection = Selection { select: words("tag:a+ fqn:b"), ..Selection::default() };
        assert_eq!(
            of(&Step::Build(selection.clone()), &Docs::Nothing).unwrap(),
            words("build --project-dir /p --target-path /t --indirect-selection empty --select tag:a+ fqn:b")
        );
        let selection = Selection { exclude: words("tag:c"), ..selection };
        assert_eq!(
            of(&Step::Test(selection), &Docs::Nothing).unwrap(),
            words(
                "test --project-dir /p --target-path /t --indirect-selection empty --select tag:a+ fqn:b --exclude tag:c"
            )
        );
    }

    #[test]
    fn a_full_refresh_is_said_where_the_plan_says_it() {
        let selection = Selection { select: words("fqn:a"), full_refresh: true, ..Selection::default() };
        let all = of(&Step::Build(selection.clone()), &Docs::Nothing).unwrap();
        assert!(all.ends_with(&words("--indirect-selection empty --full-refresh --select fqn:a")), "{all:?}");
        let tests = of(&Step::Test(selection), &Docs::Nothing).unwrap();
        assert!(!tests.contains(&"--full-refresh".to_owned()), "{tests:?}");
    }

    #[test]
    fn an_operation_is_a_name_and_its_arguments_are_json_whatever_they_hold() {
        let hostile = "'; drop table x; $(touch /tmp/x) \n --select";
        let step = Step::RunOperation {
            operation: "--help".to_owned(),
            args: BTreeMap::from([("file".to_owned(), json!(hostile))]),
        };
        let arguments = of(&step, &Docs::Nothing).unwrap();
        let [.., option, args, end, name] = arguments.as_slice() else { panic!("{arguments:?}") };
        assert_eq!((option.as_str(), end.as_str(), name.as_str()), ("--args", "--", "--help"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(args).unwrap(), json!({"file": hostile}));
    }

    #[test]
    fn a_selector_that_would_be_an_option_is_refused() {
        for text in ["--full-refresh", "-x", "", " ", "a\0b"] {
            let selection = Selection { select: vec![text.to_owned()], ..Selection::default() };
            assert_eq!(of(&Step::Build(selection), &Docs::Nothing), Err(BadExpression(text.to_owned())));
        }
    }

    #[test]
    fn docs_are_narrowed_to_what_was_built() {
        assert_eq!(
            of(&Step::Docs, &Docs::Built(words("fqn:a"))).unwrap(),
            words("docs generate --project-dir /p --target-path /t --indirect-selection empty --select fqn:a")
        );
        assert_eq!(
            of(&Step::Docs, &Docs::Everything).unwrap(),
            words("docs generate --project-dir /p --target-path /t")
        );
    }
}
