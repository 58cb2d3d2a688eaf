use jiff::{SignedDuration, Timestamp};

use super::world::World;
use crate::{
    DatasetLoaded, InboundEvent, Input, JobName, LedgerSubject, NodeStatus, OperatorAction, OperatorCommand, Outcome,
    RECENT_KEPT, SINGLE_PUT_BYTES,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    /// Receives a loader's event with the next event id. Returns its outcome.
    fn report(&mut self, loaded_at: Option<Timestamp>, batch_id: Option<&str>) -> String {
        let id = format!("report {}", self.lines.len());
        let event = self.report_of(&id, loaded_at, batch_id);
        self.decide(&Input::Events(&[event]));
        // The same decision may have planned the run.
        let line = self.lines.iter().rev().find(|line| line.event == id).unwrap();
        format!("{:?}: {}", line.outcome, line.detail)
    }

    fn report_of(&self, event_id: &str, loaded_at: Option<Timestamp>, batch_id: Option<&str>) -> InboundEvent {
        InboundEvent::DatasetLoaded(DatasetLoaded {
            event_id: event_id.to_owned(),
            time: self.now,
            dataset: "crm.accounts".to_owned(),
            loaded_at,
            batch_id: batch_id.map(str::to_owned),
        })
    }

    /// Receives an event of an object of that size, by that S3 call, of that time.
    fn land_as(&mut self, key: &str, reason: &str, size: u64, time: Timestamp) -> String {
        let mut event = self.object(key);
        (event.reason, event.size, event.time) = (Some(reason.to_owned()), Some(size), time);
        self.decide(&Input::Events(&[InboundEvent::ObjectCreated(event)]));
        self.last_outcome()
    }

    fn after(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }
}

