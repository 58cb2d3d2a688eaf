//! A large project in its worst hour: 100,000 nodes, 2,000 datasets with pending loads, and 20 live runs.

use std::fmt::Write as _;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use landfall_manifest::{Index, ResourceType};
use landfall_planner::{
    Announcement, Attempt, AttemptState, Board, CompileInput, Context, InboundEvent, Input, LandfallYml, LedgerOutcome,
    Nonce, ObjectEvent, OrdinalSet, PendingDocs, ProtocolRules, Release, ReleaseId, Run, RunId, RunTrigger, TaskArn,
    TaskSettings, Trigger, compile, decide,
};

use crate::generate;

/// The number of models. With two tests each and a source for ten of them there are 100,000 nodes.
pub(crate) const MODELS: usize = 32_258;
pub(crate) const DATASETS: usize = 2_000;
pub(crate) const LIVE_RUNS: usize = 20;
/// The objects of one batch, the most that SQS delivers at once.
pub(crate) const BATCH: usize = 5_000;

pub(crate) fn now() -> Timestamp {
    "2026-11-22T10:00:00.123456789Z".parse().unwrap()
}

/// The project's compiled.json and index.bin, created once.
pub(crate) fn files() -> (Vec<u8>, Vec<u8>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (compiled, index) = (folder.join("decide-2-compiled.json"), folder.join("decide-2-index.bin"));
    if !compiled.exists() || !index.exists() {
        let (made, indexed) = make(&folder.join(format!("manifest-{MODELS}.json")));
        std::fs::write(&index, indexed.to_bytes()).unwrap();
        std::fs::write(&compiled, made).unwrap();
    }
    (std::fs::read(compiled).unwrap(), std::fs::read(index).unwrap())
}

fn make(manifest: &Path) -> (Vec<u8>, Index) {
    let mut out = BufWriter::new(File::create(manifest).unwrap());
    generate::manifest(MODELS, &mut out).unwrap();
    out.flush().unwrap();
    drop(out);
    let index = Index::from_manifest(File::open(manifest).unwrap()).unwrap();
    std::fs::remove_file(manifest).unwrap();
    let project = LandfallYml::from_yaml(&landfall_yml(&index)).unwrap();
    let input = CompileInput {
        id: &ReleaseId::parse("20261122t080000z-1f2e3d").unwrap(),
        index: &index,
        project: &project,
        landing_bucket: Some("landing-bucket"),
        base: None,
        existing: &index.nodes().map(|node| node.unique_id().to_owned()).collect::<BTreeSet<_>>(),
        task_definition: None,
    };
    (serde_json::to_vec(&compile(&input).unwrap()).unwrap(), index)
}

fn landfall_yml(index: &Index) -> String {
    let mut yaml =
        "version: 1\nruns: { max_parallel: 40, warehouse: shared }\nlimits: { runs_per_day: 100000 }\ndatasets:\n"
            .to_owned();
    let sources = index.nodes().filter(|node| node.resource_type() == ResourceType::Source);
    for source in sources.filter(|source| !index.children(source.ix).is_empty()).take(DATASETS) {
        let (system, table) = (source.source_name().unwrap(), source.name());
        writeln!(yaml, "  {system}.{table}: {{ location: \"{system}/{table}/\" }}").unwrap();
    }
    yaml
}

pub(crate) fn release() -> Release {
    let (compiled, index) = files();
    Release::load(&compiled, &index).unwrap()
}

/// A nonce of the usual length.
pub(crate) fn nonce(number: usize) -> Nonce {
    Nonce::parse(format!("{:016x}", 0x9f3a_2c1b_0000_0000_u64 + number as u64)).unwrap()
}

pub(crate) fn decide_at(
    board: &Board,
    release: &Release,
    at: Timestamp,
    input: &Input<'_>,
) -> landfall_planner::Decision {
    let settings = TaskSettings { task_definition: "dbt:1".to_owned(), ..TaskSettings::default() };
    let nonce = nonce(board.seq as usize);
    decide(
        board,
        input,
        &Context { now: at, nonce: &nonce, release: Some(release), task: Some(&settings), rules: &ProtocolRules },
    )
}

/// A board with the release in place, on which everything is built and loaded, and nothing is pending.
pub(crate) fn quiet_board(release: &Release) -> Board {
    let mut board = Board::new(now());
    board.release = Some(release.id().clone());
    board.built = release.compiled.existing.clone();
    for name in release.compiled.datasets.keys() {
        let state = board.datasets.entry(name.clone()).or_default();
        (state.loaded, state.generation) = (true, 41);
        state.covered_to = Some(now() - SignedDuration::from_mins(90));
        state.last_run = Some(now() - SignedDuration::from_mins(91));
    }
    board
}

