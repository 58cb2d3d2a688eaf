//! The four steps of the demo, each with its expected result.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use landfall_planner::{LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId, Trigger};

use super::DemoError;
use crate::{
    activity::Activity,
    local::LocalStack,
    terminal::Terminal,
    text::{count, node_name, seconds},
    why,
};

/// The interval at which the ledger is read.
const INTERVAL: Duration = Duration::from_millis(200);
/// The time limit of a step; a task of the example takes about 10 s on an idle machine.
const TIME_LIMIT: Duration = Duration::from_mins(4);

/// A step: files that land, and the expected run.
struct DemoStep {
    title: &'static str,
    /// The dataset of the files.
    dataset: &'static str,
    /// Pairs of a file in the example's folder and its key in the landing bucket.
    files: &'static [(&'static str, &'static str)],
    /// The expected outcome of the run.
    outcome: LedgerOutcome,
    /// Models that must run.
    runs: &'static [&'static str],
    /// Models that must not run.
    skips: &'static [&'static str],
}

const STEPS: [DemoStep; 4] = [
    DemoStep {
        title: "3. Orders land: their models run, and a mart that needs customers waits",
        dataset: "jaffle.raw_orders",
        files: &[
            ("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv"),
            ("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv"),
        ],
        outcome: LedgerOutcome::Succeeded,
        runs: &["stg_orders", "fct_orders", "daily_sales"],
        skips: &["stg_customers", "dim_customers", "customer_orders"],
    },
    DemoStep {
        title: "4. Customers land: only their models run, and the mart that waited for them",
        dataset: "jaffle.raw_customers",
        files: &[
            ("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv"),
            ("landing/customers/2026-11-02.csv", "customers/2026-11-02.csv"),
        ],
        outcome: LedgerOutcome::Succeeded,
        runs: &["stg_customers", "dim_customers", "customer_orders"],
        skips: &["stg_orders", "fct_orders", "daily_sales"],
    },
    DemoStep {
        title: "5. A bad file lands: its run fails, and the tables stay as they were",
        dataset: "jaffle.raw_orders",
        files: &[("landing-bad/orders/2026-11-03.csv", "orders/2026-11-03.csv")],
        outcome: LedgerOutcome::Failed,
        runs: &["stg_orders"],
        skips: &["stg_customers"],
    },
    DemoStep {
        title: "6. A correct file lands under the same key: its run succeeds",
        dataset: "jaffle.raw_orders",
        files: &[("landing/orders/2026-11-03.csv", "orders/2026-11-03.csv")],
        outcome: LedgerOutcome::Succeeded,
        runs: &["stg_orders", "fct_orders", "daily_sales"],
        skips: &["stg_customers"],
    },
];

/// A finished run of the dataset.
struct FinishedRun {
    run: RunId,
    plan: Plan,
    line: LedgerLine,
    /// The models of all runs of the step: a mart that waited runs for a trigger of its own.
    models: Vec<String>,
}

/// Runs all steps and returns a summary line for each.
pub(super) async fn run(
    terminal: &Terminal,
    stack: &LocalStack,
    example: &Path,
    docs: &str,
) -> Result<Vec<String>, DemoError> {
    let mut summary = Vec::new();
    follow_release(terminal, stack, docs).await?;
    for step in &STEPS {
        terminal.heading(step.title);
        let began = Instant::now();
        let ended = run_step(terminal, stack, example, docs, step).await?;
        summary.push(format!(
            "{}: {} of {} in {}",
            step.title.split(':').next().unwrap_or(step.title),
            if step.outcome == LedgerOutcome::Failed { "a run that failed as expected," } else { "a run" },
            count(ended.models.len(), "model", "models"),
            seconds(began.elapsed())
        ));
        if step.outcome == LedgerOutcome::Failed {
            explain_failure(terminal, stack, step, &ended).await?;
        }
    }
    summary.push(format!("docs: {docs}"));
    Ok(summary)
}

