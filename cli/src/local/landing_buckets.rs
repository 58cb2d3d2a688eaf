//! Landing buckets that the user's project names. They exist in a real account, so they are made in the emulated one.

use aws_config::SdkConfig;
use aws_sdk_s3::{
    error::DisplayErrorContext,
    types::{BucketLocationConstraint, CreateBucketConfiguration, EventBridgeConfiguration, NotificationConfiguration},
};

use super::LocalError;
use crate::{emulated_account, stack::StackError};

/// Makes each bucket and sends its events to `EventBridge`.
pub(super) async fn make(sdk: &SdkConfig, names: &[String]) -> Result<(), LocalError> {
    let settings = aws_sdk_s3::config::Builder::from(sdk).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(settings);
    for name in names {
        let failed = |action, reason: String| LocalError::Stack(StackError::Call { action, on: name.clone(), reason });
        let place = BucketLocationConstraint::from(emulated_account::REGION);
        s3.create_bucket()
            .bucket(name)
            .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build())
            .send()
            .await
            .map_err(|error| failed("s3:CreateBucket", DisplayErrorContext(&error).to_string()))?;
        let events = NotificationConfiguration::builder()
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build();
        s3.put_bucket_notification_configuration()
            .bucket(name)
            .notification_configuration(events)
            .send()
            .await
            .map_err(|error| failed("s3:PutBucketNotification", DisplayErrorContext(&error).to_string()))?;
    }
    Ok(())
}
