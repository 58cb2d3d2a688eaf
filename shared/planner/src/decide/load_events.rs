//! Events of loads: each gets exactly one outcome (L1), and a duplicate opens no load (L5).

use jiff::Timestamp;

use super::{
    decision::DecisionBuilder,
    input::InboundEvent,
    limits::{MALFORMED_KEPT_FOR, RECENT_KEPT},
    readiness::LoadSignal,
};
use crate::{
    BacklogEntry, Dataset, DatasetLoaded, DatasetName, DatasetState, EventHash, KeyPlacement, LedgerOutcome,
    LedgerSubject, Location, ObjectAddress, ObjectEvent, ObjectLoad, OnDelete, ReadinessPolicy, RecentEvent, Trigger,
    state::whole_milliseconds,
};

/// An event that belongs to a dataset.
struct Mapped<'a> {
    event_id: &'a str,
    /// The hashes that identify duplicates. The board knows the event if it knows one of them.
    hashes: Vec<EventHash>,
    /// The time by which a read point may cover it: S3's time of a small single PUT.
    covered_by: Option<Timestamp>,
    /// The time that the event states.
    stated_time: Timestamp,
    /// What the ledger says besides the outcome.
    note: String,
    /// The text that plans and `landfall status` show for it.
    label: String,
    /// What it says about the completeness of the load.
    signal: LoadSignal<'a>,
    /// The object's key, which the policy `count` counts.
    key: &'a str,
}

/// The outcome of an event of a dataset.
enum LoadOutcome {
    Opened(u64, String),
    Joined(u64, String),
    Covered(&'static str),
}

impl DecisionBuilder<'_> {
    pub(super) fn receive_events(&mut self, loads: &[InboundEvent]) {
        for load in loads {
            match load {
                InboundEvent::ObjectCreated(event) => self.object(event, false),
                InboundEvent::ObjectDeleted(event) => self.object(event, true),
                InboundEvent::DatasetLoaded(event) => self.loaded(event),
                InboundEvent::Command(event) => self.command(event),
                InboundEvent::Malformed { event_id, reason, text } => {
                    self.malformed(event_id, reason, text);
                }
                InboundEvent::Other { event_id, what } => {
                    let detail = "an event of this kind is no load";
                    self.line(event_id, LedgerSubject::Other { text: what.clone() }, LedgerOutcome::Ignored, detail);
                }
            }
        }
        self.drop_old_hashes();
        self.bound_groups();
    }

    fn object(&mut self, event: &ObjectEvent, deleted: bool) {
        let about = |datasets| LedgerSubject::Object {
            bucket: event.bucket.clone(),
            key: event.key.clone(),
            version_id: event.version_id.clone(),
            size: event.size,
            deleted,
            datasets,
        };
        let Some(release) = self.release else {
            let detail =
                "no release is in place yet: run `landfall release`, then `landfall load` for what landed before";
            return self.line(&event.event_id, about(Vec::new()), LedgerOutcome::Unmapped, detail);
        };
        let placed = match release.place(ObjectAddress { bucket: &event.bucket, key: &event.key }, event.size) {
            KeyPlacement::Datasets(placed) => placed,
            KeyPlacement::NotData(reason) => {
                return self.line(&event.event_id, about(Vec::new()), LedgerOutcome::Ignored, reason);
            }
            KeyPlacement::Unmapped(nearest) => {
                let detail = match nearest {
                    Some(nearest) => nearest.to_string(),
                    None => "no dataset of the release has a location".to_owned(),
                };
                return self.line(&event.event_id, about(Vec::new()), LedgerOutcome::Unmapped, detail);
            }
        };
        let (mut loads, mut outcomes, mut details) = (Vec::new(), Vec::new(), Vec::new());
        for (name, location) in placed {
            let Some(dataset) = release.dataset(name) else { continue };
            let (outcome, detail, generation) = self.object_of(name, dataset, location, event, deleted);
            loads.push(ObjectLoad { dataset: name.clone(), generation });
            outcomes.push(outcome);
            details.push(detail);
        }
        // The line of an object that is a load of one dataset, and not of another, tells of the load.
        let by_weight = [LedgerOutcome::Mapped, LedgerOutcome::Covered];
        let outcome = by_weight.into_iter().find(|outcome| outcomes.contains(outcome));
        self.line(&event.event_id, about(loads), outcome.unwrap_or(LedgerOutcome::Ignored), details.join("; "));
    }

