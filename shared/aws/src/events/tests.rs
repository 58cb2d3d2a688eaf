//! Real payloads, nasty payloads, and texts that are none.

use landfall_planner::{DatasetLoaded, JobName, ObjectEvent, ReleaseId};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const STACK: &str = "shop";

fn parse(value: &Value) -> Result<Vec<LoadMessage>, Malformed> {
    parse_load_message(&value.to_string(), STACK, received())
}

#[expect(clippy::needless_pass_by_value, reason = "each call makes its own detail")]
fn event(source: &str, detail_type: &str, detail: Value) -> Value {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": detail_type, "source": source,
        "account": "111122223333", "time": "2026-11-22T17:14:17Z", "region": "eu-west-1", "resources": [], "detail": detail
    })
}

fn object_created(key: &str) -> Value {
    event(
        "aws.s3",
        "Object Created",
        json!({
            "version": "0", "bucket": { "name": "shop-landing" },
            "object": {
                "key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "00617F08299329D189"
            },
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "source-ip-address": "1.2.3.4", "reason": "PutObject"
        }),
    )
}

fn notification(name: &str, key: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventTime": "2026-11-22T17:14:17.250Z", "eventName": name,
        "responseElements": { "x-amz-request-id": "C3D13FE58DE4C810" },
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "c",
            "bucket": { "name": "shop-landing", "arn": "arn:aws:s3:::shop-landing" },
            "object": { "key": key, "size": 5, "eTag": "b1946ac9", "versionId": "v1", "sequencer": "0055AED6DCD90281E5" }
        }
    }] })
}

/// When SQS received the messages.
fn received() -> jiff::Timestamp {
    "2026-11-22T17:14:30Z".parse().unwrap()
}

#[test]
fn the_key_of_an_eventbridge_event_is_not_decoded() {
    for key in ["orders/a+b%20c.csv", "-rf", "orders/\"'\n\u{2603} .csv"] {
        let expected = ObjectEvent {
            event_id: "17793124-05d4-b198-2fde-7ededc63b103".to_owned(),
            time: "2026-11-22T17:14:17Z".parse().unwrap(),
            bucket: "shop-landing".to_owned(),
            key: key.to_owned(),
            version_id: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
            etag: Some("b1946ac92492d2347c6235b4d2611184".to_owned()),
            sequencer: Some("00617F08299329D189".to_owned()),
            size: Some(5),
            reason: Some("PutObject".to_owned()),
        };
        assert_eq!(parse(&object_created(key)), Ok(vec![LoadMessage::Object(expected)]));
    }
}

#[test]
fn the_key_of_an_s3_notification_is_decoded() {
    let read = parse(&notification("ObjectCreated:Put", "orders/a+b%2Bc%0A.csv")).unwrap();
    let [LoadMessage::Object(object)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(object.key, "orders/a b+c\n.csv");
    assert_eq!(object.event_id, "s3/C3D13FE58DE4C810/0055AED6DCD90281E5");
    assert_eq!(object.reason.as_deref(), Some("PutObject"));
    assert_eq!(object.time.to_string(), "2026-11-22T17:14:17.25Z");
    assert_eq!(parse(&notification("ObjectCreated:Put", "orders/a+b%2Bc%0A.csv")).unwrap(), read, "the id is stable");
}

#[test]
fn a_record_without_a_request_id_has_an_id_made_from_its_object() {
    let id = |key: &str| {
        let mut told = notification("ObjectCreated:Put", key);
        told["Records"][0].as_object_mut().unwrap().remove("responseElements");
        let read = parse(&told).unwrap();
        let [LoadMessage::Object(object)] = read.as_slice() else { panic!("{read:?}") };
        object.event_id.clone()
    };
    assert_eq!(id("a"), id("a"));
    assert_ne!(id("a"), id("b"));
}

#[test]
fn each_record_of_a_notification_is_an_event() {
    let mut told = notification("ObjectCreated:Put", "a");
    let second = notification("ObjectRemoved:Delete", "b")["Records"][0].clone();
    told["Records"].as_array_mut().unwrap().push(second);
    let read = parse(&told).unwrap();
    assert!(
        matches!(read.as_slice(), [LoadMessage::Object(_), LoadMessage::Deleted(gone)] if gone.key == "b"),
        "{read:?}"
    );
}

#[test]
fn the_test_event_of_s3_is_ignored_by_name() {
    let test = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T17:14:17.000Z", "Bucket": "shop-landing",
        "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"
    });
    let what = "s3:TestEvent of bucket shop-landing".to_owned();
    assert_eq!(parse(&test), Ok(vec![LoadMessage::Ignored { event_id: "s3/5582815E1AEA5ADF/test".to_owned(), what }]));
}

