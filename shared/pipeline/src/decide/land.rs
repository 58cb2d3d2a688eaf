//! Events of loads: each gets exactly one outcome (L1), and a repeated one opens nothing (L5).

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Deciding, Load, MARGIN, RECENT_KEPT};
use crate::{
    About, Cause, Dataset, DatasetLoaded, DatasetName, DatasetState, Debt, LedgerOutcome, ObjectEvent, Place,
    ReadyPolicy,
};

/// What a mapped event is to its dataset.
struct Mapped<'a> {
    event_id: &'a str,
    /// By which a repetition is known.
    hash: String,
    /// When the data was there.
    time: Timestamp,
    /// For people.
    label: String,
    /// A loader's word: ready at once.
    word: bool,
}

/// How an event ended.
enum End {
    Opened(u64),
    Joined(u64),
    Covered(&'static str),
}

impl Deciding<'_> {
    pub(super) fn land(&mut self, loads: &[Load]) {
        for load in loads {
            match load {
                Load::Object(event) => self.object(event),
                Load::Loaded(event) => self.loaded(event),
                Load::Malformed { event_id, reason, text } => {
                    self.line(event_id, About::Other { text: text.clone() }, LedgerOutcome::Malformed, reason);
                }
                Load::Other { event_id, what } => {
                    let detail = "of a kind that is no load";
                    self.line(event_id, About::Other { text: what.clone() }, LedgerOutcome::Ignored, detail);
                }
            }
        }
        self.forget();
    }

    fn object(&mut self, event: &ObjectEvent) {
        let about = |dataset: Option<&DatasetName>, generation| About::Object {
            bucket: event.bucket.clone(),
            key: event.key.clone(),
            version_id: event.version_id.clone(),
            size: event.size,
            dataset: dataset.cloned(),
            generation,
        };
        let Some(release) = self.release else {
            let detail =
                "no release is in place yet: run `landfall release`, then `landfall load` for what landed before";
            return self.line(&event.event_id, about(None, None), LedgerOutcome::Unmapped, detail);
        };
        let (name, dataset) = match release.locations().place(&event.bucket, &event.key) {
            Place::Dataset(name, _) => match release.dataset(name) {
                Some(dataset) => (name, dataset),
                None => return,
            },
            Place::NoData(reason) => {
                return self.line(&event.event_id, about(None, None), LedgerOutcome::Ignored, reason);
            }
            Place::Nowhere(nearest) => {
                let detail = match nearest {
                    Some(nearest) => format!("under no dataset's location; the nearest is {nearest}"),
                    None => "no dataset of the release has a location".to_owned(),
                };
                return self.line(&event.event_id, about(None, None), LedgerOutcome::Unmapped, detail);
            }
        };
        if dataset.ready == ReadyPolicy::Event {
            let detail = format!("{name} is loaded on a loader's word (ready: event), not by its objects");
            return self.line(&event.event_id, about(Some(name), None), LedgerOutcome::Ignored, detail);
        }
        let version = event.version_id.as_deref().or(event.etag.as_deref()).unwrap_or_default();
        let sequencer = event.sequencer.as_deref().unwrap_or_default();
        let mapped = Mapped {
            event_id: &event.event_id,
            hash: hash(&["object", &event.bucket, &event.key, version, sequencer]),
            time: event.time,
            label: format!("s3://{}/{}", event.bucket, event.key),
            word: false,
        };
        let (outcome, detail, generation) = self.owe(name, dataset, &mapped);
        self.line(mapped.event_id, about(Some(name), generation), outcome, detail);
    }

    fn loaded(&mut self, event: &DatasetLoaded) {
        let about =
            |generation| About::Loaded { dataset: event.dataset.clone(), batch_id: event.batch_id.clone(), generation };
        let name = DatasetName::parse(event.dataset.as_str());
        let known = name.as_ref().ok().and_then(|name| Some((name, self.release?.dataset(name)?)));
        let Some((name, dataset)) = known else {
            let detail = match (&name, self.release) {
                (Err(error), _) => error.to_string(),
                (_, None) => "no release is in place yet: run `landfall release` first".to_owned(),
                (Ok(_), Some(release)) => {
                    let names: Vec<&str> = release.compiled.datasets.keys().map(DatasetName::as_str).take(20).collect();
                    format!("the release has no such dataset; it has {}", names.join(", "))
                }
            };
            return self.line(&event.event_id, about(None), LedgerOutcome::Unmapped, detail);
        };
        let mark = event.batch_id.as_deref().unwrap_or(&event.event_id);
        let mapped = Mapped {
            event_id: &event.event_id,
            hash: hash(&["loaded", &event.dataset, mark]),
            time: event.loaded_at.unwrap_or(event.time),
            label: match &event.batch_id {
                Some(batch) => format!("a loader's word, batch {batch}"),
                None => "a loader's word".to_owned(),
            },
            word: true,
        };
        let (outcome, detail, generation) = self.owe(name, dataset, &mapped);
        self.line(mapped.event_id, about(generation), outcome, detail);
    }

