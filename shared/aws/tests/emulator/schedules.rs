use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use landfall_aws::{clock, config::ScheduleSettings, queue::Depth};
use landfall_planner::WantedSchedule;
use serde_json::{Value, json};

use crate::launched::launch;

fn wanted(name: &str, expression: &str) -> WantedSchedule {
    WantedSchedule {
        name: name.to_owned(),
        expression: expression.to_owned(),
        timezone: Some("Australia/Sydney".to_owned()),
        input: json!({ "job": name, "scheduled_time": "<aws.scheduler.scheduled-time>" }),
    }
}

#[tokio::test]
async fn a_schedule_group_is_reconciled_and_a_second_call_changes_nothing() {
    let Some(emulator) = launch() else { return };
    let scheduler = aws_sdk_scheduler::Client::new(&emulator.sdk().await);
    scheduler.create_schedule_group().name("jobs").send().await.unwrap();
    let schedules = emulator.clients().await.schedules();
    let reconcile = async |wanted: &[WantedSchedule]| {
        let settings = ScheduleSettings {
            group: "jobs".to_owned(),
            target_arn: "arn:aws:lambda:eu-west-1:111122223333:function:on-schedule".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/scheduler".to_owned(),
        };
        let changes = schedules.reconcile(&settings, wanted).await;
        let changes = changes.unwrap();
        (changes.created, changes.updated, changes.deleted)
    };
    let none = Vec::<String>::new;
    let named = |name: &str| vec![name.to_owned()];

    let both = [wanted("nightly", "cron(0 4 * * ? *)"), wanted("hourly", "rate(1 hour)")];
    assert_eq!(reconcile(&both).await, (vec!["nightly".to_owned(), "hourly".to_owned()], none(), none()));
    assert_eq!(reconcile(&both).await, (none(), none(), none()));

    let moved = [wanted("nightly", "cron(0 5 * * ? *)")];
    assert_eq!(reconcile(&moved).await, (none(), named("nightly"), named("hourly")));
    assert_eq!(reconcile(&moved).await, (none(), none(), none()));
    assert_eq!(reconcile(&[]).await, (none(), none(), named("nightly")));
}

#[tokio::test]
async fn a_wake_waits_in_the_queue_until_its_time() {
    let Some(emulator) = launch() else { return };
    let sqs = aws_sdk_sqs::Client::new(&emulator.sdk().await);
    let url = sqs.create_queue().queue_name("loads").send().await.unwrap().queue_url.unwrap();
    let queue = emulator.clients().await.queue(&url);
    let now = clock::now();
    queue.wake(now + jiff::SignedDuration::from_mins(5), now, 0).await.unwrap();
    queue.wake(now, now, 0).await.unwrap();
    assert_eq!(queue.depth(&url).await.unwrap(), Depth { waiting: 1, in_flight: 0, delayed: 1 });
}

#[tokio::test]
async fn an_event_reaches_the_target_of_a_rule_that_matches_its_type() {
    let Some(emulator) = launch() else { return };
    let sdk = emulator.sdk().await;
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let url = sqs.create_queue().queue_name("events").send().await.unwrap().queue_url.unwrap();
    let arn = QueueAttributeName::QueueArn;
    let attributes = sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await.unwrap();
    let target = Target::builder().id("events").arn(&attributes.attributes.unwrap()[&arn]).build().unwrap();
    let bus = aws_sdk_eventbridge::Client::new(&sdk);
    let pattern = json!({ "source": ["landfall"], "detail-type": ["Docs Pending"] });
    bus.put_rule().name("docs").event_pattern(pattern.to_string()).send().await.unwrap();
    bus.put_targets().rule("docs").targets(target).send().await.unwrap();

    let ours = emulator.clients().await.bus();
    ours.put("Run Settled", &json!({ "stack": "another type" })).await.unwrap();
    ours.put("Docs Pending", &json!({ "stack": "shop" })).await.unwrap();

    let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(10);
    let messages = received.send().await.unwrap().messages.unwrap_or_default();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let event: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("landfall"), &json!("Docs Pending")));
    assert_eq!(event["detail"], json!({ "stack": "shop" }));
}
