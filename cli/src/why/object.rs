//! What became of an object.

use std::fmt::Write as _;

use landfall_planner::{DatasetName, KeyPlacement, LedgerLine, LedgerOutcome, LedgerSubject, Trigger};

use super::{Evidence, WhyError, entry_in_words, run, runs_of, search};
use crate::{stack::Stack, text::printable};

/// How many versions of one object are told.
const MOST: usize = 3;

pub(super) async fn explain(stack: &Stack, evidence: &Evidence, bucket: &str, key: &str) -> Result<String, WhyError> {
    let is_it = |line: &LedgerLine| matches!(&line.about, LedgerSubject::Object { bucket: b, key: k, .. } if b == bucket && k == key);
    let lines = search(evidence, is_it, |found| found.len() >= MOST).await?;
    let name = format!("s3://{bucket}/{}", printable(key));
    if lines.is_empty() {
        return unheard(stack, evidence, bucket, key, &name).await;
    }
    let mut text = name;
    text.push_str(&there_now(stack, bucket, key, lines.first()).await);
    for (number, line) in lines.iter().enumerate() {
        if number == 1 {
            text.push_str("\n\nbefore that:");
        }
        let _ = write!(text, "\n{}", one(evidence, line).await?);
    }
    Ok(text)
}

async fn one(evidence: &Evidence, line: &LedgerLine) -> Result<String, WhyError> {
    let at = line.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let detail = printable(&line.detail);
    let LedgerSubject::Object { dataset, generation, .. } = &line.about else { return Ok(String::new()) };
    match (line.outcome, dataset, generation) {
        (LedgerOutcome::Mapped, Some(dataset), Some(generation)) => {
            let mut text = format!("landed {at}: a load of {dataset} ({detail})");
            text.push_str(&aftermath(evidence, dataset, *generation).await?);
            Ok(text)
        }
        (LedgerOutcome::Covered, Some(dataset), _) => Ok(format!(
            "landed {at}: of {dataset}, and nothing new to it ({detail}): a run that read it already counts"
        )),
        (LedgerOutcome::Unmapped, ..) => Ok(format!(
            "landed {at}: {detail}\n  nothing runs for it; if it is data, state its location in landfall.yml and release that"
        )),
        (LedgerOutcome::Ignored, ..) => Ok(format!("landed {at} and was left alone: {detail}")),
        (LedgerOutcome::Malformed, ..) => {
            Ok(format!("its event came {at} and could not be read: {detail}; it lies in the dead-letter queue"))
        }
        _ => Ok(format!("landed {at}: {detail}")),
    }
}

/// The runs for a load of a dataset, and what is still pending for it.
async fn aftermath(evidence: &Evidence, dataset: &DatasetName, generation: u64) -> Result<String, WhyError> {
    let mut text = String::new();
    let mut told = Vec::new();
    for line in runs_of(evidence, dataset, generation).await? {
        let LedgerSubject::Run { run, .. } = &line.about else { continue };
        if !told.contains(run) {
            told.push(run.clone());
            if let Some(words) = run::explain(evidence, run).await? {
                let _ = write!(text, "\n\n{words}");
            }
        }
    }
    let trigger = Trigger::Load(dataset.clone());
    let words = |entry| entry_in_words(&evidence.wait_reasons, &trigger, entry, |_| true).join("; ");
    match evidence.board.backlog.get(&trigger) {
        Some(entry) if entry.generation == generation => {
            let _ = write!(text, "\n\nstill pending for this load: {}", words(entry));
        }
        Some(entry) if entry.generation > generation => {
            let _ = write!(
                text,
                "\n\na later load of {dataset} (load {}) has taken over what was still pending: {}",
                entry.generation,
                words(entry)
            );
        }
        _ => text.push_str("\n\nnothing is pending for it any more: everything it concerns has been built since"),
    }
    Ok(text)
}

/// Whether the object is still the one that the ledger's newest line tells of. A bucket that we may not look into says nothing either way.
async fn there_now(stack: &Stack, bucket: &str, key: &str, newest: Option<&LedgerLine>) -> String {
    match (stack.store(bucket).head_last_modified(key).await, newest) {
        (Ok(None), _) => "\n(no such object is there any more)".to_owned(),
        (Ok(Some(at)), Some(line)) if at > line.at => {
            format!("\n(it was written again {at}, and that event is still on its way)")
        }
        (Ok(Some(_)) | Err(_), _) => String::new(),
    }
}

/// The ledger has not heard of it.
async fn unheard(stack: &Stack, evidence: &Evidence, bucket: &str, key: &str, name: &str) -> Result<String, WhyError> {
    let mut text = format!("the ledger has no event of {name}");
    // A bucket that we may not look into says nothing either way.
    match stack.store(bucket).head_last_modified(key).await {
        Ok(Some(at)) => {
            let _ = write!(
                text,
                "\n  the object is there, written {at}: its event may still be in the queue, or the bucket may not send its events to EventBridge"
            );
        }
        Ok(None) => text.push_str("\n  and no such object is there now"),
        Err(error) => {
            let _ = write!(text, "\n  and whether it is there cannot be told: {error}");
        }
    }
    if let Some(release) = &evidence.release {
        let place = match release.place(bucket, key) {
            KeyPlacement::Dataset(dataset, location) => format!("if it lands it is a load of {dataset} ({location})"),
            KeyPlacement::Unmapped(Some(nearest)) => {
                format!("it would be under no dataset's location; the nearest is {nearest}")
            }
            KeyPlacement::Unmapped(None) => "no dataset has a location".to_owned(),
            KeyPlacement::NotData(reason) => format!("it would be left alone: {reason}"),
        };
        let _ = write!(text, "\n  {place}");
    }
    if bucket != evidence.landing {
        let _ = write!(text, "\n  the landing bucket is {}", evidence.landing);
    }
    Ok(text)
}
