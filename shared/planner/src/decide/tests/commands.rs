use super::world::{PROJECT, World, release};
use crate::{
    DatasetName, InboundEvent, Input, LedgerOutcome, NodeStatus, OperatorAction, OperatorCommand, Outcome, Trigger,
};

fn orders() -> DatasetName {
    "jaffle.raw_orders".parse().unwrap()
}

fn pause_all() -> OperatorAction {
    OperatorAction::Pause { dataset: None }
}

#[test]
fn new_data_of_a_pause_stays_pending_and_runs_once_after_the_resume() {
    let mut world = World::new();
    world.action(pause_all());
    assert!(world.board.paused_all);
    for n in 0..3 {
        world.land(&format!("orders/{n}.csv"));
        world.wait(60);
    }
    assert!(world.plans.is_empty(), "nothing is started");
    assert!(world.backlog("load:jaffle.raw_orders") > 0, "and nothing is forgotten");
    world.action(OperatorAction::Resume { dataset: None });
    assert_eq!(world.plans.len(), 1);
    assert!(world.last_plan().triggers[0].reason.starts_with("3 events"), "{}", world.last_plan().triggers[0].reason);
}

#[test]
fn a_pause_of_one_dataset_does_not_affect_others() {
    let mut world = World::new();
    world.action(OperatorAction::Pause { dataset: Some(orders()) });
    world.load("customers/a.csv");
    world.land("orders/a.csv");
    world.wait(60);
    assert_eq!(world.plans.len(), 1);
    world.action(OperatorAction::Resume { dataset: None });
    assert_eq!(world.plans.len(), 1, "a dataset that was paused by name stays paused");
    world.action(OperatorAction::Resume { dataset: Some(orders()) });
    assert_eq!(world.plans.len(), 2);
}

#[test]
fn a_live_run_continues_through_a_pause_with_its_retries() {
    let mut world = World::new();
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    world.action(pause_all());
    let stop = world.stop_of(&run, attempt, Outcome::Interrupted, |_| None);
    world.stop(stop);
    assert_eq!(world.board.runs[&run].attempt.number, 2);
}

#[test]
fn of_two_commands_the_later_sent_holds_in_any_order_of_arrival() {
    let mut world = World::new();
    let at = world.now;
    let command = |id: &str, seconds, action| {
        let time = at + jiff::SignedDuration::from_secs(seconds);
        InboundEvent::Command(OperatorCommand::received(id.to_owned(), time, time, action))
    };
    let pause = command("pause", 0, pause_all());
    world.decide(&Input::Events(&[command("resume", 5, OperatorAction::Resume { dataset: None }), pause.clone()]));
    assert!(!world.board.paused_all);
    assert!(world.last_outcome().starts_with("Covered"), "{}", world.last_outcome());
    world.decide(&Input::Events(&[command("again", 9, pause_all())]));
    assert!(world.board.paused_all);
    world.decide(&Input::Events(&[
        command("resume 2", 10, OperatorAction::Resume { dataset: None }),
        command("again", 9, pause_all()),
    ]));
    assert_eq!(world.last_outcome(), "Covered: delivered before");
    assert!(!world.board.paused_all);
}

#[test]
fn a_pause_of_an_unknown_dataset_is_refused_by_name() {
    let mut world = World::new();
    world.action(OperatorAction::Pause { dataset: Some("crm.accountz".parse().unwrap()) });
    assert!(world.last_outcome().contains("it has crm.accounts"), "{}", world.last_outcome());
    assert!(world.board.datasets.keys().all(|name| name.as_str() != "crm.accountz"));
}

#[test]
fn quarantined_nodes_run_again_after_a_retry_command() {
    let mut world = World::with(&PROJECT.replace("docs:", "retry: [relaunch]\ndocs:"));
    world.land("orders/a.csv");
    world.wait(2);
    let (run, attempt) = world.start();
    let stop = world.stop_of(&run, attempt, Outcome::Failed, |_| Some(NodeStatus::Error));
    world.stop(stop);
    world.wait(3600);
    assert_eq!(world.plans.len(), 1);
    world.action(OperatorAction::Retry { trigger: Some(Trigger::Release) });
    assert_eq!(world.last_outcome(), "Refused: no node of release is quarantined");
    assert_eq!(world.plans.len(), 1);
    world.action(OperatorAction::Retry { trigger: Some(Trigger::Load(orders())) });
    assert_eq!(world.plans.len(), 2);
    world.succeed();
    world.action(OperatorAction::Retry { trigger: None });
    assert_eq!(world.last_outcome(), "Refused: no node is quarantined");
}

#[test]
fn a_failed_operation_is_repeated_before_anything_is_built_on_it() {
    let mut world = World::with(&PROJECT.replace("docs:", "retry: [relaunch]\ndocs:"));
    world.loaded("crm.accounts", "b1");
    world.succeed();
    world.now += jiff::SignedDuration::from_secs(60);
    world.loaded("crm.accounts", "b2");
    let (run, attempt) = world.start();
    let mut stop = world.stop_of(&run, attempt, Outcome::Failed, |_| None);
    stop.result.as_mut().unwrap().steps[0].exit_code = Some(1);
    world.stop(stop);
    world.action(OperatorAction::Retry { trigger: None });
    let plan = world.last_plan();
    assert!(matches!(&plan.steps[0], crate::Step::RunOperation { operation, .. } if operation == "load_accounts"));
    world.succeed();
    let stays = world.board.backlog[&"load:crm.accounts".parse().unwrap()].clone();
    assert!(stays.before_done, "the operations are done once for a generation");
}

#[test]
fn a_release_above_max_nodes_waits_for_approval() {
    let mut world = World::with(&PROJECT.replace("runs:", "release: { first: build, max_nodes: 3 }\nruns:"));
    world.wait(1);
    let yaml = PROJECT.replace("runs:", "release: { select: '*', max_nodes: 3 }\nruns:");
    let next = release("r2", &yaml, Some(&world.release));
    world.succeed();
    world.offer(next, false);
    let plans = world.plans.len();
    let quarantine = world.board.backlog[&Trigger::Release].quarantine.clone().unwrap();
    assert!(quarantine.approval && quarantine.reason.contains("landfall retry --approve"), "{}", quarantine.reason);
    world.action(OperatorAction::Retry { trigger: None });
    assert!(world.last_outcome().contains("--approve"), "{}", world.last_outcome());
    assert_eq!(world.plans.len(), plans, "a retry is no approval");
    world.action(OperatorAction::Approve);
    assert!(
        world.lines.iter().any(|line| line.outcome == LedgerOutcome::Accepted && line.detail.contains("may build"))
    );
    assert_eq!(world.plans.len(), plans + 1);
    world.action(OperatorAction::Approve);
    assert_eq!(world.last_outcome(), "Refused: no release waits for approval");
}
