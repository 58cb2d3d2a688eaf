use jiff::SignedDuration;

use super::world::{PROJECT, World, index, models, release, release_of};
use crate::{CompileInput, Input, LandfallYml, LedgerOutcome, ReleaseId, Step, compile};

fn problems(yaml: &str) -> String {
    let index = index();
    let input = CompileInput {
        id: &ReleaseId::parse("r").unwrap(),
        index: &index,
        project: &LandfallYml::from_yaml(yaml).unwrap(),
        landing_bucket: Some("landing-bucket"),
        base: None,
        existing: &std::collections::BTreeSet::new(),
        task_definition: None,
    };
    compile(&input).unwrap_err().to_string()
}

#[test]
fn a_source_with_a_location_in_its_meta_needs_no_entry_in_landfall_yml() {
    let release = release("r1", PROJECT, None);
    let payments = release.dataset(&"jaffle.raw_payments".parse().unwrap()).unwrap();
    assert_eq!(payments.locations[0].to_string(), "s3://landing-bucket/payments/*.csv");
    assert_eq!(payments.select, ["source:jaffle.raw_payments+"]);
}

#[test]
fn what_does_not_fit_the_manifest_is_refused_by_name() {
    for (yaml, text) in [
        ("version: 1\ndatasets: { jaffle.raw_orderz: { location: x/ } }", "did you mean jaffle.raw_orders?"),
        (
            "version: 1\ndatasets: { jaffle.raw_orders: { location: './elsewhere/' } }",
            "datasets.jaffle.raw_orders.location",
        ),
        ("version: 1\ndatasets: { jaffle.raw_orders: { location: '' } }", "the location is empty"),
        ("version: 1\ndatasets: { jaffle.raw_orders: { location: 'gs://b/x/' } }", "no place in S3"),
        ("version: 1\ndatasets: { jaffle.raw_orders: { select: 'nosuch:x' } }", "datasets.jaffle.raw_orders"),
        ("version: 1\njobs: { x: { schedule: 'rate(1 day)', test: { select: 'tag:nothing' } } }", "selects nothing"),
    ] {
        let problems = problems(yaml);
        assert!(problems.contains(text), "{yaml}\n{problems}");
    }
}

#[test]
fn an_older_release_is_refused_unless_forced() {
    let mut world = World::new();
    let older = release("r0", PROJECT, Some(&world.release));
    world.offer(older, false);
    assert_eq!(world.lines.last().unwrap().outcome, LedgerOutcome::Refused);
    assert_eq!(world.board.release.as_ref().unwrap().as_str(), "r1");
    let older = release("r0", PROJECT, Some(&world.release));
    world.offer(older, true);
    assert_eq!(world.board.release.as_ref().unwrap().as_str(), "r0");
}

#[test]
fn a_release_compiled_against_another_base_decides_nothing() {
    let mut world = World::new();
    let stray = release("r2", PROJECT, None);
    let before = world.board.clone();
    world.decide(&Input::Offer { release: &stray, force: false });
    assert_eq!(world.board, before);
}

#[test]
fn quarantined_nodes_run_again_with_a_new_release() {
    let mut world = World::with(&PROJECT.replace("docs:", "retry: [relaunch]\ndocs:"));
    world.load("customers/a.csv");
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, crate::Outcome::Failed, |_| Some(crate::NodeStatus::Error));
    world.stop(stop);
    let plans = world.plans.len();
    let next = release("r2", PROJECT, Some(&world.release));
    world.offer(next, false);
    world.wait(1);
    assert_eq!(world.plans.len(), plans + 1);
    assert_eq!(world.last_plan().release.as_str(), "r2");
}

#[test]
fn a_run_that_was_not_started_yet_moves_to_the_new_release() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let run = world.board.runs.keys().next().unwrap().clone();
    let next = release("r2", PROJECT, Some(&world.release));
    world.offer(next, false);
    world.decide(&Input::Revoked { run: run.clone(), attempt: 1 });
    assert!(!world.board.runs.contains_key(&run));
    assert_eq!(world.last_plan().release.as_str(), "r2");
    assert!(models(&world.last_plan()).contains(&"stg_orders"));
}

#[test]
fn a_run_completes_nothing_of_a_later_release() {
    let mut world = World::new();
    world.load("orders/a.csv");
    world.load("customers/a.csv");
    while !world.board.runs.is_empty() {
        world.succeed();
    }
    let changed = |code: &'static str| {
        move |manifest: &mut serde_json::Value| {
            manifest["nodes"]["model.jaffle.stg_orders"]["raw_code"] = code.into();
        }
    };
    for (id, code) in [("r2", "2"), ("r3", "3")] {
        let next = release_of(id, PROJECT, Some(&world.release), &changed(code));
        world.now += SignedDuration::from_secs(1);
        world.offer(next, false);
    }
    let plan = world.last_plan();
    assert_eq!((plan.release.as_str(), models(&plan).contains(&"stg_orders")), ("r2", true));
    // Its task begins to read after the second release was put in place, but has the code of the first.
    world.now += SignedDuration::from_secs(60);
    world.succeed();
    let plan = world.last_plan();
    assert_eq!((plan.release.as_str(), models(&plan).contains(&"stg_orders")), ("r3", true));
}

#[test]
fn with_first_build_every_node_is_pending_and_those_with_parents_run() {
    let world = World::with(&PROJECT.replace("runs:", "release: { first: build }\nruns:"));
    let mut world = world;
    world.wait(1);
    assert_eq!(models(&world.last_plan()), ["countries"]);
    assert!(world.last_plan().waiting.len() > 10);
}

#[test]
fn a_job_tests_what_is_built_once_for_each_scheduled_time() {
    let mut world = World::new();
    let due = |world: &mut World, time: &str| {
        let input = Input::Schedule { job: "nightly-qa".parse().unwrap(), scheduled_time: time.to_owned() };
        world.decide(&input);
    };
    due(&mut world, "2026-11-21T04:00:00Z");
    assert_eq!(world.lines.last().unwrap().outcome, LedgerOutcome::Dropped, "{}", world.last_outcome());
    world.load("orders/a.csv");
    world.load("customers/a.csv");
    due(&mut world, "2026-11-22T04:00:00Z");
    let plan = world.last_plan();
    let Step::Test(selection) = &plan.steps[0] else { panic!("{:?}", plan.steps) };
    assert!(selection.nodes.iter().all(|id| id.as_str().starts_with("test.")));
    let plans = world.plans.len();
    due(&mut world, "2026-11-22T04:00:00Z");
    assert_eq!(world.last_outcome(), "Covered: delivered before, or older than the last scheduled time");
    world.succeed();
    assert_eq!(world.plans.len(), plans);
    assert!(world.board.backlog.keys().all(|trigger| trigger.to_string() != "job:nightly-qa"));
}