#[test]
fn dataset_loaded_is_read_with_and_without_its_optional_fields() {
    let read = |detail: Value| parse(&event("landfall.loader", "Dataset Loaded", detail));
    let plain = DatasetLoaded {
        event_id: "17793124-05d4-b198-2fde-7ededc63b103".to_owned(),
        time: "2026-11-22T17:14:17Z".parse().unwrap(),
        dataset: "crm.accounts".to_owned(),
        loaded_at: None,
        batch_id: None,
    };
    assert_eq!(read(json!({ "dataset": "crm.accounts" })), Ok(vec![LoadMessage::Loaded(plain.clone())]));
    let whole = DatasetLoaded {
        loaded_at: Some("2026-11-22T16:00:00Z".parse().unwrap()),
        batch_id: Some("42".to_owned()),
        ..plain
    };
    let detail =
        json!({ "dataset": "crm.accounts", "loaded_at": "2026-11-22T17:00:00+01:00", "batch_id": 42, "stack": STACK });
    assert_eq!(read(detail), Ok(vec![LoadMessage::Loaded(whole)]));
}

#[test]
fn a_load_of_another_stack_is_ignored() {
    let read = parse(&event("my.loader", "Dataset Loaded", json!({ "dataset": "a", "stack": "other" }))).unwrap();
    assert!(
        matches!(read.as_slice(), [LoadMessage::Ignored { what, .. }] if what == "my.loader Dataset Loaded for stack other"),
        "{read:?}"
    );
}

#[test]
fn a_command_is_not_sent_after_sqs_received_it() {
    for (stated, time, noted) in [
        ("2099-01-01T00:00:00Z", "2026-11-22T17:14:30Z", true),
        ("2026-11-22T17:15:00Z", "2026-11-22T17:14:30Z", false),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", false),
    ] {
        let mut pause = event("landfall", "Operator Command", json!({ "action": "pause" }));
        pause["time"] = json!(stated);
        let read = parse(&pause).unwrap();
        let [LoadMessage::OperatorCommand(command)] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(command.time, time.parse().unwrap(), "{stated}");
        assert_eq!(command.stated_time.is_some(), noted, "{stated}");
    }
}

#[test]
fn a_wake_message_needs_no_id() {
    let wake = json!({ "source": "landfall", "detail-type": "Wake", "detail": { "at": "2026-11-22T17:14:17Z" } });
    assert_eq!(parse(&wake), Ok(vec![LoadMessage::Wake { chain: 0 }]));
    let wake =
        json!({ "source": "landfall", "detail-type": "Wake", "detail": { "at": "2026-11-22T17:14:17Z", "chain": 7 } });
    assert_eq!(parse(&wake), Ok(vec![LoadMessage::Wake { chain: 7 }]));
}

#[test]
fn other_events_are_ignored_by_name() {
    for (source, detail_type) in
        [("aws.s3", "Object Restore Completed"), ("aws.ec2", "Dataset Loaded"), ("me", "Object Created")]
    {
        let read = parse(&event(source, detail_type, json!({}))).unwrap();
        assert!(
            matches!(read.as_slice(), [LoadMessage::Ignored { what, .. }] if *what == format!("{source} {detail_type}")),
            "{read:?}"
        );
    }
}

