//! From the environment to the exit code.

use landfall_planner::{Claim, Outcome, PLAN_VERSION, Plan, RESULT_VERSION, RunResult};
use serde::Deserialize;

use crate::{
    Config,
    attempt::{self, Broken, Report},
    claim::{self, Claimed},
    clock, metadata,
    progress::Console,
    reap::{self, Own},
    store::Store,
    supervise,
    text::printable,
};

/// Not ours to run: revoked, or claimed by another task.
const NOT_OURS: u8 = 3;
const BROKEN: u8 = 2;
const INTERRUPTED: u8 = 143;

/// The process's exit code for an outcome: 0 succeeded, 1 dbt failed, 2 could not run, 143 interrupted (as a shell says for SIGTERM), 124
/// timed out (as `timeout` says). 3 says that the attempt was not ours and nothing was touched.
pub fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::Failed => 1,
        Outcome::Broken => BROKEN,
        Outcome::Interrupted => INTERRUPTED,
        Outcome::TimedOut => 124,
    }
}

/// Runs the attempt that the environment names. Gives the exit code; everything worth telling is on standard output and in result.json.
pub async fn run(config: &Config, store: &impl Store) -> u8 {
    let mut console = Console::new(config.redactor.clone());
    if cfg!(panic = "abort") {
        console
            .say("this landfall-task aborts on a panic and would leave no result.json: build it with `--profile task`");
    }
    let own = Own::default();
    let stop = match supervise::listen() {
        Ok(stop) => stop,
        Err(error) => return give_up(&mut console, BROKEN, &format!("signals cannot be heard: {error}")),
    };
    reap::start(&own);
    let started_at = clock::now();
    let (run, attempt) = (&config.plan.run, config.attempt);

    let task_arn = match metadata::task_arn(&config.metadata_uri).await {
        Ok(arn) => arn,
        Err(error) => return give_up(&mut console, BROKEN, &error.to_string()),
    };
    let plan = match store.get(&Plan::key(run)).await {
        Ok(Some(plan)) => plan,
        Ok(None) => return give_up(&mut console, BROKEN, &format!("{} is missing", Plan::key(run))),
        Err(error) => return give_up(&mut console, BROKEN, &format!("the plan cannot be read: {error}")),
    };
    if *stop.borrow() {
        return give_up(&mut console, INTERRUPTED, "interrupted before the attempt was claimed: nothing was touched");
    }
    match claim::claim(store, run, attempt, &task_arn).await {
        Ok(Claimed::Ours) => {
            if let Some(outcome) = ended_before(store, config).await {
                return give_up(&mut console, exit_code(outcome), "this attempt has its result already");
            }
        }
        Ok(Claimed::NotOurs(claim)) => {
            let whose = match claim {
                Claim::Revoked { reason } => format!("was given up ({reason})"),
                Claim::Task { task_arn } => format!("belongs to {task_arn}"),
            };
            return give_up(
                &mut console,
                NOT_OURS,
                &format!("attempt {attempt} of {run} {whose}: nothing was touched"),
            );
        }
        Err(error) => return give_up(&mut console, BROKEN, &error.to_string()),
    }

    let report = match read_plan(&plan, config) {
        Ok(plan) => attempt::run(config, store, &plan, stop, &own, &mut console).await,
        Err(broken) => Report::broken(&broken),
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
        message: report.message.map(|message| config.redactor.clean(&printable(&message)).into_owned()),
        steps: report.steps,
        nodes: report.nodes,
        unplanned_nodes: report.unplanned_nodes,
        artifacts: report.artifacts,
    };
    let kept = match serde_json::to_vec_pretty(&result) {
        Ok(body) => {
            store.put_new(&RunResult::key(run, attempt), &body).await.map(drop).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = kept {
        console.say(&format!("result.json could not be kept: {reason}"));
    }
    console.say(&last_line(outcome, result.message.as_deref()));
    exit_code(outcome)
}

fn give_up(console: &mut Console, code: u8, reason: &str) -> u8 {
    console.say(reason);
    code
}

fn last_line(outcome: Outcome, message: Option<&str>) -> String {
    let word = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
        Outcome::TimedOut => "timed out",
        Outcome::Broken => "broken",
    };
    message.map_or_else(|| word.to_owned(), |message| format!("{word}: {message}"))
}

/// The container may be restarted within its task after the work is done: then the result stands.
async fn ended_before(store: &impl Store, config: &Config) -> Option<Outcome> {
    let result = store.get(&RunResult::key(&config.plan.run, config.attempt)).await.ok()??;
    serde_json::from_slice::<RunResult>(&result).ok().map(|result| result.outcome)
}

/// Reads the version before anything else: of another version nothing else may be understood.
fn read_plan(plan: &[u8], config: &Config) -> Result<Plan, Broken> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let unreadable = |error: serde_json::Error| Broken(format!("plan.json cannot be understood: {error}"));
    let Versioned { version } = serde_json::from_slice(plan).map_err(unreadable)?;
    if version != PLAN_VERSION {
        return Err(Broken(format!(
            "plan.json has version {version}, and this landfall-task knows {PLAN_VERSION}: build the image with the landfall-task of the deployed stack"
        )));
    }
    let plan: Plan = serde_json::from_slice(plan).map_err(unreadable)?;
    if plan.run_id == config.plan.run {
        Ok(plan)
    } else {
        Err(Broken(format!("plan.json is of run {}, and lies where that of {} should", plan.run_id, config.plan.run)))
    }
}
