use aws_sdk_sqs::types::QueueAttributeName;
use landfall_planner::LedgerOutcome;

use crate::world::{World, outcomes};

const KEY: &str = "orders/2026-11-01.csv";

#[tokio::test]
async fn a_load_from_before_the_first_release_runs_after_a_redrive_from_the_dead_letters() {
    let world = World::deployed("early", "example").await;
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let dead_letters = world.stack.stack.output("LoadsDeadLetterQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    let set_visibility_timeout = async |seconds: &str| {
        let set = sqs.set_queue_attributes().queue_url(&queue);
        set.attributes(QueueAttributeName::VisibilityTimeout, seconds).send().await.unwrap();
    };
    // Ten receives in seconds rather than in seventy minutes.
    set_visibility_timeout("1").await;
    world.upload("landing/orders/2026-11-01.csv", KEY).await;
    world
        .wait_for("the event among the dead letters", async || {
            let waiting = QueueAttributeName::ApproximateNumberOfMessages;
            (world.queue_count(&dead_letters, &waiting).await == 1).then_some(())
        })
        .await;
    set_visibility_timeout("420").await;

    world.release_first(world.variables()).await;
    assert_eq!(outcomes(&world.ledger_lines().await, KEY), []);
    // The steps of a redrive, which the emulator does not have.
    let letter = sqs.receive_message().queue_url(&dead_letters).send().await.unwrap().messages.unwrap().remove(0);
    sqs.send_message().queue_url(&queue).message_body(letter.body.unwrap()).send().await.unwrap();
    sqs.delete_message().queue_url(&dead_letters).receipt_handle(letter.receipt_handle.unwrap()).send().await.unwrap();

    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(outcomes(&world.ledger_lines().await, KEY), [LedgerOutcome::Mapped]);
    assert!(world.query("select count(*) from analytics.stg_orders").parse::<u32>().unwrap() > 0);
}
