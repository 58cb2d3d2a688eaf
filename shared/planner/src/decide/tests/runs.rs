use super::world::{World, models};
use crate::{
    AttemptState, Claim, ClaimRecord, Effect, Input, LedgerOutcome, LedgerSubject, NodeId, NodeStatus, Outcome,
    TaskArn, effects, next_due,
};

fn fail_on(name: &str) -> impl Fn(&NodeId) -> Option<NodeStatus> {
    move |id| Some(if id.as_str().contains(name) { NodeStatus::Error } else { NodeStatus::Success })
}

#[test]
fn the_board_asks_to_start_the_task_until_it_is_started() {
    let mut world = World::new();
    world.land("orders/a.csv");
    let wakes = effects(&world.board, Some(&world.release), world.now);
    assert!(matches!(wakes.as_slice(), [Effect::Wake { .. }]));
    world.wait(2);
    let wanted = effects(&world.board, Some(&world.release), world.now);
    assert!(matches!(wanted.as_slice(), [Effect::StartTask { attempt: 1, .. }]), "{wanted:?}");
    world.start();
    assert!(effects(&world.board, Some(&world.release), world.now).is_empty());
}

#[test]
fn succeeded_nodes_are_completed_and_failed_ones_wait_for_new_data() {
    let mut world = World::with(&super::world::PROJECT.replace("docs:", "retry: [relaunch]\ndocs:"));
    world.load("customers/a.csv");
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, fail_on("model.jaffle.daily_sales"));
    world.stop(stop);
    let entry = &world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()];
    let quarantine = entry.quarantine.clone().unwrap();
    assert_eq!(quarantine.run, Some(run));
    assert!(quarantine.reason.contains("model.jaffle.daily_sales"), "{}", quarantine.reason);
    assert_eq!(world.lines.last().unwrap().outcome, LedgerOutcome::Failed);
    let plans = world.plans.len();
    world.wait(3600);
    assert_eq!(world.plans.len(), plans, "quarantined nodes wait for new data");
    world.now += jiff::SignedDuration::from_secs(60);
    let plan = world.load("orders/a.csv");
    assert!(models(&plan).contains(&"daily_sales") && models(&plan).contains(&"stg_orders"));
    assert_eq!(
        world.board.backlog.get(&"load:jaffle.raw_orders".parse().unwrap()).and_then(|entry| entry.quarantine.clone()),
        None
    );
}

#[test]
fn a_node_built_before_its_failed_parent_is_not_completed_for_the_load_of_the_parent() {
    let mut world = World::with(&super::world::PROJECT.replace("docs:", "retry: [relaunch]\ndocs:"));
    world.load("orders/a.csv");
    world.now += jiff::SignedDuration::from_secs(60);
    world.loaded("crm.accounts", "b1");
    world.succeed();
    world.now += jiff::SignedDuration::from_secs(60);
    world.loaded("crm.accounts", "b2");
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, fail_on("model.jaffle.stg_accounts"));
    world.stop(stop);
    world.now += jiff::SignedDuration::from_secs(60);
    let plan = world.load("customers/a.csv");
    assert!(models(&plan).contains(&"account_revenue"), "the other load needs it: {:?}", models(&plan));
    let entry = &world.board.backlog[&"load:crm.accounts".parse().unwrap()];
    let backlog: Vec<String> = world.release.ids(&entry.nodes).iter().map(ToString::to_string).collect();
    assert!(backlog.contains(&"model.jaffle.account_revenue".to_owned()), "{backlog:?}");
    let plans = world.plans.len();
    world.wait(3600);
    assert_eq!(world.plans.len(), plans, "it waits for new data");
    world.loaded("crm.accounts", "b3");
    world.succeed();
    assert_eq!(world.backlog("load:crm.accounts"), 0);
}