    fn owe(
        &mut self,
        name: &DatasetName,
        dataset: &Dataset,
        event: &Mapped<'_>,
    ) -> (LedgerOutcome, String, Option<u64>) {
        match self.open_or_join(name, dataset, event) {
            End::Covered(why) => (LedgerOutcome::Covered, why.to_owned(), None),
            End::Opened(generation) => {
                (LedgerOutcome::Mapped, format!("opened load {generation} of {name}"), Some(generation))
            }
            End::Joined(generation) => {
                (LedgerOutcome::Mapped, format!("joined load {generation} of {name}"), Some(generation))
            }
        }
    }

    /// An event is covered iff the board knows it, or a run that planned the whole dataset began to read later than it, less the margin.
    fn open_or_join(&mut self, name: &DatasetName, dataset: &Dataset, event: &Mapped<'_>) -> End {
        let state = self.board.datasets.entry(name.clone()).or_default();
        if state.recent.contains_key(&event.hash) {
            return End::Covered("delivered before");
        }
        if state.covered_to.is_some_and(|covered| event.time < covered) {
            return End::Covered("a run that began to read after it has read it");
        }
        state.recent.insert(event.hash.clone(), event.time);
        let now = self.now;
        let (ready_at, at_most) = match dataset.ready {
            ReadyPolicy::Quiet { quiet, at_most } if !event.word => (Some(now + quiet.0), Some(now + at_most.0)),
            _ => (None, None),
        };
        let cause = Cause::Load(name.clone());
        if let Some(debt) = self.board.owed.get_mut(&cause)
            && !debt.planned
            && debt.stuck.is_none()
        {
            debt.events += 1;
            debt.last.clone_from(&event.label);
            debt.latest = debt.latest.max(event.time);
            if debt.ready_at.is_some() {
                debt.ready_at = ready_at.map(|ready| debt.at_most.map_or(ready, |most| ready.min(most)));
            }
            return End::Joined(debt.generation);
        }
        state.generation += 1;
        let generation = state.generation;
        let debt = Debt {
            generation,
            since: now,
            nodes: dataset.nodes.clone(),
            events: 1,
            last: event.label.clone(),
            latest: event.time,
            ready_at,
            at_most,
            planned: false,
            stuck: None,
        };
        self.board.owed.insert(cause, debt);
        End::Opened(generation)
    }

    /// Hashes that `covered_to` reaches are not needed; of the rest the newest are kept.
    fn forget(&mut self) {
        let datasets = &mut self.board.datasets;
        datasets.values_mut().for_each(forget_covered);
        let mut rest: Vec<(Timestamp, &DatasetName, &String)> = datasets
            .iter()
            .flat_map(|(name, state)| state.recent.iter().map(move |(hash, time)| (*time, name, hash)))
            .collect();
        let Some(last) = rest.len().checked_sub(RECENT_KEPT).and_then(|over| over.checked_sub(1)) else { return };
        let (_, (time, name, hash), _) = rest.select_nth_unstable(last);
        let newest_forgotten = (*time, name.clone(), hash.clone());
        for (name, state) in datasets {
            let (time, other, hash) = &newest_forgotten;
            state.recent.retain(|own, at| (*at, name, own) > (*time, other, hash));
        }
    }
}

/// Drops the hashes that `covered_to` makes needless.
pub(super) fn forget_covered(state: &mut DatasetState) {
    if let Some(covered) = state.covered_to {
        state.recent.retain(|_, time| *time >= covered);
    }
}

/// What `covered_to` becomes by a read point.
pub(super) fn covered_by(read_point: Timestamp) -> Timestamp {
    read_point - MARGIN
}

fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part.as_bytes());
    }
    let start = digest.finalize().iter().take(10).fold(0_u128, |start, byte| start << 8 | u128::from(*byte));
    format!("{start:020x}")
}
