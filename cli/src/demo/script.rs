//! The four acts, each with what must be seen.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use landfall_planner::{LedgerLine, LedgerOutcome, LedgerSubject, Plan, RunId, Trigger};

use super::DemoError;
use crate::{
    local::LocalStack,
    story::Story,
    terminal::{Terminal, count, seconds},
    text::node_name,
    why,
};

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(200);
/// What an act may take; a task of the example takes some ten seconds on an idle machine.
const FAIRNESS_LIMIT: Duration = Duration::from_mins(4);

/// What an act must come to.
struct Act {
    title: &'static str,
    /// The dataset that lands.
    dataset: &'static str,
    /// (file below the example, key in the landing bucket).
    files: &'static [(&'static str, &'static str)],
    /// How the run must end.
    ends: LedgerOutcome,
    /// Models that must be in the run.
    runs: &'static [&'static str],
    /// Models that must not be in it.
    leaves: &'static [&'static str],
}

const ACTS: [Act; 4] = [
    Act {
        title: "3. Orders land: their models run, what needs customers waits",
        dataset: "jaffle.raw_orders",
        files: &[
            ("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv"),
            ("landing/orders/2026-11-02.csv", "orders/2026-11-02.csv"),
        ],
        ends: LedgerOutcome::Succeeded,
        runs: &["stg_orders", "fct_orders", "daily_sales"],
        leaves: &["stg_customers", "dim_customers", "customer_orders"],
    },
    Act {
        title: "4. Customers land: only their models run, and the mart that waited",
        dataset: "jaffle.raw_customers",
        files: &[
            ("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv"),
            ("landing/customers/2026-11-02.csv", "customers/2026-11-02.csv"),
        ],
        ends: LedgerOutcome::Succeeded,
        runs: &["stg_customers", "dim_customers", "customer_orders"],
        leaves: &["stg_orders", "fct_orders", "daily_sales"],
    },
    Act {
        title: "5. A bad file lands: its run fails, and what was built stays",
        dataset: "jaffle.raw_orders",
        files: &[("landing-bad/orders/2026-11-03.csv", "orders/2026-11-03.csv")],
        ends: LedgerOutcome::Failed,
        runs: &["stg_orders"],
        leaves: &["stg_customers"],
    },
    Act {
        title: "6. The good file lands under the same key, and repairs it",
        dataset: "jaffle.raw_orders",
        files: &[("landing/orders/2026-11-03.csv", "orders/2026-11-03.csv")],
        ends: LedgerOutcome::Succeeded,
        runs: &["stg_orders", "fct_orders", "daily_sales"],
        leaves: &["stg_customers"],
    },
];

/// What a run of the dataset came to.
struct Ended {
    run: RunId,
    plan: Plan,
    line: LedgerLine,
    /// The act may have more than one run: what waited runs for its own trigger.
    models: Vec<String>,
}

/// Plays all acts; gives a line for each.
pub(super) async fn play(
    terminal: &Terminal,
    stack: &LocalStack,
    example: &Path,
    docs: &str,
) -> Result<Vec<String>, DemoError> {
    let mut summary = Vec::new();
    for act in &ACTS {
        terminal.heading(act.title);
        let began = Instant::now();
        let ended = one(terminal, stack, example, docs, act).await?;
        summary.push(format!(
            "{}: {} of {} in {}",
            act.title.split(':').next().unwrap_or(act.title),
            if act.ends == LedgerOutcome::Failed { "failed as it should, a run" } else { "a run" },
            count(ended.models.len(), "model", "models"),
            seconds(began.elapsed())
        ));
        if act.ends == LedgerOutcome::Failed {
            explain(terminal, stack, act, &ended).await?;
        }
    }
    summary.push(format!("the docs: {docs}"));
    Ok(summary)
}

