//! `EventBridge`, SQS and Scheduler.

use landfall_aws::{CallError, config::ScheduleSettings};
use landfall_planner::WantedSchedule;
use serde_json::json;

use crate::stub::{Reply, Stub};

fn taken(code: Option<&str>) -> Reply {
    let entry = code.map_or(json!({ "EventId": "1" }), |code| json!({ "ErrorCode": code, "ErrorMessage": "no" }));
    Reply::json(200, &json!({ "FailedEntryCount": u8::from(code.is_some()), "Entries": [entry] }))
}

#[tokio::test]
async fn an_event_has_the_source_of_the_stack() {
    let stub = Stub::script(vec![taken(None)]).await;
    stub.clients().await.bus().put("Docs Pending", &json!({ "stack": "shop" })).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].operation(), "PutEvents");
    let entry = json!({ "Source": "landfall", "DetailType": "Docs Pending", "Detail": "{\"stack\":\"shop\"}" });
    assert_eq!(seen[0].json(), json!({ "Entries": [entry] }));
}

#[tokio::test]
async fn an_event_refused_in_a_reply_with_status_200_is_sent_again() {
    let stub =
        Stub::script(vec![taken(Some("ThrottlingException")), taken(Some("InternalFailure")), taken(None)]).await;
    stub.clients().await.bus().put("Docs Pending", &json!({})).await.unwrap();
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn an_event_that_is_refused_permanently_is_an_error() {
    let stub = Stub::script(vec![taken(Some("MalformedDetail"))]).await;
    let error = stub.clients().await.bus().put("Docs Pending", &json!({})).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("MalformedDetail"));
}

#[tokio::test]
async fn a_wake_is_a_delayed_message() {
    let stub = Stub::script(vec![Reply::json(200, &json!({ "MessageId": "1" }))]).await;
    let queue = stub.clients().await.queue("https://sqs.eu-west-1.amazonaws.com/111122223333/loads");
    let (now, at) = ("2026-11-22T17:00:00Z".parse().unwrap(), "2026-11-22T17:01:30Z".parse().unwrap());
    queue.wake(at, now, 0).await.unwrap();
    let sent = stub.seen()[0].json();
    assert_eq!(sent["DelaySeconds"], 90);
    assert_eq!(sent["QueueUrl"], "https://sqs.eu-west-1.amazonaws.com/111122223333/loads");
    let body: serde_json::Value = serde_json::from_str(sent["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({ "source": "landfall", "detail-type": "Wake", "detail": { "at": "2026-11-22T17:01:30Z", "chain": 0 } })
    );
}

#[tokio::test]
async fn a_schedule_that_another_function_made_in_between_is_updated() {
    let mut created = false;
    let stub = Stub::start(move |request| match (request.method.as_str(), request.target.split('?').next().unwrap()) {
        ("GET", "/schedules") => Reply::json(200, &json!({ "Schedules": [{ "Name": "nightly" }] })),
        ("GET", _) if created => Reply::error(500, "InternalServerException", "asked twice"),
        ("GET", _) => {
            created = true;
            Reply::error(404, "ResourceNotFoundException", "no such schedule")
        }
        ("POST", _) => Reply::error(409, "ConflictException", "there already"),
        _ => Reply::json(200, &json!({ "ScheduleArn": "arn" })),
    })
    .await;
    let wanted = WantedSchedule {
        name: "nightly".to_owned(),
        expression: "cron(0 4 * * ? *)".to_owned(),
        timezone: Some("Australia/Sydney".to_owned()),
        input: json!({ "job": "nightly", "scheduled_time": "<aws.scheduler.scheduled-time>" }),
    };
    let schedules = stub.clients().await.schedules();
    let settings = ScheduleSettings {
        group: "shop-jobs".to_owned(),
        target_arn: "arn:function".to_owned(),
        role_arn: "arn:role".to_owned(),
    };
    let changes = schedules.reconcile(&settings, &[wanted]).await.unwrap();
    assert_eq!((changes.created.len(), changes.deleted.len()), (1, 0));
    let seen = stub.seen();
    let put = seen.iter().find(|it| it.method == "PUT").unwrap();
    let body = put.json();
    assert_eq!(body["ScheduleExpression"], "cron(0 4 * * ? *)");
    assert_eq!(body["ScheduleExpressionTimezone"], "Australia/Sydney");
    assert_eq!(body["FlexibleTimeWindow"], json!({ "Mode": "OFF" }));
    assert_eq!(
        body["Target"],
        json!({ "Arn": "arn:function", "RoleArn": "arn:role", "Input": "{\"job\":\"nightly\",\"scheduled_time\":\"<aws.scheduler.scheduled-time>\"}" })
    );
}