#[test]
fn a_failed_model_is_tried_once_more_and_a_failed_test_is_not() {
    let mut world = World::new();
    world.load("customers/a.csv");
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, fail_on("model.jaffle.daily_sales"));
    world.stop(stop);
    assert_eq!(world.board.runs[&run].attempt.number, 2);
    world.wait(31);
    world.start();
    let stop = world.stop_of(&run, 2, Outcome::Failed, fail_on("model.jaffle.daily_sales"));
    world.stop(stop);
    assert!(world.board.runs.is_empty());

    world.now += jiff::SignedDuration::from_secs(60);
    world.land("orders/b.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, |id| {
        Some(if id.as_str().starts_with("test.") { NodeStatus::Fail } else { NodeStatus::Success })
    });
    world.stop(stop);
    assert!(world.board.runs.is_empty(), "the same test on the same data fails again");
}

#[test]
fn an_interrupted_run_continues_with_the_remaining_nodes() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let before = world.backlog("load:jaffle.raw_orders");
    let stop = world.stop_of(&run, attempt, Outcome::Interrupted, |id| {
        (id.as_str() == "model.jaffle.stg_orders").then_some(NodeStatus::Success)
    });
    world.stop(stop);
    assert_eq!(world.backlog("load:jaffle.raw_orders"), before - 1);
    assert_eq!(world.board.runs[&run].attempt.number, 2);
    assert_eq!(world.board.runs[&run].done.len(), 1);
    world.wait(60);
    world.succeed();
    assert!(world.board.runs.is_empty());
}

#[test]
fn an_unclaimed_attempt_is_revoked_before_the_next_starts() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| None);
    (stop.claim, stop.result) = (None, None);
    stop.reason = "CannotPullContainerError".to_owned();
    world.stop(stop);
    assert!(matches!(world.board.runs[&run].attempt.state, AttemptState::Revoking { .. }));
    let wanted = effects(&world.board, Some(&world.release), world.now);
    assert!(matches!(wanted.as_slice(), [Effect::Revoke { attempt: 1, .. }]), "{wanted:?}");
    world.decide(&Input::Revoked { run: run.clone(), attempt: 1 });
    assert_eq!(world.board.runs[&run].attempt.number, 2);
    for number in 2..=4 {
        world.decide(&Input::NotStarted {
            run: run.clone(),
            attempt: number,
            reason: "RESOURCE:ENI".into(),
            retryable: true,
        });
        world.decide(&Input::Revoked { run: run.clone(), attempt: number });
    }
    assert!(world.board.runs.is_empty(), "not forever (L4)");
    let quarantine = world.board.backlog[&"load:jaffle.raw_orders".parse().unwrap()].quarantine.clone().unwrap();
    assert!(quarantine.reason.contains("RESOURCE:ENI"), "{}", quarantine.reason);
}

#[test]
fn a_task_without_the_claim_settles_nothing() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let mut zombie = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    zombie.task_arn = TaskArn::parse("arn:other").unwrap();
    let before = world.backlog("load:jaffle.raw_orders");
    world.stop(zombie);
    assert_eq!(world.backlog("load:jaffle.raw_orders"), before);
    assert!(world.board.runs.contains_key(&run));
    let stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    world.stop(stop.clone());
    assert!(world.board.runs.is_empty());
    let board = world.board.clone();
    world.stop(stop);
    assert_eq!(world.board.backlog, board.backlog, "a duplicate event settles nothing");
}

#[test]
fn an_attempt_claimed_before_it_was_revoked_is_running() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let run = world.board.runs.keys().next().unwrap().clone();
    world.decide(&Input::NotStarted { run: run.clone(), attempt: 1, reason: "no answer".into(), retryable: true });
    world.decide(&Input::Claimed { run: run.clone(), attempt: 1, task_arn: World::arn(&run, 1) });
    assert!(world.board.runs[&run].attempt.is_running());
    let mut stop = world.stop_of(&run, 1, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    stop.claim = Some(ClaimRecord { claim: Claim::Task { task_arn: World::arn(&run, 1) }, written_at: world.now });
    world.stop(stop);
    assert!(world.board.runs.is_empty());
}