    /// Handles an object that is data of a dataset.
    fn object_of(
        &mut self,
        name: &DatasetName,
        dataset: &Dataset,
        location: &Location,
        event: &ObjectEvent,
        deleted: bool,
    ) -> (LedgerOutcome, String, Option<u64>) {
        if dataset.ready == ReadinessPolicy::Event {
            let detail = format!("{name} is loaded by a loader's event (ready: event), not by its objects");
            return (LedgerOutcome::Ignored, detail, None);
        }
        if deleted && dataset.on_delete == OnDelete::Ignore {
            let detail = format!("a deletion is no load of {name}, unless it has on_delete: load");
            return (LedgerOutcome::Ignored, detail, None);
        }
        let version = event.version_id.as_deref().or(event.etag.as_deref()).unwrap_or_default();
        let sequencer = event.sequencer.as_deref().unwrap_or_default();
        let mapped = Mapped {
            event_id: &event.event_id,
            hashes: vec![EventHash::of(&[
                if deleted { "deleted" } else { "object" },
                &event.bucket,
                &event.key,
                version,
                sequencer,
            ])],
            covered_by: self.context.rules.object_time(event).filter(|at| !deleted && !self.is_ahead(*at)),
            stated_time: event.time,
            note: self.note_of_object_time(event),
            label: format!("{}s3://{}/{}", if deleted { "deleted: " } else { "" }, event.bucket, event.key),
            signal: if deleted { LoadSignal::Deleted } else { LoadSignal::Created(location.relative_key(&event.key)) },
            key: &event.key,
        };
        self.map(name, dataset, &mapped)
    }

    fn malformed(&mut self, event_id: &str, reason: &str, text: &str) {
        let hash = EventHash::of(&["malformed", event_id]);
        if self.board.malformed.contains(&hash) {
            return;
        }
        let now = self.now;
        self.board.malformed.retain(|_, event| now.duration_since(event.at) < MALFORMED_KEPT_FOR);
        self.board.malformed.insert(hash, RecentEvent { at: now, covered_by_time: false });
        self.line(event_id, LedgerSubject::Other { text: text.to_owned() }, LedgerOutcome::Malformed, reason);
    }

    fn loaded(&mut self, event: &DatasetLoaded) {
        let (event, note) = self.without_future_time(event);
        let about = |generation| LedgerSubject::Loaded {
            dataset: event.dataset.clone(),
            batch_id: event.batch_id.clone(),
            loaded_at: event.loaded_at,
            generation,
        };
        let name = DatasetName::parse(event.dataset.as_str());
        let known = name.as_ref().ok().and_then(|name| Some((name, self.release?.dataset(name)?)));
        let Some((name, dataset)) = known else {
            let detail = match (&name, self.release) {
                (Err(error), _) => error.to_string(),
                (_, None) => "no release is in place yet: run `landfall release` first".to_owned(),
                (Ok(name), Some(_)) => self.no_such_dataset(name),
            };
            return self.line(&event.event_id, about(None), LedgerOutcome::Unmapped, format!("{detail}{note}"));
        };
        let mapped = Mapped {
            event_id: &event.event_id,
            hashes: self.context.rules.report_identities(&event),
            covered_by: self.context.rules.report_time(&event),
            stated_time: event.loaded_at.unwrap_or(event.time),
            note,
            label: match &event.batch_id {
                Some(batch) => format!("a loader's event, batch {batch}"),
                None => "a loader's event".to_owned(),
            },
            signal: LoadSignal::Reported,
            key: "",
        };
        let (outcome, detail, generation) = self.map(name, dataset, &mapped);
        self.line(mapped.event_id, about(generation), outcome, detail);
    }

    pub(super) fn no_such_dataset(&self, name: &DatasetName) -> String {
        let datasets = self.release.map(|release| &release.compiled.datasets);
        let names: Vec<&str> = datasets.into_iter().flatten().map(|(name, _)| name.as_str()).take(20).collect();
        match names.as_slice() {
            [] => format!("no release is in place, or it has no dataset; {name} is unknown"),
            names => format!("the release has no dataset {name}; it has {}", names.join(", ")),
        }
    }

