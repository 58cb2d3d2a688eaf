//! The simulated services behave as the emulator does: the same assertions of both, through the ports of the engine.
//! Behaviour that only AWS has (throttling, eventual consistency, lost replies) cannot be tested here.

// Makes clippy treat the helper functions as tests.
#![cfg(test)]

mod assertions;
#[path = "../../../../shared/aws/tests/emulator/launched.rs"]
mod launched;

use std::{cell::RefCell, rc::Rc};

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use fastrand::Rng;
use landfall_aws::{Config, bucket_files::BucketFiles, engine_ports::Aws};
use simulation::{
    docs::SimFiles,
    exec::drive,
    ports::SimPorts,
    scenario::{Rates, Scenario},
    world::World,
};

#[test]
fn the_simulated_services_keep_the_contract() {
    for seed in 0..50 {
        let mut rng = Rng::with_seed(seed);
        let mut scenario = Scenario::any(&mut rng);
        scenario.rates = Rates::default();
        let world = Rc::new(RefCell::new(World::new(Rc::new(scenario), rng, None, false)));
        let ports = SimPorts::new(&world, 0, true);
        let files = SimFiles(ports.clone());
        drive(&world, assertions::all(&ports, &files));
    }
}

#[tokio::test]
async fn the_emulator_keeps_the_contract() {
    let Some(emulator) = launched::launch() else { return };
    let sdk = emulator.sdk().await;
    let path_style = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(path_style);
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
    for bucket in ["state", "docs"] {
        s3.create_bucket().bucket(bucket).create_bucket_configuration(place.clone()).send().await.unwrap();
    }
    let queue = aws_sdk_sqs::Client::new(&sdk).create_queue().queue_name("loads").send().await.unwrap();
    let queue = queue.queue_url.unwrap();
    let (cluster, definition) = emulator.cluster_and_definition("dbt@sha256:1").await;
    let config = Config::read(|name| {
        let value = match name {
            "LANDFALL_STACK" => "shop",
            "LANDFALL_STATE_BUCKET" => "state",
            "LANDFALL_LOADS_QUEUE_URL" => &queue,
            "LANDFALL_CLUSTER" => &cluster,
            "LANDFALL_TASK_DEFINITION" => &definition,
            "LANDFALL_CONTAINER" => "dbt",
            "LANDFALL_SUBNETS" => "subnet-1",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap();
    let clients = emulator.clients().await;
    let docs = clients.store("docs");
    assertions::all(&Aws::new(clients, config).unwrap(), &BucketFiles(&docs)).await;
    assert!(emulator.folder.path().exists());
}
