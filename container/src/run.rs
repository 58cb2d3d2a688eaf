//! The whole program: from the environment to the exit code.

use landfall_planner::{Claim, DocumentError, Outcome, Plan, RESULT_VERSION, RunResult};
use landfall_s3::PutNew;

use crate::{
    Config,
    attempt::{self, CannotRun, Report},
    claim::{self, Claimed},
    clock,
    console::Console,
    orphans::{self, SupervisedChild},
    printable_text::printable,
    store::Store,
    supervise, task_metadata,
};

const CANNOT_RUN: u8 = 2;
const NOT_OURS: u8 = 3;
const INTERRUPTED: u8 = 143;

/// Returns the process's exit code for an outcome.
///
/// The codes: 0 succeeded, 1 dbt failed, 2 dbt could not be run, 124 timed out (as `timeout` uses it), 143 interrupted
/// (as a shell reports SIGTERM). Exit code 3 has no outcome: the attempt belongs to another task or was revoked, and
/// this task wrote nothing.
pub fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::Failed => 1,
        Outcome::Broken => CANNOT_RUN,
        Outcome::Interrupted => INTERRUPTED,
        Outcome::TimedOut => 124,
    }
}

/// Runs the attempt that the environment names, and returns the exit code. Every failure is reported on standard
/// output, and from the claim on in result.json as well.
pub async fn run(config: &Config, store: &impl Store) -> u8 {
    let mut console = Console::new(config.redactor.clone());
    if cfg!(panic = "abort") {
        console.print(
            "warning: this landfall-task aborts on a panic and then leaves no result.json; build it with \
             `cargo build --profile task`",
        );
    }
    let child = SupervisedChild::default();
    let stop = match supervise::listen_for_signals() {
        Ok(stop) => stop,
        Err(error) => {
            return exit_with(&mut console, CANNOT_RUN, &format!("cannot install the signal handlers: {error}"));
        }
    };
    orphans::start(&child);
    let started_at = clock::now();
    let (run, attempt) = (&config.plan.run, config.attempt);

    let task_arn = match task_metadata::task_arn(&config.metadata_uri).await {
        Ok(arn) => arn,
        Err(error) => return exit_with(&mut console, CANNOT_RUN, &error.to_string()),
    };
    // The plan comes before the claim: a task that cannot read the bucket leaves the attempt to another task.
    let plan = match store.get(&Plan::key(run)).await {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            let reason = format!("{} does not exist; check {}", Plan::key(run), landfall_planner::PLAN_VARIABLE);
            return exit_with(&mut console, CANNOT_RUN, &reason);
        }
        Err(error) => return exit_with(&mut console, CANNOT_RUN, &format!("cannot read the plan: {error}")),
    };
    if *stop.borrow() {
        let reason = format!("a signal stopped the task before it claimed attempt {attempt} of {run}; nothing was run");
        return exit_with(&mut console, INTERRUPTED, &reason);
    }
    match claim::claim(store, run, attempt, &task_arn).await {
        Ok(Claimed::Ours) => match earlier_outcome(store, config).await {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                let reason = format!("attempt {attempt} of {run} has a result.json already; nothing is run again");
                return exit_with(&mut console, exit_code(outcome), &reason);
            }
            Err(reason) => {
                let reason = format!(
                    "the result.json of attempt {attempt} of {run} cannot be read, so nothing is run again: {reason}"
                );
                return exit_with(&mut console, CANNOT_RUN, &reason);
            }
        },
        Ok(Claimed::NotOurs(claim)) => {
            let reason = match claim {
                Claim::Revoked { reason } => format!("was revoked ({reason})"),
                Claim::Task { task_arn } => format!("belongs to {task_arn}"),
            };
            let reason = format!("attempt {attempt} of {run} {reason}; this task runs nothing");
            return exit_with(&mut console, NOT_OURS, &reason);
        }
        Err(error) => return exit_with(&mut console, CANNOT_RUN, &error.to_string()),
    }

    let report = match read_plan(&plan, config) {
        Ok(plan) => attempt::run(config, store, &plan, stop, &child, &mut console).await,
        Err(error) => Report::cannot_run(&error),
    };
    let outcome = report.outcome;
    let result = RunResult {
        version: RESULT_VERSION,
        run_id: run.clone(),
        attempt,
        task_arn,
        started_at,
        finished_at: clock::now(),
        outcome,
        message: report.message.map(|message| config.redactor.redact(&printable(&message)).into_owned()),
        steps: report.steps,
        nodes: report.nodes,
        unplanned_nodes: report.unplanned_nodes,
        unfinished_batches: report.unfinished_batches,
        artifacts: report.artifacts,
    };
    if let Err(reason) = write_result(store, &result).await {
        console.print(&format!(
            "result.json could not be written, so Landfall counts no node of this attempt as built: {reason}"
        ));
    }
    console.print(&last_line(outcome, result.message.as_deref()));
    exit_code(outcome)
}

/// Prints why the program ends here, and returns the exit code.
fn exit_with(console: &mut Console, code: u8, reason: &str) -> u8 {
    console.print(reason);
    code
}

fn last_line(outcome: Outcome, message: Option<&str>) -> String {
    let label = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
        Outcome::TimedOut => "timed out",
        Outcome::Broken => "broken",
    };
    message.map_or_else(|| label.to_owned(), |message| format!("{label}: {message}"))
}

async fn write_result(store: &impl Store, result: &RunResult) -> Result<(), String> {
    let body = serde_json::to_vec_pretty(result).map_err(|error| error.to_string())?;
    match store.put_new(&RunResult::key(&result.run_id, result.attempt), &body).await {
        Ok(PutNew::Created { .. }) => Ok(()),
        Ok(PutNew::Exists) => Err("another result.json exists, and it is never replaced".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns the outcome in the attempt's result.json, if the file exists. ECS can restart a container within its task
/// after the work is done.
///
/// A result that is malformed, or that cannot be read, is an error: the file is never replaced, so what dbt did now could not be
/// reported.
async fn earlier_outcome(store: &impl Store, config: &Config) -> Result<Option<Outcome>, String> {
    let result = store.get(&RunResult::key(&config.plan.run, config.attempt)).await;
    let Some(result) = result.map_err(|error| error.to_string())? else { return Ok(None) };
    RunResult::from_json(&result).map(|result| Some(result.outcome)).map_err(|error| error.to_string())
}

fn read_plan(plan: &[u8], config: &Config) -> Result<Plan, CannotRun> {
    let plan = Plan::from_json(plan).map_err(|error| {
        CannotRun(match error {
            // The error's own advice is about the whole stack. Seen from a task, the image is the part that is behind.
            DocumentError::Version { document, found, expected, .. } => format!(
                "{document} has format version {found}, but this landfall-task reads version {expected}: build the \
                 image with the landfall-task of the deployed stack"
            ),
            unreadable @ DocumentError::Unreadable { .. } => unreadable.to_string(),
        })
    })?;
    if plan.run_id == config.plan.run {
        Ok(plan)
    } else {
        let (key, found) = (Plan::key(&config.plan.run), &plan.run_id);
        Err(CannotRun(format!("{key} is the plan of another run, {found}: restore it from the bucket's versions")))
    }
}