#[test]
fn the_error_of_a_malformed_message_names_the_cause() {
    let mut no_key = object_created("a");
    no_key["detail"]["object"].as_object_mut().unwrap().remove("key");
    let mut no_time = object_created("a");
    no_time["time"] = json!("yesterday");
    let cases = [
        ("not json".to_owned(), "not JSON"),
        ("{}".to_owned(), "neither an EventBridge event"),
        ("[1]".to_owned(), "neither an EventBridge event"),
        (no_key.to_string(), "detail: missing field `key`"),
        (no_time.to_string(), "event: "),
        (object_created("").to_string(), "the key is empty"),
        (notification("ObjectCreated:Put", "%ff").to_string(), "not UTF-8"),
        (json!({ "Records": [] }).to_string(), "Records: empty"),
        (json!({ "Records": 1 }).to_string(), "Records: not a list"),
        (json!({ "Type": "Notification", "Message": "{}" }).to_string(), "raw message delivery"),
        (event("l", "Dataset Loaded", json!({})).to_string(), "detail: missing field `dataset`"),
        (
            event("l", "Dataset Loaded", json!({ "dataset": "a", "loaded_at": "2026-11-22 17:00" })).to_string(),
            "detail: ",
        ),
        (event("l", "Dataset Loaded", json!({ "dataset": "a", "loaded_at": "" })).to_string(), "detail: "),
        (event("l", "Dataset Loaded", json!({ "dataset": "a", "loaded_at": 1_795_367_657 })).to_string(), "detail: "),
        (event("l", "Dataset Loaded", json!({ "dataset": "a", "batch_id": [] })).to_string(), "batch_id"),
    ];
    for (body, reason) in cases {
        let error = parse_load_message(&body, STACK, received()).unwrap_err();
        assert!(error.reason.contains(reason), "{reason} in {error} of {body}");
    }
    assert_eq!(parse_load_message(&"\u{2603}".repeat(2000), STACK, received()).unwrap_err().text.chars().count(), 512);
}