#[test]
fn docs_are_pending_until_they_are_published() {
    let mut world = World::new();
    let plan = world.load("orders/a.csv");
    let wanted = effects(&world.board, Some(&world.release), world.now);
    assert!(wanted.contains(&Effect::PublishDocs) && wanted.contains(&Effect::Announce), "{wanted:?}");
    world.decide(&Input::Announced { runs: vec![plan.run_id.clone()] });
    // The publisher read the board when the docs of an earlier attempt were pending.
    let mut docs = world.board.docs.pending.clone();
    for backlog in &mut docs {
        backlog.attempt = 0;
    }
    world.decide(&Input::Published { docs });
    assert_eq!(world.board.docs.pending.len(), 1, "the docs of the later attempt stay pending");
    world.decide(&Input::Published { docs: world.board.docs.pending.clone() });
    assert!(effects(&world.board, Some(&world.release), world.now).is_empty());
}

#[test]
fn runs_per_day_stops_a_runaway() {
    let mut world = World::with(&super::world::PROJECT.replace("docs:", "limits: { runs_per_day: 2 }\ndocs:"));
    for n in 0..2 {
        world.now += jiff::SignedDuration::from_secs(60);
        world.load(&format!("orders/{n}.csv"));
    }
    world.now += jiff::SignedDuration::from_secs(60);
    world.land("orders/x.csv");
    world.wait(2);
    assert_eq!(world.plans.len(), 2);
    let limit = world.board.limit_reached.unwrap();
    assert_eq!((limit.runs, limit.announced), (2, false));
    assert!(effects(&world.board, Some(&world.release), world.now).contains(&Effect::AnnounceLimit));
    world.decide(&Input::LimitAnnounced);
    assert!(!effects(&world.board, Some(&world.release), world.now).contains(&Effect::AnnounceLimit));
    world.land("customers/x.csv");
    world.wait(60);
    assert_eq!(next_due(&world.board, Some(&world.release), world.now), Some(limit.until));
    let recorded = world.lines.iter().filter(|line| matches!(line.about, LedgerSubject::Limit { .. })).count();
    assert_eq!(recorded, 1, "once a window");
    world.wait(86_400);
    assert_eq!(world.plans.len(), 3, "nothing is lost by it");
    assert_eq!(world.board.limit_reached, None);
}

#[test]
fn unplanned_nodes_are_recorded_and_announced() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Succeeded, |_| Some(NodeStatus::Success));
    let stray = NodeId::parse("model.jaffle.customer_cohorts").unwrap();
    stop.result.as_mut().unwrap().unplanned_nodes = vec![stray.clone()];
    world.stop(stop);
    assert_eq!(world.board.announce.last().unwrap().unplanned_nodes, std::slice::from_ref(&stray));
    let settled = world.lines.iter().find(|line| line.event.ends_with("/settled")).unwrap();
    assert!(matches!(&settled.about, LedgerSubject::Run { unplanned_nodes, .. } if *unplanned_nodes == [stray]));
    // The metric filter of template.yaml looks for these words.
    assert!(settled.detail.contains("unplanned nodes: dbt executed"), "{}", settled.detail);
}

#[test]
fn the_board_has_dead_letters_while_there_are_any() {
    let mut world = World::new();
    world.decide(&Input::DeadLetters { loads: 0, functions: 2 });
    let since = world.board.dead_letters.unwrap().since;
    world.now += jiff::SignedDuration::from_secs(60);
    let seq = world.board.seq;
    world.decide(&Input::DeadLetters { loads: 0, functions: 2 });
    assert_eq!(world.board.seq, seq, "an unchanged count changes nothing");
    world.decide(&Input::DeadLetters { loads: 1, functions: 2 });
    assert_eq!(world.board.dead_letters.unwrap().since, since);
    world.decide(&Input::DeadLetters { loads: 0, functions: 0 });
    assert_eq!(world.board.dead_letters, None);
}
