//! What happened to an object: the load it belongs to, the runs for it, and what is still pending.

use std::fmt::Write as _;

use landfall_planner::{
    DatasetName, KeyPlacement, LedgerLine, LedgerOutcome, LedgerSubject, Location, ObjectAddress, ObjectLoad, RunId,
    Trigger,
};

use super::{StackView, WhyError, describe_entry, run, runs_of, search};
use crate::{
    describe::loaded_datasets,
    stack::Stack,
    text::{date_time, printable},
};

/// The number of versions of an object that are explained.
const MAX_VERSIONS: usize = 3;

pub(super) async fn explain(stack: &Stack, view: &StackView, object: ObjectAddress<'_>) -> Result<String, WhyError> {
    let is_object = |line: &LedgerLine| matches!(&line.about, LedgerSubject::Object { bucket, key, .. } if object == ObjectAddress { bucket, key });
    let lines = search(view, is_object, |found| found.len() >= MAX_VERSIONS).await?;
    let name = printable(&object.to_string());
    if lines.is_empty() {
        return explain_unknown(stack, view, object, &name).await;
    }
    let mut text = name;
    if let Some(release) = &view.release
        && let KeyPlacement::Datasets(found) = release.place(object, None)
    {
        let _ = write!(text, "\nmatched by {}", matching_locations(&found));
    }
    text.push_str(&current_state(stack, object, lines.first()).await);
    for (number, line) in lines.iter().enumerate() {
        if number == 1 {
            text.push_str("\n\nThe version before:");
        }
        let _ = write!(text, "\n{}", explain_version(view, line).await?);
    }
    Ok(text)
}

fn matching_locations(found: &[(&DatasetName, &Location)]) -> String {
    let all: Vec<String> = found.iter().map(|(dataset, location)| format!("{dataset} ({location})")).collect();
    printable(&all.join(" and "))
}

async fn explain_version(view: &StackView, line: &LedgerLine) -> Result<String, WhyError> {
    let at = date_time(line.at);
    let detail = printable(&line.detail);
    let LedgerSubject::Object { datasets, .. } = &line.about else { return Ok(String::new()) };
    match line.outcome {
        LedgerOutcome::Mapped => {
            let mut text = format!("landed {at} as a load of {} ({detail})", loaded_datasets(datasets));
            // One run may be for the loads of several datasets.
            let mut explained = Vec::new();
            for ObjectLoad { dataset, generation } in datasets {
                if let Some(generation) = generation {
                    text.push_str(&runs_for_load(view, dataset, *generation, &mut explained).await?);
                }
            }
            Ok(text)
        }
        LedgerOutcome::Covered => {
            let names = datasets.iter().map(|load| load.dataset.as_str()).collect::<Vec<_>>().join(" and ");
            Ok(format!("landed {at} as data of {names}; no run of its own was needed ({detail})"))
        }
        LedgerOutcome::Unmapped => Ok(format!(
            "landed {at}: {detail}\n  No run starts for it. If it is data, add its location to landfall.yml and run `landfall release`."
        )),
        LedgerOutcome::Ignored => Ok(format!("landed {at} and was ignored: {detail}")),
        LedgerOutcome::Malformed => {
            Ok(format!("its event arrived {at} and is malformed: {detail}. The event is in the dead-letter queue."))
        }
        _ => Ok(format!("landed {at}: {detail}")),
    }
}

/// Explains the runs for a load that are not explained yet, and what is still pending for it.
async fn runs_for_load(
    view: &StackView,
    dataset: &DatasetName,
    generation: u64,
    explained: &mut Vec<RunId>,
) -> Result<String, WhyError> {
    let mut text = String::new();
    for line in runs_of(view, dataset, generation).await? {
        let LedgerSubject::Run { run, .. } = &line.about else { continue };
        if !explained.contains(run) {
            explained.push(run.clone());
            if let Some(explanation) = run::explain(view, run).await? {
                let _ = write!(text, "\n\n{explanation}");
            }
        }
    }
    let trigger = Trigger::Load(dataset.clone());
    let reasons = |entry| describe_entry(&view.waiting, &trigger, entry, |_| true).join("; ");
    match view.board.backlog.get(&trigger) {
        Some(entry) if entry.generation == generation => {
            let _ = write!(text, "\n\nStill pending for this load of {dataset}: {}", reasons(entry));
        }
        Some(entry) if entry.generation > generation => {
            let _ = write!(
                text,
                "\n\nLoad {} of {dataset} replaced this load and includes what was still pending: {}",
                entry.generation,
                reasons(entry)
            );
        }
        _ => {
            let _ = write!(text, "\n\nNothing is pending for this load of {dataset}: all its nodes are built.");
        }
    }
    Ok(text)
}

/// Describes whether the object was deleted or written again since its newest ledger line. Empty if the bucket cannot
/// be read.
async fn current_state(stack: &Stack, object: ObjectAddress<'_>, newest: Option<&LedgerLine>) -> String {
    match (stack.store(object.bucket).head_last_modified(object.key).await, newest) {
        (Ok(None), _) => "\n(the object was deleted since)".to_owned(),
        (Ok(Some(at)), Some(line)) if at > line.at => {
            format!("\n(the object was written again {at}; that event is not recorded yet)")
        }
        (Ok(Some(_)) | Err(_), _) => String::new(),
    }
}

/// Explains an object that the ledger has no event of.
async fn explain_unknown(
    stack: &Stack,
    view: &StackView,
    object: ObjectAddress<'_>,
    name: &str,
) -> Result<String, WhyError> {
    let mut text = format!("The ledger has no event of {name}.");
    match stack.store(object.bucket).head_last_modified(object.key).await {
        Ok(Some(at)) => {
            let _ = write!(
                text,
                "\n  The object exists, written {at}. Either its event is still in the queue, or the bucket does not send its events to EventBridge (`landfall doctor` checks this)."
            );
        }
        Ok(None) => text.push_str("\n  The object does not exist."),
        Err(error) => {
            let _ = write!(text, "\n  Whether the object exists is unknown: {error}");
        }
    }
    if let Some(release) = &view.release {
        let placement = match release.place(object, None) {
            KeyPlacement::Datasets(found) => format!("If it lands, it is a load of {}.", matching_locations(&found)),
            KeyPlacement::Unmapped(Some(nearest)) => format!("If it lands, no run starts: {nearest}."),
            KeyPlacement::Unmapped(None) => "No dataset has a location.".to_owned(),
            KeyPlacement::NotData(reason) => format!("If it lands, it is ignored: {reason}"),
        };
        let _ = write!(text, "\n  {placement}");
    }
    if object.bucket != view.landing_bucket {
        let _ = write!(text, "\n  The landing bucket is {}.", view.landing_bucket);
    }
    Ok(text)
}