#[test]
fn a_load_of_any_time_leaves_a_board_that_reads_back() {
    for text in
        ["1900-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "-009999-01-02T01:59:59Z"]
    {
        let mut world = World::new();
        // `decide` of the test reads back what it keeps.
        assert!(world.report(Some(at(text)), Some("b")).starts_with("Mapped"), "{text}");
        assert!(world.land_as("orders/a.csv", "PutObject", 1, at(text)).starts_with("Mapped"), "{text}");
    }
}

#[test]
fn a_loaders_time_from_the_future_is_dropped_and_the_load_is_kept() {
    let mut world = World::new();
    let outcome = world.report(Some(world.now + SignedDuration::from_mins(6)), Some("b"));
    assert!(outcome.starts_with("Mapped: opened load 1 of crm.accounts; its loaded_at"), "{outcome}");
    assert!(outcome.contains("is more than 5 minutes ahead and was dropped"), "{outcome}");
    let about = world.lines.iter().rev().find_map(|line| match &line.about {
        LedgerSubject::Loaded { loaded_at, .. } => Some(*loaded_at),
        _ => None,
    });
    assert_eq!(about, Some(None));
    let within = world.now + SignedDuration::from_mins(5);
    assert!(!world.report(Some(within), None).contains("ahead"));
    assert!(world.report(Some(Timestamp::MAX), None).contains("ahead"));
}

#[test]
fn a_loader_whose_clock_is_slow_loses_no_load() {
    let mut world = World::new();
    world.report(None, None);
    world.succeed();
    // Rows that were committed 60 s after the read point, by a clock that is 75 s slow.
    world.after(60);
    let slow = world.now - SignedDuration::from_secs(75);
    let outcome = world.report(Some(slow), Some("later"));
    assert!(outcome.starts_with("Mapped: opened load 2"), "{outcome}");
    world.after(3600);
    let outcome = world.report(Some(at("1970-01-01T00:00:00Z")), None);
    assert!(!outcome.starts_with("Covered"), "{outcome}");
}

#[test]
fn a_loaders_event_that_joins_during_a_run_is_not_completed_by_that_run() {
    let mut world = World::new();
    world.report(None, None);
    let (run, attempt) = world.start();
    world.after(3600);
    let slow = world.now - SignedDuration::from_hours(2);
    world.report(Some(slow), None);
    let stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    world.stop(stop);
    assert_eq!(world.plans.len(), 2, "the rows may have come after the run read");
}

#[test]
fn a_batch_id_that_is_sent_again_is_a_load_unless_loaded_at_is_equal_too() {
    let mut world = World::new();
    let (morning, noon) = (at("2026-11-22T08:00:00Z"), at("2026-11-22T09:30:00Z"));
    let mut load = |loaded_at, batch: Option<&str>| {
        world.after(300);
        let outcome = world.report(loaded_at, batch);
        if outcome.starts_with("Mapped") {
            world.succeed();
        }
        outcome.split(':').next().unwrap().to_owned()
    };
    assert_eq!(load(Some(morning), Some("2026-11-22")), "Mapped");
    assert_eq!(load(Some(noon), Some("2026-11-22")), "Mapped", "a loader that marks by day");
    assert_eq!(load(Some(noon), Some("2026-11-22")), "Covered", "the same batch, sent again");
    for _ in 0..2 {
        assert_eq!(load(None, Some("2026-11-22")), "Mapped");
        assert_eq!(load(None, Some("")), "Mapped", "an unset variable");
        assert_eq!(load(Some(noon), Some("")), "Mapped");
        assert_eq!(load(Some(noon), None), "Mapped");
    }
    let event = world.report_of("once", Some(noon), None);
    world.decide(&Input::Events(&[event.clone(), event]));
    let covered = world.lines.iter().filter(|line| line.event == "once" && line.detail == "delivered before");
    assert_eq!(covered.count(), 1, "the same event id is the same event");
}

#[test]
fn only_a_small_single_put_is_covered_by_its_time() {
    let mut world = World::new();
    let long_before = world.now - SignedDuration::from_hours(1);
    world.load("orders/a.csv");
    world.after(1);
    for (reason, size, covered) in [
        ("PutObject", SINGLE_PUT_BYTES, true),
        ("PutObject", SINGLE_PUT_BYTES + 1, false),
        ("CompleteMultipartUpload", 1, false),
        ("CopyObject", 1, false),
        ("POST Object", 1, false),
    ] {
        let outcome = world.land_as(&format!("orders/{reason}-{size}.csv"), reason, size, long_before);
        assert_eq!(outcome.starts_with("Covered"), covered, "{reason} {size}: {outcome}");
    }
    let read_point = world.board.datasets.values().filter_map(|state| state.covered_to).max().unwrap();
    let outcome = world.land_as("orders/just.csv", "PutObject", 1, read_point);
    assert!(outcome.starts_with("Mapped"), "within the margin: {outcome}");
    let outcome = world.land_as("orders/before.csv", "PutObject", 1, read_point - SignedDuration::from_secs(1));
    assert!(outcome.starts_with("Covered"), "{outcome}");
    assert_eq!(read_point, world.now - SignedDuration::from_secs(121), "the margin is 2 minutes");
}

#[test]
fn a_multipart_upload_that_joins_puts_during_a_run_needs_a_run() {
    for (reason, runs) in [("PutObject", 1), ("CompleteMultipartUpload", 2)] {
        let mut world = World::new();
        let before = world.now - SignedDuration::from_mins(10);
        world.land("orders/a.csv");
        world.wait(2);
        let (run, attempt) = world.start();
        world.land_as("orders/b.csv", reason, 1, before);
        world.land_as("orders/c.csv", "PutObject", 1, before);
        world.after(60);
        let stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
        world.stop(stop);
        world.wait(60);
        assert_eq!(world.plans.len(), runs, "{reason}");
    }
}

#[test]
fn events_from_the_future_do_not_fill_the_memory_of_duplicates() {
    let mut world = World::new();
    let future = at("2099-01-01T00:00:00Z");
    let mut events: Vec<InboundEvent> = Vec::new();
    for number in 0..RECENT_KEPT + 104 {
        let mut event = world.object(&format!("orders/{number}.csv"));
        event.time = future;
        events.push(InboundEvent::ObjectCreated(event));
    }
    world.decide(&Input::Events(&events));
    assert!(world.lines.iter().any(|line| line.detail.contains("is more than 5 minutes ahead and was ignored")));
    world.after(1);
    let event = InboundEvent::ObjectCreated(world.object("customers/a.csv"));
    for expected in ["Mapped", "Covered: delivered before"] {
        world.decide(&Input::Events(std::slice::from_ref(&event)));
        assert!(world.last_outcome().starts_with(expected), "{}", world.last_outcome());
    }
}

#[test]
fn a_pause_from_the_future_can_be_resumed() {
    let mut world = World::new();
    let send = |world: &mut World, id: &str, stated: Timestamp, action| {
        let command = OperatorCommand::received(id.to_owned(), stated, world.now, action);
        world.decide(&Input::Events(&[InboundEvent::Command(command)]));
        world.last_outcome()
    };
    let outcome = send(&mut world, "a", at("2099-01-01T00:00:00Z"), OperatorAction::Pause { dataset: None });
    assert!(outcome.contains("is more than 5 minutes ahead, so the time of its arrival counts"), "{outcome}");
    world.after(1);
    let now = world.now;
    send(&mut world, "b", now, OperatorAction::Resume { dataset: None });
    assert!(!world.board.paused_all, "{}", world.last_outcome());
}

#[test]
fn a_schedule_from_the_future_does_not_end_a_job() {
    let mut world = World::new();
    world.load("orders/a.csv");
    for (scheduled_time, expected) in
        [("2099-01-01T04:00:00Z", "Refused"), ("2026-11-22T04:00:00Z", "Mapped"), ("2026-11-22T04:00:00Z", "Covered")]
    {
        let before = world.lines.len();
        let job = JobName::parse("nightly-qa").unwrap();
        world.decide(&Input::Schedule { job, scheduled_time: scheduled_time.to_owned() });
        let line = world.lines.get(before).unwrap();
        assert!(format!("{:?}", line.outcome).starts_with(expected), "{line:?}");
    }
}

#[test]
fn a_malformed_message_is_recorded_once_whichever_receipt_is_decided() {
    let mut world = World::new();
    let malformed = |id: &str| InboundEvent::Malformed {
        event_id: id.to_owned(),
        reason: "not JSON".to_owned(),
        text: "{".to_owned(),
    };
    for _ in 0..3 {
        world.decide(&Input::Events(&[malformed("a")]));
    }
    world.after(3600);
    world.decide(&Input::Events(&[malformed("a"), malformed("b")]));
    let recorded: Vec<&str> = world.lines.iter().map(|line| line.event.as_str()).filter(|id| id.len() == 1).collect();
    assert_eq!(recorded, ["a", "b"]);
    world.after(25 * 3600);
    world.decide(&Input::Events(&[malformed("c")]));
    assert_eq!(world.board.malformed.iter().count(), 1, "older ones are forgotten");
}