/// Follows the run that the first release starts: it builds what needs no load, here a seed.
async fn follow_release(terminal: &Terminal, stack: &LocalStack, docs: &str) -> Result<(), DemoError> {
    let mut activity = Activity::from_now_on(terminal, &stack.stack, Some(docs.to_owned())).await?;
    let began = Instant::now();
    loop {
        activity.poll().await?;
        let board = activity.board();
        if board.runs.is_empty() && board.docs.pending.is_empty() {
            return Ok(());
        }
        if began.elapsed() > TIME_LIMIT {
            return Err(DemoError::Unexpected {
                step: "2. Release the example project",
                what: format!("the run of what needs no load did not end within {}", seconds(TIME_LIMIT)),
                logs: stack.state.folder.clone(),
            });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn run_step(
    terminal: &Terminal,
    stack: &LocalStack,
    example: &Path,
    docs: &str,
    step: &DemoStep,
) -> Result<FinishedRun, DemoError> {
    let mut activity = Activity::from_now_on(terminal, &stack.stack, Some(docs.to_owned())).await?;
    let landing = stack.stack.landing()?;
    for (file, key) in step.files {
        let file = example.join(file);
        let bytes = std::fs::read(&file).map_err(|source| DemoError::Unreadable { file, source })?;
        landing.put(key, &bytes, "text/csv").await?;
        activity.print("put", &format!("{} -> {}", key, landing.address(key)));
    }
    let unexpected = |what: String| DemoError::Unexpected { step: step.title, what, logs: stack.state.folder.clone() };
    let began = Instant::now();
    let mut ended: Option<LedgerLine> = None;
    let mut models: Vec<String> = Vec::new();
    let mut published = false;
    loop {
        let update = activity.poll().await?;
        published |= update.docs.is_some();
        for line in update.lines {
            let LedgerSubject::Run { run, triggers, .. } = &line.about else { continue };
            let is_of_step = triggers
                .iter()
                .any(|trigger| matches!(&trigger.trigger, Trigger::Load(name) if name.as_str() == step.dataset));
            if line.outcome == LedgerOutcome::Planned
                && let Some(plan) = activity.plans.get(run)
            {
                models.extend(plan.nodes.iter().filter_map(|node| {
                    node.id.as_str().strip_prefix("model.").map(|_| node_name(node.id.as_str()).to_owned())
                }));
            }
            if is_of_step && matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed) {
                ended = Some(line);
            }
        }
        let board = activity.board();
        let is_idle = board.runs.is_empty() && board.docs.pending.is_empty();
        if let Some(line) = &ended
            && is_idle
            && (published || step.outcome == LedgerOutcome::Failed)
        {
            let LedgerSubject::Run { run, .. } = &line.about else { continue };
            let Some(plan) = activity.plans.remove(run) else {
                return Err(unexpected(format!("the plan of run {run} was not found")));
            };
            let ended = FinishedRun { run: run.clone(), plan, line: line.clone(), models };
            return check(step, ended).map_err(unexpected);
        }
        if began.elapsed() > TIME_LIMIT {
            return Err(unexpected(match &ended {
                None => format!("no run of {} ended within {}", step.dataset, seconds(TIME_LIMIT)),
                Some(_) if !is_idle => {
                    format!("runs are still live or docs still pending after {}", seconds(TIME_LIMIT))
                }
                Some(_) => format!("the run ended, but no docs were published within {}", seconds(TIME_LIMIT)),
            }));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn check(step: &DemoStep, ended: FinishedRun) -> Result<FinishedRun, String> {
    if ended.line.outcome != step.outcome {
        return Err(format!(
            "run {} should end as {:?}, and ended as {:?}: {}",
            ended.run, step.outcome, ended.line.outcome, ended.line.detail
        ));
    }
    if let Some(missing) = step.runs.iter().find(|model| !ended.models.iter().any(|ran| ran == *model)) {
        return Err(format!("run {} should run {missing}, and ran {}", ended.run, ended.models.join(", ")));
    }
    if let Some(extra) = step.skips.iter().find(|model| ended.models.iter().any(|ran| ran == *model)) {
        return Err(format!("run {} should not run {extra}", ended.run));
    }
    if ended.plan.nodes.is_empty() {
        return Err(format!("the plan of run {} is empty", ended.run));
    }
    Ok(ended)
}

/// Prints what `landfall why` says about the failed object, and checks that it names the run and the model.
async fn explain_failure(
    terminal: &Terminal,
    stack: &LocalStack,
    step: &DemoStep,
    ended: &FinishedRun,
) -> Result<(), DemoError> {
    let key = step.files.first().map_or("", |(_, key)| *key);
    let object = stack.stack.landing()?.address(key);
    terminal.print(format!("\n$ landfall why {object}"));
    let explanation = why::explain(&stack.stack, &object).await?;
    for line in explanation.lines() {
        terminal.print(format!("  {line}"));
    }
    let names_both = explanation.contains(ended.run.as_str()) && explanation.contains("stg_orders");
    if !names_both {
        return Err(DemoError::Unexpected {
            step: step.title,
            what: format!("`landfall why {object}` should name run {} and stg_orders", ended.run),
            logs: stack.state.folder.clone(),
        });
    }
    Ok(())
}
