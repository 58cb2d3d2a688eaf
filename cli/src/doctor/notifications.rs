//! The notification configuration of a bucket. S3 can only replace it as a whole, so a merge must keep every entry.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>

use aws_sdk_s3::{
    operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput,
    types::{Event, EventBridgeConfiguration, NotificationConfiguration},
};

use crate::text::list;

/// The current configuration, with EventBridge added.
pub fn with_event_bridge(current: &GetBucketNotificationConfigurationOutput) -> NotificationConfiguration {
    NotificationConfiguration::builder()
        .set_topic_configurations(current.topic_configurations.clone())
        .set_queue_configurations(current.queue_configurations.clone())
        .set_lambda_function_configurations(current.lambda_function_configurations.clone())
        .event_bridge_configuration(EventBridgeConfiguration::builder().build())
        .build()
}

/// Whether the configurations differ in topics, queues or functions; EventBridge is not compared.
pub fn differs(
    one: &GetBucketNotificationConfigurationOutput,
    other: &GetBucketNotificationConfigurationOutput,
) -> bool {
    one.topic_configurations() != other.topic_configurations()
        || one.queue_configurations() != other.queue_configurations()
        || one.lambda_function_configurations() != other.lambda_function_configurations()
}

/// A line for each notification.
pub fn lines(current: &GetBucketNotificationConfigurationOutput) -> Vec<String> {
    let line = |events: &[Event], to: &str, of: &str| {
        let events: Vec<&str> = events.iter().map(Event::as_str).collect();
        format!("{} to the {of} {to}", list(&events, 4))
    };
    let topics = current.topic_configurations().iter().map(|it| line(it.events(), it.topic_arn(), "topic"));
    let queues = current.queue_configurations().iter().map(|it| line(it.events(), it.queue_arn(), "queue"));
    let functions = current
        .lambda_function_configurations()
        .iter()
        .map(|it| line(it.events(), it.lambda_function_arn(), "function"));
    topics.chain(queues).chain(functions).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{
        FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfigurationFilter, QueueConfiguration,
        S3KeyFilter, TopicConfiguration,
    };

    use super::*;

    fn current() -> GetBucketNotificationConfigurationOutput {
        let rule = FilterRule::builder().name(FilterRuleName::Prefix).value("in/").build();
        let filter = NotificationConfigurationFilter::builder().key(S3KeyFilter::builder().filter_rules(rule).build());
        GetBucketNotificationConfigurationOutput::builder()
            .topic_configurations(
                TopicConfiguration::builder()
                    .id("t")
                    .topic_arn("arn:aws:sns:eu-west-1:111122223333:t")
                    .events(Event::S3ObjectCreated)
                    .build()
                    .unwrap(),
            )
            .queue_configurations(
                QueueConfiguration::builder()
                    .queue_arn("arn:aws:sqs:eu-west-1:111122223333:q")
                    .events(Event::S3ObjectCreatedPut)
                    .filter(filter.build())
                    .build()
                    .unwrap(),
            )
            .lambda_function_configurations(
                LambdaFunctionConfiguration::builder()
                    .lambda_function_arn("arn:aws:lambda:eu-west-1:111122223333:function:f")
                    .events(Event::S3ObjectRemoved)
                    .build()
                    .unwrap(),
            )
            .build()
    }

    #[test]
    fn switching_on_eventbridge_keeps_every_topic_queue_function_and_filter() {
        let current = current();
        let merged = with_event_bridge(&current);
        assert!(merged.event_bridge_configuration().is_some());
        assert_eq!(merged.topic_configurations(), current.topic_configurations());
        assert_eq!(merged.queue_configurations(), current.queue_configurations());
        assert_eq!(merged.lambda_function_configurations(), current.lambda_function_configurations());
        assert_eq!(
            lines(&current),
            [
                "s3:ObjectCreated:* to the topic arn:aws:sns:eu-west-1:111122223333:t",
                "s3:ObjectCreated:Put to the queue arn:aws:sqs:eu-west-1:111122223333:q",
                "s3:ObjectRemoved:* to the function arn:aws:lambda:eu-west-1:111122223333:function:f",
            ]
        );
    }

    #[test]
    fn a_changed_filter_is_a_difference() {
        let (one, mut other) = (current(), current());
        assert!(!differs(&one, &other));
        other.queue_configurations.as_mut().unwrap()[0].filter = None;
        assert!(differs(&one, &other));
    }
}
