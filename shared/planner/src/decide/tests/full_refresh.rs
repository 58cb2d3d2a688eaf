use super::world::{Edit, PROJECT, World, models, release, release_of};
use crate::{Input, NodeId, NodeStatus, Outcome, RunId, Step};

const RETRY: &str = "retry: [relaunch, { full_refresh: { select: daily_sales } }]\ndocs:";

fn incremental(manifest: &mut serde_json::Value) {
    manifest["nodes"]["model.jaffle.daily_sales"]["config"]["materialized"] = "incremental".into();
}

fn world_of(edit: Edit<'_>) -> World {
    let yaml = PROJECT.replace("docs:", RETRY);
    let mut world = World::on(release_of("r1", &yaml, None, edit));
    world.load("customers/a.csv");
    world.now += jiff::SignedDuration::from_secs(60);
    world
}

fn fail(world: &mut World, status: impl Fn(&NodeId) -> NodeStatus, message: &str) -> RunId {
    let (run, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Failed, |id| Some(status(id)));
    for node in &mut stop.result.as_mut().unwrap().nodes {
        node.message = Some(message.to_owned());
    }
    world.stop(stop);
    run
}

fn sales_fail(id: &NodeId) -> NodeStatus {
    let id = id.as_str();
    match id {
        "model.jaffle.daily_sales" => NodeStatus::Error,
        id if id.contains("daily_sales") => NodeStatus::Skipped,
        _ => NodeStatus::Success,
    }
}

fn refreshed(world: &World) -> Vec<(bool, Vec<String>)> {
    let steps = world.last_plan().steps;
    let builds = steps.iter().filter_map(|step| match step {
        Step::Build(selection) => Some(selection),
        _ => None,
    });
    builds.map(|s| (s.full_refresh, s.nodes.iter().map(ToString::to_string).collect())).collect()
}

#[test]
fn a_failed_incremental_model_is_refreshed_once_and_its_children_build_after_it() {
    let mut world = world_of(&incremental);
    world.land("orders/a.csv");
    world.wait(2);
    assert!(models(&world.last_plan()).contains(&"daily_sales"), "{:?}", models(&world.last_plan()));
    let run = fail(&mut world, sales_fail, "column x is missing");
    assert!(!world.board.runs.contains_key(&run), "its plan is frozen, so the run ends");
    let settled = world.lines.iter().find(|line| line.event == format!("run/{run}/settled")).unwrap();
    assert!(settled.detail.contains("full refresh of model.jaffle.daily_sales"), "{}", settled.detail);
    let steps = refreshed(&world);
    assert_eq!(steps[0], (true, vec!["model.jaffle.daily_sales".to_owned()]));
    assert!(steps[1..].iter().all(|(full, _)| !full), "{steps:?}");
    let tests = &steps[1].1;
    assert!(!tests.is_empty() && tests.iter().all(|id| id.starts_with("test.")), "{steps:?}");
    let plans = world.plans.len();
    fail(&mut world, sales_fail, "column x is missing");
    assert_eq!(world.plans.len(), plans, "not forever");
    let entry = &world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()];
    assert!(entry.quarantine.is_some(), "after that the nodes are quarantined");
    world.land("orders/b.csv");
    world.wait(2);
    assert!(refreshed(&world).iter().all(|(full, _)| !full), "new data starts without a full refresh");
}

#[test]
fn a_successful_full_refresh_completes_its_nodes() {
    let mut world = world_of(&incremental);
    world.land("orders/a.csv");
    world.wait(2);
    fail(&mut world, sales_fail, "column x is missing");
    world.succeed();
    let left = world.board.backlog.get(&"load:jaffle.raw_orders".parse().unwrap());
    let ids = left.map(|entry| world.release.ids(&entry.nodes)).unwrap_or_default();
    assert!(ids.iter().all(|id| !id.as_str().contains("daily_sales")), "{ids:?}");
}

#[test]
fn a_failed_test_a_missing_permission_and_a_timeout_cause_no_full_refresh() {
    let with_test = |id: &NodeId| {
        let status = sales_fail(id);
        if id.as_str().starts_with("test.jaffle.unique_stg_orders") { NodeStatus::Fail } else { status }
    };
    for (message, fails_test) in
        [("x", true), ("permission denied for schema s", false), ("Statement timed out", false)]
    {
        let mut world = world_of(&incremental);
        world.land("orders/a.csv");
        world.wait(2);
        let plans = world.plans.len();
        if fails_test {
            fail(&mut world, with_test, message);
        } else {
            fail(&mut world, sales_fail, message);
        }
        assert_eq!(world.plans.len(), plans, "{message}");
    }
}

#[test]
fn only_unprotected_incremental_models_can_be_selected_for_a_full_refresh() {
    let protect = |key: &'static str, value: serde_json::Value| {
        move |manifest: &mut serde_json::Value| {
            incremental(manifest);
            manifest["nodes"]["model.jaffle.daily_sales"]["config"][key] = value.clone();
        }
    };
    let yaml = PROJECT.replace("docs:", RETRY);
    let refused = |edit: Edit<'_>| {
        let index = super::world::index_of(edit);
        let input = crate::CompileInput {
            id: &crate::ReleaseId::parse("r").unwrap(),
            index: &index,
            project: &crate::LandfallYml::from_yaml(&yaml).unwrap(),
            landing_bucket: Some("landing-bucket"),
            base: None,
            existing: &std::collections::BTreeSet::new(),
            task_definition: None,
        };
        crate::compile(&input).unwrap_err().to_string().contains("retry.full_refresh")
    };
    assert!(refused(&|_| {}), "a table");
    assert!(refused(&protect("full_refresh", false.into())));
    assert!(refused(&protect("meta", serde_json::json!({ "landfall": { "protected": true } }))));
}

#[test]
fn a_new_release_starts_without_a_full_refresh() {
    let mut world = world_of(&incremental);
    world.land("orders/a.csv");
    world.wait(2);
    fail(&mut world, sales_fail, "column x is missing");
    let run = world.board.runs.keys().next().unwrap().clone();
    let next = release("r2", PROJECT, Some(&world.release));
    world.offer(next, false);
    world.decide(&Input::Revoked { run, attempt: 1 });
    assert!(refreshed(&world).iter().all(|(full, _)| !full));
}
