use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use landfall_aws::{
    Clients, Config, TaskState,
    tasks::{RunTaskOutcome, StartRefusal, StopOutcome},
};
use landfall_engine::ports::TaskStop;
use landfall_planner::{Capacity, RunTaskCall, TaskArn, TaskSettings};

use crate::launched::launch;

async fn stopped(clients: &Clients, config: &Config, task: &TaskArn) -> TaskState {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let described = clients.tasks(config).unwrap().describe(std::slice::from_ref(task)).await.unwrap();
        match described.tasks.into_iter().next() {
            Some(facts) if facts.is_stopped() => return facts,
            facts => assert!(Instant::now() < deadline, "{facts:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_task_of_a_pinned_image_is_started_once_and_followed_to_its_end() {
    let Some(emulator) = launch() else { return };
    let (cluster, base) = emulator.cluster_and_definition("dbt:base").await;
    let clients = emulator.clients().await;
    let config = Config::read(|name| match name {
        "LANDFALL_STACK" | "LANDFALL_STATE_BUCKET" => Some("shop".to_owned()),
        "LANDFALL_CLUSTER" => Some(cluster.clone()),
        "LANDFALL_CONTAINER" => Some("dbt".to_owned()),
        _ => None,
    })
    .unwrap();

    let definitions = clients.task_definitions();
    let pinned = definitions.pin(&base, "dbt", "dbt@sha256:1").await.unwrap();
    assert_ne!(pinned, base);
    assert_eq!(definitions.pin(&base, "dbt", "dbt@sha256:1").await.unwrap(), pinned, "not registered again");

    let call = RunTaskCall {
        settings: TaskSettings {
            cluster: cluster.clone(),
            task_definition: pinned,
            container: "dbt".to_owned(),
            subnets: vec!["subnet-1".to_owned()],
            ..TaskSettings::default()
        },
        client_token: "run-1-attempt-2".to_owned(),
        started_by: "run-1".to_owned(),
        capacity: Capacity::OnDemand,
        environment: BTreeMap::from([
            ("LANDFALL_PLAN".to_owned(), "s3://state/runs/run-1/plan.json".to_owned()),
            ("LANDFALL_ATTEMPT".to_owned(), "2".to_owned()),
        ]),
    };
    let tasks = clients.tasks(&config).unwrap();
    let outcome = tasks.run(&call).await;
    let RunTaskOutcome::Started { task_arn } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(tasks.run(&call).await, outcome, "the same call starts nothing again");
    let other = RunTaskCall { started_by: "run-2".to_owned(), ..call.clone() };
    assert_eq!(tasks.run(&other).await, RunTaskOutcome::Conflict { task_arns: vec![task_arn.clone()] });

    let facts = stopped(&clients, &config, task_arn).await;
    assert_eq!(facts.exit_code, Some(3));
    assert_eq!(facts.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!((facts.started_by.as_deref(), facts.attempt), (Some("run-1"), Some(2)));
    assert_eq!(facts.plan.as_deref(), Some("s3://state/runs/run-1/plan.json"));

    let unknown = cluster.replace(":cluster/", ":task/") + "/00000000000000000000000000000000";
    let unknown = TaskArn::parse(unknown).unwrap();
    assert_eq!(tasks.describe(std::slice::from_ref(&unknown)).await.unwrap().missing, std::slice::from_ref(&unknown));
    assert_eq!(tasks.stop(TaskStop { task_arn: &unknown, reason: "no reason" }).await, Ok(StopOutcome::NotFound));

    let mut nowhere = RunTaskCall { client_token: "run-3".to_owned(), ..call };
    nowhere.settings.task_definition = "shop:99".to_owned();
    let outcome = tasks.run(&nowhere).await;
    assert!(matches!(outcome, RunTaskOutcome::Refused { class: StartRefusal::Configuration, .. }), "{outcome:?}");
    assert!(emulator.folder.path().exists());
}
