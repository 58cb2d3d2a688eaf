//! Every board that `decide` can return survives the round trip through its JSON, whatever times others state.

use std::{cell::RefCell, thread_local};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::world::{PROJECT, World, release};
use crate::{
    DatasetLoaded, InboundEvent, Input, JobName, NodeStatus, OperatorAction, OperatorCommand, Outcome, Release,
};

thread_local! {
    /// Compiling the release takes most of the time of a case.
    static RELEASE: RefCell<Option<Release>> = const { RefCell::new(None) };
}

/// Every instant that the type allows, and more of those that matter.
fn instants() -> impl Strategy<Value = Timestamp> {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    prop_oneof![
        (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(), 0..1_000_000_000)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::MIN)),
        (-7_200_000_i64..7_200_000).prop_map(move |ms| now + SignedDuration::from_millis(ms)),
        prop::sample::select(vec![Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH]),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Object {
        key: &'static str,
        time: Timestamp,
        reason: &'static str,
        size: u64,
        deleted: bool,
    },
    Report {
        dataset: &'static str,
        time: Timestamp,
        loaded_at: Option<Timestamp>,
        batch: Option<&'static str>,
    },
    Pause {
        time: Timestamp,
        resume: bool,
    },
    Job(Timestamp),
    Malformed,
    Wait(i64),
    /// The last planned run is started, and its task is seen stopped, with a claim of that time.
    Settles(Timestamp, bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let keys = prop::sample::select(vec!["orders/a.csv", "orders/b.csv", "customers/a.csv", "orders/dt=1/", "else"]);
    let reasons = prop::sample::select(vec!["PutObject", "CompleteMultipartUpload"]);
    let datasets = prop::sample::select(vec!["crm.accounts", "jaffle.raw_orders", "unknown"]);
    prop_oneof![
        4 => (keys, instants(), reasons, 0..1_u64 << 25, any::<bool>())
            .prop_map(|(key, time, reason, size, deleted)| Step::Object { key, time, reason, size, deleted }),
        3 => (datasets, instants(), prop::option::of(instants()), prop::option::of(Just("b")))
            .prop_map(|(dataset, time, loaded_at, batch)| Step::Report { dataset, time, loaded_at, batch }),
        1 => (instants(), any::<bool>()).prop_map(|(time, resume)| Step::Pause { time, resume }),
        1 => instants().prop_map(Step::Job),
        1 => Just(Step::Malformed),
        3 => (0..600_i64).prop_map(Step::Wait),
        3 => (instants(), any::<bool>()).prop_map(|(claimed, succeeds)| Step::Settles(claimed, succeeds)),
    ]
}

impl World {
    fn take(&mut self, step: Step) {
        let id = format!("event {}", self.lines.len());
        match step {
            Step::Object { key, time, reason, size, deleted } => {
                let mut event = self.object(key);
                (event.time, event.reason, event.size) = (time, Some(reason.to_owned()), Some(size));
                let event =
                    if deleted { InboundEvent::ObjectDeleted(event) } else { InboundEvent::ObjectCreated(event) };
                self.decide(&Input::Events(&[event]));
            }
            Step::Report { dataset, time, loaded_at, batch } => {
                let (dataset, batch_id) = (dataset.to_owned(), batch.map(str::to_owned));
                let event = DatasetLoaded { event_id: id, time, dataset, loaded_at, batch_id };
                self.decide(&Input::Events(&[InboundEvent::DatasetLoaded(event)]));
            }
            Step::Pause { time, resume } => {
                let dataset = None;
                let action =
                    if resume { OperatorAction::Resume { dataset } } else { OperatorAction::Pause { dataset } };
                let command = OperatorCommand::received(id, time, self.now, action);
                self.decide(&Input::Events(&[InboundEvent::Command(command)]));
            }
            Step::Job(time) => {
                let job = JobName::parse("nightly-qa").unwrap();
                self.decide(&Input::Schedule { job, scheduled_time: time.to_string() });
            }
            Step::Malformed => {
                let event = InboundEvent::Malformed { event_id: id, reason: "no".to_owned(), text: String::new() };
                self.decide(&Input::Events(&[event]));
            }
            Step::Wait(seconds) => self.wait(seconds),
            Step::Settles(claimed, succeeds) => {
                if self.board.runs.is_empty() {
                    return;
                }
                let (run, attempt) = self.start();
                let (outcome, status) = if succeeds {
                    (Outcome::Succeeded, NodeStatus::Success)
                } else {
                    (Outcome::Failed, NodeStatus::Error)
                };
                let mut stop = self.stop_of(&run, attempt, outcome, |_| Some(status));
                stop.claim.as_mut().unwrap().written_at = claimed;
                self.stop(stop);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// `World::decide` reads back each board that it keeps, and compares it with the decision's.
    #[test]
    fn every_board_that_a_decision_returns_reads_back(steps in prop::collection::vec(steps(), 1..16)) {
        let release = RELEASE.with_borrow_mut(Option::take).unwrap_or_else(|| release("r1", PROJECT, None));
        let mut world = World::on(release);
        for step in steps {
            world.take(step);
        }
        RELEASE.set(Some(world.release));
    }
}