/// A batch of objects over all datasets in turn. `round` makes their names differ.
pub(crate) fn batch(release: &Release, round: usize, at: Timestamp, many: usize) -> Vec<InboundEvent> {
    let places: Vec<_> = release.compiled.datasets.values().map(|dataset| dataset.locations.first().unwrap()).collect();
    let event = |number: usize| {
        let place = places.get(number % places.len()).unwrap();
        InboundEvent::ObjectCreated(ObjectEvent {
            event_id: format!("17793124-05d4-b198-2fde-{round:04}{number:08}"),
            time: at,
            bucket: place.bucket.clone(),
            key: format!("{}dt=2026-11-22/hour=09/part-{round:04}-{number:05}.snappy.parquet", place.folder()),
            version_id: Some(format!("IYV3p45BT0ac8hjHg1houSdS1a.{number:05}")),
            etag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            sequencer: Some(format!("0055AED6DCD{number:07}")),
            size: Some(1_048_576),
            reason: Some("PutObject".to_owned()),
        })
    };
    (0..many).map(event).collect()
}

/// A run of half of one family of models and their tests, in its second attempt.
fn run(release: &Release, number: usize) -> (RunId, Run) {
    let part = |id: &str| -> bool {
        let model =
            id.find("model_").and_then(|at| id.get(at + 6..at + 12)).and_then(|text| text.parse::<usize>().ok());
        model.is_some_and(|model| {
            model % generate::FAMILIES == number % generate::FAMILIES && (model / generate::FAMILIES).is_multiple_of(2)
        })
    };
    let nodes: OrdinalSet =
        (0u32..).zip(&release.compiled.nodes).filter(|(_, id)| part(id.as_str())).map(|(n, _)| n).collect();
    let relations = (0u32..).zip(&release.compiled.relations);
    let writes: OrdinalSet = relations.filter(|(_, key)| part(key)).map(|(n, _)| n).collect();
    let relations = (0u32..).zip(&release.compiled.relations);
    let reads: OrdinalSet = relations.filter(|(_, key)| !key.contains("model_")).map(|(n, _)| n).take(50).collect();
    let triggers = release.compiled.datasets.keys().skip(number * 100).take(100).map(|name| RunTrigger {
        trigger: Trigger::Load(name.clone()),
        generation: 41,
        first: true,
    });
    let id = RunId::new(now() - SignedDuration::from_mins(i64::try_from(number).unwrap()), &nonce(number), 0);
    let run = Run {
        planned_at: now(),
        release: release.id().clone(),
        triggers: triggers.collect(),
        done: nodes.iter().step_by(2).collect(),
        nodes,
        writes,
        reads,
        exclusive: false,
        read_point: Some(now()),
        timeout_seconds: 7_200,
        unplanned_nodes: Vec::new(),
        holds_unknown: false,
        attempt: Attempt {
            problems: vec![
                "its task stopped without a result: SpotInterruption: Your Spot Task was interrupted".into(),
            ],
            ..Attempt::new(
                2,
                now(),
                AttemptState::Running {
                    task_arn: TaskArn::parse(
                        "arn:aws:ecs:eu-central-1:123456789012:task/landfall/0123456789abcdef0123456789abcdef",
                    )
                    .unwrap(),
                    running_since: now(),
                },
            )
        },
    };
    (id, run)
}

/// A board in the worst hour: a pending load of every dataset, twenty live runs of half of the project, a full list
/// of recent events, pending docs, and runs to announce.
pub(crate) fn busy_board(release: &Release) -> Board {
    let mut board = quiet_board(release);
    board.runs = (0..LIVE_RUNS).map(|number| run(release, number)).collect();
    for number in 0..LIVE_RUNS {
        let (id, run) = run(release, number + 100);
        board.docs.pending.push(PendingDocs { run: id.clone(), attempt: 1, release: run.release, read_point: now() });
        let detail =
            "3 nodes failed: model.shop.model_000001, model.shop.model_000002, model.shop.model_000003".to_owned();
        let triggers = release.compiled.datasets.keys().take(100);
        let triggers =
            triggers.map(|name| RunTrigger { trigger: Trigger::Load(name.clone()), generation: 40, first: true });
        board.announce.push(Announcement {
            run: id,
            attempt: 1,
            outcome: LedgerOutcome::Failed,
            detail,
            class: None,
            unplanned_nodes: Vec::new(),
            triggers: triggers.collect(),
        });
    }
    board.nonces = (0..64).map(nonce).collect();
    decide_at(&board, release, now(), &Input::Events(&batch(release, 1, now(), BATCH))).board
}

/// The same board half an hour later, when the pending loads wait for the live runs.
pub(crate) fn waiting_board(release: &Release) -> Board {
    let later = now() + SignedDuration::from_mins(30);
    decide_at(&busy_board(release), release, later, &Input::Tick).board
}

/// A quiet board on which this many models are pending for a release.
pub(crate) fn board_with_pending_models(release: &Release, nodes: u32) -> Board {
    let mut board = quiet_board(release);
    let entry = landfall_planner::BacklogEntry::new(1, now(), (0..nodes).collect::<OrdinalSet>(), "release".to_owned());
    board.backlog.insert(Trigger::Release, entry);
    board
}