    fn map(
        &mut self,
        name: &DatasetName,
        dataset: &Dataset,
        event: &Mapped<'_>,
    ) -> (LedgerOutcome, String, Option<u64>) {
        let (verb, generation, note) = match self.open_or_join(name, dataset, event) {
            LoadOutcome::Covered(why) => return (LedgerOutcome::Covered, format!("{why}{}", event.note), None),
            LoadOutcome::Opened(generation, note) => ("opened", generation, note),
            LoadOutcome::Joined(generation, note) => ("joined", generation, note),
        };
        let detail = format!("{verb} load {generation} of {name}{note}{}", event.note);
        (LedgerOutcome::Mapped, detail, Some(generation))
    }

    /// Opens a load or joins the one that is pending, unless the event is covered. It is covered if the board knows
    /// it, or if it is a small single PUT and a run that planned the whole generation began to read after it, by more
    /// than the margin.
    fn open_or_join(&mut self, name: &DatasetName, dataset: &Dataset, event: &Mapped<'_>) -> LoadOutcome {
        let state = self.board.datasets.entry(name.clone()).or_default();
        if event.hashes.iter().any(|hash| self.context.rules.is_duplicate(state, hash)) {
            return LoadOutcome::Covered("delivered before");
        }
        if state.covered_to.zip(event.covered_by).is_some_and(|(covered, at)| at < covered) {
            return LoadOutcome::Covered("a run that began to read later has read its data");
        }
        let recent =
            RecentEvent { at: event.covered_by.unwrap_or(self.now), covered_by_time: event.covered_by.is_some() };
        event.hashes.iter().for_each(|hash| state.recent.insert(*hash, recent));
        let covered_by = event.covered_by.map(whole_milliseconds);
        let (readiness, note) = self.readiness(name, dataset, event.signal, event.key, event.stated_time);
        let trigger = Trigger::Load(name.clone());
        if let Some(entry) = self.board.backlog.get_mut(&trigger)
            && !entry.is_planned()
            && entry.quarantine.is_none()
        {
            entry.events += 1;
            entry.last = shortened(&event.label);
            entry.latest_put = entry.latest_put.zip(covered_by).map(|(latest, at)| latest.max(at));
            readiness.join(&mut entry.stage, self.context.rules);
            return LoadOutcome::Joined(entry.generation, note);
        }
        let state = self.board.datasets.entry(name.clone()).or_default();
        state.generation += 1;
        let generation = state.generation;
        let entry = BacklogEntry {
            latest_put: covered_by,
            stage: readiness.stage(self.context.rules),
            ..BacklogEntry::new(generation, self.now, dataset.nodes.clone(), shortened(&event.label))
        };
        self.board.backlog.insert(trigger, entry);
        LoadOutcome::Opened(generation, note)
    }

    /// Drops hashes of events that `covered_to` covers. Of the others it keeps the newest [`RECENT_KEPT`]. No time lies
    /// far ahead of the board's, so no event keeps its place forever.
    fn drop_old_hashes(&mut self) {
        let datasets = &mut self.board.datasets;
        datasets.values_mut().for_each(drop_covered_hashes);
        let mut rest: Vec<(Timestamp, &DatasetName, &EventHash)> = datasets
            .iter()
            .flat_map(|(name, state)| state.recent.iter().map(move |(hash, event)| (event.at, name, hash)))
            .collect();
        let Some(last) = rest.len().checked_sub(RECENT_KEPT).and_then(|over| over.checked_sub(1)) else { return };
        let (_, (time, name, hash), _) = rest.select_nth_unstable(last);
        let newest_dropped = (*time, name.clone(), **hash);
        for (name, state) in datasets {
            let (time, other, hash) = &newest_dropped;
            state.recent.retain(|own, event| (event.at, name, own) > (*time, other, hash));
        }
    }
}

/// Shortens a label to about 50 bytes, most of them from its end. The ledger has the whole key. A board of thousands of
/// backlog entries has no room for it.
fn shortened(label: &str) -> String {
    const START: usize = 16;
    const END: usize = 36;
    if label.len() <= START + END + '…'.len_utf8() {
        return label.to_owned();
    }
    let (start, end) = (label.floor_char_boundary(START), label.ceil_char_boundary(label.len() - END));
    format!("{}…{}", label.get(..start).unwrap_or_default(), label.get(end..).unwrap_or_default())
}

/// Drops the hashes of events that `covered_to` covers.
pub(super) fn drop_covered_hashes(state: &mut DatasetState) {
    if let Some(covered) = state.covered_to {
        state.recent.retain(|_, event| !event.covered_by_time || event.at >= covered);
    }
}
