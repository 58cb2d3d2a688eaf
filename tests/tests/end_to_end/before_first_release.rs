use aws_sdk_sqs::types::QueueAttributeName;
use landfall_planner::LedgerOutcome;

use crate::world::{World, outcomes};

const KEY: &str = "orders/2026-11-01.csv";

#[tokio::test]
async fn what_landed_before_the_first_release_runs_once_it_is_moved_back_from_the_dead_letters() {
    let world = World::deployed("early", "example").await;
    let queue = world.stack.stack.output("LoadsQueueUrl").unwrap().to_owned();
    let letters = world.stack.stack.output("LoadsDeadLetterQueueUrl").unwrap().to_owned();
    let sqs = aws_sdk_sqs::Client::new(world.stack.stack.sdk());
    let hide = async |seconds: &str| {
        let set = sqs.set_queue_attributes().queue_url(&queue);
        set.attributes(QueueAttributeName::VisibilityTimeout, seconds).send().await.unwrap();
    };
    // Ten tries in seconds rather than in seventy minutes.
    hide("1").await;
    world.land("landing/orders/2026-11-01.csv", KEY).await;
    let waiting = QueueAttributeName::ApproximateNumberOfMessages;
    world
        .until("the event among the dead letters", async || {
            let asked = sqs.get_queue_attributes().queue_url(&letters).attribute_names(waiting.clone());
            let counts = asked.send().await.unwrap().attributes.unwrap_or_default();
            counts.get(&waiting).is_some_and(|count| count == "1").then_some(())
        })
        .await;
    hide("420").await;

    world.release(world.variables()).await;
    assert_eq!(outcomes(&world.lines().await, KEY), []);
    // What a redrive does, which the emulator does not know.
    let letter = sqs.receive_message().queue_url(&letters).send().await.unwrap().messages.unwrap().remove(0);
    sqs.send_message().queue_url(&queue).message_body(letter.body.unwrap()).send().await.unwrap();
    sqs.delete_message().queue_url(&letters).receipt_handle(letter.receipt_handle.unwrap()).send().await.unwrap();

    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(outcomes(&world.lines().await, KEY), [LedgerOutcome::Mapped]);
    assert!(world.ask("select count(*) from analytics.stg_orders").parse::<u32>().unwrap() > 0);
}
