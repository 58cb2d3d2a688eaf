//! Each sample of `events/` is read by the function that it goes to, and means what its name says.

// Tells clippy that helpers are tests too.
#![cfg(test)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use landfall_aws::events::{
    LoadMessage, PendingDocs, ScheduleEvent, parse_docs_pending, parse_load_message, parse_release_offered,
    parse_schedule, parse_task_stopped,
};
use landfall_planner::StopClass;
use serde_json::Value;

const STACK: &str = "shop";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn sample(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn samples(start: &str) -> Vec<(String, Value)> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.filter(|name| name.starts_with(start)).collect();
    assert!(!names.is_empty(), "no sample begins with {start}");
    names.into_iter().map(|name| (name.clone(), sample(&name))).collect()
}

fn only(value: &Value) -> LoadMessage {
    let mut read = parse_load_message(&value.to_string(), STACK, landfall_aws::clock::now()).unwrap();
    assert_eq!(read.len(), 1);
    read.remove(0)
}

#[test]
fn every_object_has_its_exact_key() {
    for (name, value) in samples("object-created") {
        let LoadMessage::Object(object) = only(&value) else { panic!("{name}") };
        assert_eq!(object.key, value["detail"]["object"]["key"].as_str().unwrap(), "{name}");
        assert_eq!(object.bucket, value["detail"]["bucket"]["name"].as_str().unwrap(), "{name}");
        assert!(object.size.is_some() && object.etag.is_some() && object.sequencer.is_some(), "{name}");
    }
}

#[test]
fn dataset_loaded_is_read_by_the_stack_that_it_names() {
    for (name, value) in samples("dataset-loaded") {
        let LoadMessage::Loaded(loaded) = only(&value) else { panic!("{name}") };
        assert_eq!(loaded.dataset, value["detail"]["dataset"].as_str().unwrap(), "{name}");
    }
    assert_eq!(only(&sample("wake.json")), LoadMessage::Wake { chain: 0 });
}

#[test]
fn an_operator_command_is_read_with_its_action() {
    for (name, value) in samples("operator-command") {
        let LoadMessage::OperatorCommand(asked) = only(&value) else { panic!("{name}") };
        let mut said = serde_json::to_value(&asked.action).unwrap();
        if let Some(stack) = value["detail"].get("stack") {
            said["stack"] = stack.clone();
        }
        assert_eq!(said, value["detail"], "{name}");
    }
}

#[test]
fn the_valid_messages_of_a_batch_are_read_beside_malformed_ones() {
    let outcomes = |name: &str| -> Vec<bool> {
        let batch = sample(name);
        let records = batch["Records"].as_array().unwrap();
        records
            .iter()
            .map(|record| {
                parse_load_message(record["body"].as_str().unwrap(), STACK, landfall_aws::clock::now()).is_ok()
            })
            .collect()
    };
    assert_eq!(outcomes("sqs-loads.json"), [true; 4]);
    assert_eq!(outcomes("sqs-loads-with-malformed.json"), [true, false, false, false, true]);
    assert_eq!(outcomes("sqs-loads-duplicates.json"), [true; 3]);
}

#[test]
fn a_repeated_delivery_has_the_same_event_id() {
    let batch = sample("sqs-loads-duplicates.json");
    let ids: BTreeSet<String> = batch["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            match parse_load_message(record["body"].as_str().unwrap(), STACK, landfall_aws::clock::now())
                .unwrap()
                .remove(0)
            {
                LoadMessage::Object(object) => object.event_id,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn every_stopped_task_has_a_class_of_its_own() {
    for (name, value) in samples("task-stopped") {
        let facts = parse_task_stopped(&value, "dbt").unwrap();
        assert!(facts.is_stopped(), "{name}");
        let ours = name != "task-stopped-scaling-of-a-service.json";
        assert_eq!(facts.attempt.is_some() && facts.plan.is_some(), ours, "{name}");
        let code = value["detail"]["containers"][0]["exitCode"].as_i64().map(|code| i32::try_from(code).unwrap());
        assert_eq!(facts.exit_code, code, "{name}");
        assert_eq!(facts.stop_code.as_deref(), value["detail"]["stopCode"].as_str(), "{name}");
    }
}

#[test]
fn every_stopped_task_has_the_class_of_its_name() {
    let classes: Vec<(String, StopClass)> = samples("task-stopped")
        .into_iter()
        .map(|(name, value)| (name, parse_task_stopped(&value, "dbt").unwrap().class()))
        .collect();
    let expected = [
        ("by-user", StopClass::UserInitiated),
        ("dbt-failed", StopClass::Exited),
        ("failed-to-start", StopClass::ImageMissing),
        ("host-lost", StopClass::HostLost),
        ("image-denied", StopClass::ImageDenied),
        ("killed", StopClass::Killed),
        ("log-group-missing", StopClass::Logs),
        ("no-capacity", StopClass::Capacity),
        ("no-exit-code", StopClass::NoExitCode),
        ("no-network", StopClass::Network),
        ("not-ours", StopClass::Exited),
        ("out-of-memory", StopClass::OutOfMemory),
        ("scaling-of-a-service", StopClass::UserInitiated),
        ("secret-denied", StopClass::Secrets),
        ("spot-interruption", StopClass::SpotInterruption),
        ("succeeded", StopClass::Exited),
    ];
    let expected = expected.map(|(name, class)| (format!("task-stopped-{name}.json"), class));
    assert_eq!(classes, expected);
}

#[test]
fn the_other_functions_read_their_samples() {
    assert_eq!(parse_schedule(&sample("schedule-sweep.json")), Ok(ScheduleEvent::Sweep));
    let job = parse_schedule(&sample("schedule-job.json")).unwrap();
    assert!(matches!(job, ScheduleEvent::Job { scheduled_time: Some(_), .. }), "{job:?}");
    let offered = parse_release_offered(&sample("release-offered.json")).unwrap();
    assert_eq!(offered.release.as_str(), "20261122t170500z-5f5f5f5f");
    assert_eq!(parse_docs_pending(&sample("docs-pending.json")), Ok(PendingDocs { stack: STACK.to_owned() }));
}