#[test]
fn a_schedule_is_a_sweep_or_a_job() {
    assert_eq!(parse_schedule(&json!({ "sweep": true })), Ok(ScheduleEvent::Sweep));
    let job = |scheduled_time| ScheduleEvent::Job { job: JobName::parse("nightly-qa").unwrap(), scheduled_time };
    let input = |time: &str| json!({ "job": "nightly-qa", "scheduled_time": time });
    assert_eq!(parse_schedule(&input("2026-11-22T17:00:00Z")), Ok(job(Some("2026-11-22T17:00:00Z".parse().unwrap()))));
    assert_eq!(parse_schedule(&input("<aws.scheduler.scheduled-time>")), Ok(job(None)));
    for wrong in [json!({}), json!({ "sweep": true, "job": "a" }), json!({ "job": "../a" }), input("noon"), json!(1)] {
        assert!(parse_schedule(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_release_is_named_by_its_key() {
    let offered = parse_release_offered(&object_created("releases/20261122t171417z-abc/release.json")).unwrap();
    assert_eq!(offered.release, ReleaseId::parse("20261122t171417z-abc").unwrap());
    let detail =
        json!({ "stack": STACK, "bucket": { "name": "state" }, "object": { "key": "releases/a/release.json" } });
    let again = parse_release_offered(&event("landfall", "Release Offered", detail)).unwrap();
    assert_eq!(again.release.as_str(), "a", "the sweep's word says it in the same place");
    for key in ["releases/release.json", "releases/a/b/release.json", "releases/../release.json", "runs/a/release.json"]
    {
        assert!(parse_release_offered(&object_created(key)).is_err(), "{key}");
    }
}

#[test]
fn an_event_of_another_kind_is_described() {
    let backlog = event("landfall", "Docs Pending", json!({ "stack": STACK }));
    assert_eq!(parse_docs_pending(&backlog), Ok(PendingDocs { stack: STACK.to_owned() }));
    let error = parse_task_stopped(&backlog, "dbt").unwrap_err();
    assert!(error.reason.contains("expected aws.ecs") && error.reason.contains("landfall \"Docs Pending\""), "{error}");
}

#[test]
fn a_task_that_never_started_has_no_exit_code() {
    let detail = json!({
        "taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/shop/1", "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "version": 3,
        "stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError: no such image",
        "containers": [{ "name": "dbt", "lastStatus": "STOPPED", "reason": "CannotPullContainerError: no such image" }],
        "overrides": { "containerOverrides": [{ "name": "dbt" }] }, "startedBy": "r1"
    });
    let facts = parse_task_stopped(&event("aws.ecs", "ECS Task State Change", detail), "dbt").unwrap();
    assert!(facts.is_stopped() && facts.exit_code.is_none() && facts.attempt.is_none());
    assert_eq!(facts.stop_code.as_deref(), Some("TaskFailedToStart"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("s3:TestEvent".to_owned()),
        Just("aws.s3".to_owned()),
        Just("Object Created".to_owned()),
        Just("2026-11-22T17:14:17Z".to_owned()),
        "\\PC*",
        "[a-z%+0-9]{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z-]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Paths of a value's fields, deepest last.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, child)| (key.replace('~', "~0").replace('/', "~1"), child)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{at}/{key}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

fn read_by_all(value: &Value) {
    let _ = parse(value);
    let _ = parse_schedule(value);
    let _ = parse_task_stopped(value, "dbt");
    let _ = parse_release_offered(value);
    let _ = parse_docs_pending(value);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(body in "\\PC*") {
        let _ = parse_load_message(&body, STACK, received());
    }

    #[test]
    fn no_json_makes_a_reader_panic(value in any_json()) {
        read_by_all(&value);
    }

    #[test]
    fn no_change_of_a_real_event_makes_a_reader_panic(
        which in 0..4_usize, place in any::<prop::sample::Index>(), wrong in any_json()
    ) {
        let mut value = match which {
            0 => object_created("orders/a.csv"),
            1 => notification("ObjectCreated:Put", "orders/a+b.csv"),
            2 => event("landfall.loader", "Dataset Loaded", json!({ "dataset": "a", "loaded_at": "2026-11-22T17:14:17Z", "batch_id": "b" })),
            _ => event("aws.ecs", "ECS Task State Change", json!({ "taskArn": "a", "lastStatus": "STOPPED", "version": 1,
                "containers": [{ "name": "dbt", "exitCode": 1 }], "overrides": { "containerOverrides": [{ "name": "dbt", "environment": [{ "name": "LANDFALL_ATTEMPT", "value": "1" }] }] } })),
        };
        let mut found = Vec::new();
        pointers(&value, "", &mut found);
        *value.pointer_mut(place.get(found.as_slice()).as_str()).unwrap() = wrong;
        read_by_all(&value);
    }

    #[test]
    fn any_key_of_an_eventbridge_event_is_unchanged(key in "\\PC{1,64}|(?s).{1,16}") {
        let read = parse(&object_created(&key)).unwrap();
        prop_assert!(matches!(read.as_slice(), [LoadMessage::Object(object)] if object.key == key));
    }

    #[test]
    fn any_key_of_an_s3_notification_is_decoded_to_the_original(key in "\\PC{1,64}|(?s).{1,16}") {
        let encoded = percent_encoding::utf8_percent_encode(&key, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%20", "+");
        let read = parse(&notification("ObjectCreated:Put", &encoded)).unwrap();
        prop_assert!(matches!(read.as_slice(), [LoadMessage::Object(object)] if object.key == key));
    }
}

#[test]
fn an_operator_command_of_another_stack_or_of_an_unknown_kind_is_refused() {
    let read = |detail: Value| parse(&event("landfall", "Operator Command", detail));
    let pause = read(json!({ "action": "pause", "dataset": "a.b", "stack": STACK })).unwrap();
    let [LoadMessage::OperatorCommand(command)] = pause.as_slice() else { panic!("{pause:?}") };
    assert_eq!(command.action, landfall_planner::OperatorAction::Pause { dataset: Some("a.b".parse().unwrap()) });
    let other = read(json!({ "action": "approve", "stack": "another" })).unwrap();
    assert!(matches!(other.as_slice(), [LoadMessage::Ignored { what, .. }] if what.ends_with("for stack another")));
    for wrong in [
        json!({ "action": "explode" }),
        json!({ "action": "pause", "dataset": "-b" }),
        json!({ "action": "retry", "trigger": "x" }),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_deletion_and_a_creation_are_different_events() {
    let mut gone = object_created("orders/a+b.csv");
    gone["detail-type"] = "Object Deleted".into();
    gone["detail"]["reason"] = "DeleteObject".into();
    let read = parse(&gone).unwrap();
    let [LoadMessage::Deleted(object)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((object.key.as_str(), object.reason.as_deref()), ("orders/a+b.csv", Some("DeleteObject")));
    for (name, key) in [("ObjectRemoved:DeleteMarkerCreated", "a"), ("LifecycleExpiration:Delete", "a")] {
        let read = parse(&notification(name, key)).unwrap();
        assert!(matches!(read.as_slice(), [LoadMessage::Deleted(object)] if object.key == key), "{read:?}");
    }
}