async fn one(
    terminal: &Terminal,
    stack: &LocalStack,
    example: &Path,
    docs: &str,
    act: &Act,
) -> Result<Ended, DemoError> {
    let mut story = Story::from_now_on(terminal, &stack.stack, Some(docs.to_owned())).await?;
    let landing = stack.stack.landing()?;
    for (file, key) in act.files {
        let file = example.join(file);
        let bytes = std::fs::read(&file).map_err(|source| DemoError::Unreadable { file, source })?;
        landing.put(key, &bytes, "text/csv").await?;
        story.say("put", &format!("{} -> {}", key, landing.address(key)));
    }
    let unexpected = |what: String| DemoError::Unexpected { act: act.title, what, logs: stack.state.folder.clone() };
    let began = Instant::now();
    let mut ended: Option<LedgerLine> = None;
    let mut models: Vec<String> = Vec::new();
    let mut published = false;
    loop {
        let news = story.look().await?;
        published |= news.docs.is_some();
        for line in news.lines {
            let LedgerSubject::Run { run, triggers, .. } = &line.about else { continue };
            let ours = triggers
                .iter()
                .any(|trigger| matches!(&trigger.trigger, Trigger::Load(name) if name.as_str() == act.dataset));
            if line.outcome == LedgerOutcome::Planned
                && let Some(plan) = story.plans.get(run)
            {
                models.extend(plan.nodes.iter().filter_map(|node| {
                    node.id.as_str().strip_prefix("model.").map(|_| node_name(node.id.as_str()).to_owned())
                }));
            }
            if ours && matches!(line.outcome, LedgerOutcome::Succeeded | LedgerOutcome::Failed) {
                ended = Some(line);
            }
        }
        let board = story.board();
        let at_rest = board.runs.is_empty() && board.docs.pending.is_empty();
        if let Some(line) = &ended
            && at_rest
            && (published || act.ends == LedgerOutcome::Failed)
        {
            let LedgerSubject::Run { run, .. } = &line.about else { continue };
            let Some(plan) = story.plans.remove(run) else {
                return Err(unexpected(format!("the plan of run {run} was not seen")));
            };
            let ended = Ended { run: run.clone(), plan, line: line.clone(), models };
            return check(act, ended).map_err(unexpected);
        }
        if began.elapsed() > FAIRNESS_LIMIT {
            return Err(unexpected(match &ended {
                None => format!("no run of {} has ended after {}", act.dataset, seconds(FAIRNESS_LIMIT)),
                Some(_) if !at_rest => format!("runs or docs are still open after {}", seconds(FAIRNESS_LIMIT)),
                Some(_) => format!("the run ended, and no docs were published within {}", seconds(FAIRNESS_LIMIT)),
            }));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn check(act: &Act, ended: Ended) -> Result<Ended, String> {
    if ended.line.outcome != act.ends {
        return Err(format!(
            "run {} should have ended as {:?} and ended as {:?}: {}",
            ended.run, act.ends, ended.line.outcome, ended.line.detail
        ));
    }
    if let Some(missing) = act.runs.iter().find(|model| !ended.models.iter().any(|ran| ran == *model)) {
        return Err(format!("run {} should have had {missing}, and had {}", ended.run, ended.models.join(", ")));
    }
    if let Some(extra) = act.leaves.iter().find(|model| ended.models.iter().any(|ran| ran == *model)) {
        return Err(format!("run {} should not have had {extra}", ended.run));
    }
    if ended.plan.nodes.is_empty() {
        return Err(format!("the plan of run {} is empty", ended.run));
    }
    Ok(ended)
}

/// Shows what an operator would ask now, and checks that the answer is one.
async fn explain(terminal: &Terminal, stack: &LocalStack, act: &Act, ended: &Ended) -> Result<(), DemoError> {
    let key = act.files.first().map_or("", |(_, key)| *key);
    let object = stack.stack.landing()?.address(key);
    terminal.say(format!("\n$ landfall why {object}"));
    let words = why::explain(&stack.stack, &object).await?;
    for line in words.lines() {
        terminal.say(format!("  {line}"));
    }
    let names_both = words.contains(ended.run.as_str()) && words.contains("stg_orders");
    if !names_both {
        return Err(DemoError::Unexpected {
            act: act.title,
            what: format!("`landfall why {object}` should name run {} and stg_orders", ended.run),
            logs: stack.state.folder.clone(),
        });
    }
    Ok(())
}
