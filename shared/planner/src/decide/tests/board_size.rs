//! The size of the board in the worst hour of a large project: 100,000 nodes, 2,000 datasets with pending loads, and
//! 20 live runs of half of the project.
//! `benches/decide` reaches the same with real events and a real release.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Announcement, Attempt, AttemptState, BacklogEntry, Board, DatasetName, DatasetState, EntryStage, EventHash,
    LedgerOutcome, NONCES_KEPT, Nonce, OrdinalSet, PendingDocs, PendingNodes, RECENT_KEPT, ReleaseId, Run, RunId,
    RunTrigger, TaskArn, Trigger,
};

/// protocol: 1 MB, so that a function reads, decides and compare-and-swaps within a second.
const BUDGET: usize = 1_000_000;
const DATASETS: usize = 2_000;
const RUNS: usize = 20;
const NODES: u32 = 100_000;

fn name(number: usize) -> DatasetName {
    DatasetName::parse(format!("system_{:02}.table_{number:06}", number % 20)).unwrap()
}

fn nonce(number: usize) -> Nonce {
    Nonce::parse(format!("{:016x}", 0x9f3a_2c1b_0000_0000_u64 + number as u64)).unwrap()
}

fn triggers(from: usize, generation: u64) -> Vec<RunTrigger> {
    (from..from + DATASETS / RUNS)
        .map(|number| RunTrigger { trigger: Trigger::Load(name(number)), generation, first: true })
        .collect()
}

fn worst_hour(now: Timestamp) -> Board {
    let release = ReleaseId::parse("20261122t080000z-1f2e3d").unwrap();
    let mut board = Board::new(now);
    board.release = Some(release.clone());
    board.built = (0..NODES).collect();
    board.nonces = (0..NONCES_KEPT).map(nonce).collect();
    for number in 0..DATASETS {
        let mut state = DatasetState {
            generation: 42,
            loaded: true,
            covered_to: Some(now - SignedDuration::from_mins(90)),
            last_run: Some(now - SignedDuration::from_mins(91)),
            ..DatasetState::default()
        };
        for event in 0..RECENT_KEPT / DATASETS {
            state.recent.insert(
                EventHash::of(&[&number.to_string(), &event.to_string()]),
                crate::RecentEvent { at: now, covered_by_time: true },
            );
        }
        board.datasets.insert(name(number), state);
        let label = "s3://landing-buc…ur=09/part-0001-00001.snappy.parquet".to_owned();
        let entry = BacklogEntry {
            latest_put: Some(now - SignedDuration::from_secs(3)),
            events: 3,
            stage: EntryStage::Gathering {
                ready_at: now + SignedDuration::from_secs(60),
                at_most: now + SignedDuration::from_mins(10),
                settles_at: Some(now + SignedDuration::from_secs(60)),
            },
            ..BacklogEntry::new(42, now, PendingNodes::whole_of(&OrdinalSet::new()), label)
        };
        board.backlog.insert(Trigger::Load(name(number)), entry);
    }
    for number in 0..RUNS {
        let family = || (u32::try_from(number).unwrap()..NODES).step_by(RUNS);
        let id = RunId::new(now, &nonce(number), number);
        let attempt = Attempt {
            problems: vec![
                "its task stopped without a result: SpotInterruption: Your Spot Task was interrupted".into(),
            ],
            ..Attempt::new(
                2,
                now,
                AttemptState::Running {
                    task_arn: TaskArn::parse(format!(
                        "arn:aws:ecs:eu-central-1:123456789012:task/landfall/{number:032x}"
                    ))
                    .unwrap(),
                    running_since: now,
                },
            )
        };
        let run = Run {
            planned_at: now,
            release: release.clone(),
            triggers: triggers(number * (DATASETS / RUNS), 41),
            nodes: family().step_by(2).collect(),
            done: family().step_by(4).collect(),
            writes: family().step_by(6).collect(),
            reads: (0..50).collect(),
            exclusive: false,
            holds_unknown: false,
            read_point: Some(now),
            unplanned_nodes: Vec::new(),
            timeout_seconds: 7_200,
            attempt,
        };
        board.runs.insert(id.clone(), run);
        board.docs.pending.push(PendingDocs { run: id.clone(), attempt: 1, release: release.clone(), read_point: now });
        board.announce.push(Announcement {
            run: id,
            attempt: 1,
            outcome: LedgerOutcome::Failed,
            detail: "3 nodes failed: model.shop.model_000001, model.shop.model_000002, model.shop.model_000003".into(),
            class: None,
            triggers: triggers(number * (DATASETS / RUNS), 40),
            unplanned_nodes: Vec::new(),
        });
    }
    board
}

#[test]
fn the_board_stays_within_its_budget_in_the_worst_hour() {
    let bytes = worst_hour("2026-11-22T10:00:00.123Z".parse().unwrap()).to_json().unwrap().len();
    assert!(bytes <= BUDGET, "{bytes} bytes");
    assert!(bytes > BUDGET / 2, "{bytes} bytes: is this still the worst hour?");
}
