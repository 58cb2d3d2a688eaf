//! The SDK's settings, and times as it gives them.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::http_client;

/// Reads region, source of credentials and endpoints by the SDK's own rules
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>). Calls nothing yet.
pub async fn sdk_config() -> SdkConfig {
    // A connection that cannot be made in three seconds will not be made. The time for an answer is set call by call.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).timeout_config(timeouts).load().await
}

/// Converts the SDK's time; none for a time outside of the years that either type can hold.
pub fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_sdk_keeps_its_fraction() {
        let time = DateTime::from_secs_and_nanos(1_795_367_657, 250_000_000);
        assert_eq!(timestamp(&time).unwrap().to_string(), "2026-11-22T17:14:17.25Z");
    }
}
