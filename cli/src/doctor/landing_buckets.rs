//! The landing buckets: whether each exists, is in the stack's Region, and sends its events to EventBridge. With
//! `--fix`, EventBridge is switched on.

use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::{
        get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput, head_bucket::HeadBucketError,
    },
};

use super::{
    Deployed, DoctorReport,
    finding::is_denied,
    notifications::{self, differs, with_event_bridge},
};
use crate::{stack::Stack, terminal::Terminal};

/// The permission of the user to change the notifications of buckets.
#[derive(Debug, Clone, Copy)]
pub struct Fix<'a> {
    /// The terminal that shows the change and asks.
    pub terminal: &'a Terminal,
    /// Whether to change without asking.
    pub yes: bool,
}

const READ: &str = "s3:GetBucketNotification";
const WRITE: &str = "s3:PutBucketNotification";

/// Checks each landing bucket.
pub async fn examine(report: &mut DoctorReport, stack: &Stack, deployed: &Deployed, fix: Option<Fix<'_>>) {
    let buckets = deployed.landing_buckets(stack.outputs.get("LandingBucket"));
    if buckets.is_empty() {
        report.broken(
            "landing buckets",
            "the stack has no landing bucket",
            "deploy this version of template.yaml (`make deploy`)",
        );
    }
    for bucket in &buckets {
        check_bucket(report, stack, deployed, bucket, fix).await;
    }
}

/// The place of a bucket, as far as the user's permissions show.
#[derive(Debug, Clone, PartialEq, Eq)]
enum BucketPlace {
    InRegion,
    OtherRegion { region: String },
    OtherAccount,
    Unknown,
    Missing,
}

async fn check_bucket(
    report: &mut DoctorReport,
    stack: &Stack,
    deployed: &Deployed,
    bucket: &str,
    fix: Option<Fix<'_>>,
) {
    let about = format!("landing bucket {bucket}");
    let s3 = stack.s3();
    match bucket_place(&s3, deployed, bucket).await {
        Ok(BucketPlace::InRegion) => check_events(report, &s3, &about, bucket, fix).await,
        Ok(BucketPlace::OtherRegion { region }) => report.broken(
            about,
            format!("is in {region} and the stack in {}; S3 sends events only to EventBridge of the bucket's Region", deployed.region),
            format!("deploy a stack in {region}, or forward the events with a rule there (see events/cross-account)"),
        ),
        Ok(BucketPlace::OtherAccount) => report.warning(
            about,
            "belongs to another account, so only its owner can check whether it sends its events here",
            "give its owner the samples in events/cross-account: a rule in that account, a policy of the event bus here, and policies of the bucket and its key",
        ),
        Ok(BucketPlace::Unknown) => report.warning(
            about,
            "belongs to another account, or you may not see it",
            format!("add s3:ListBucket on {bucket} to your own IAM policy; if the bucket belongs to another account, give its owner the samples in events/cross-account"),
        ),
        Ok(BucketPlace::Missing) => report.broken(
            about,
            "does not exist",
            format!("create the bucket, or deploy with LandingBuckets without {bucket}"),
        ),
        Err(error) => report.not_checked(about, "s3:ListBucket", bucket, &error),
    }
}

/// Finds the place of a bucket. HEAD answers 403 for a bucket of another owner than the expected one, and for a
/// bucket that the user may not list.
async fn bucket_place(
    s3: &Client,
    deployed: &Deployed,
    bucket: &str,
) -> Result<BucketPlace, SdkError<HeadBucketError, impl std::fmt::Debug + use<>>> {
    let mut owned = s3.head_bucket().bucket(bucket);
    if !deployed.account.is_empty() {
        owned = owned.expected_bucket_owner(&deployed.account);
    }
    let answer = match owned.send().await {
        Ok(answer) => answer,
        Err(error) if status(&error) == Some(404) => return Ok(BucketPlace::Missing),
        Err(error) if status(&error) == Some(403) => {
            return match s3.head_bucket().bucket(bucket).send().await {
                Ok(_) => Ok(BucketPlace::OtherAccount),
                Err(_) => Ok(BucketPlace::Unknown),
            };
        }
        // S3 answers 301, without a body, for a bucket of another Region.
        Err(error) if status(&error) == Some(301) => {
            let region = region_of(&error).unwrap_or_else(|| "another Region".to_owned());
            return Ok(BucketPlace::OtherRegion { region });
        }
        Err(error) => return Err(error),
    };
    match answer.bucket_region() {
        Some(region) if !deployed.region.is_empty() && region != deployed.region => {
            Ok(BucketPlace::OtherRegion { region: region.to_owned() })
        }
        _ => Ok(BucketPlace::InRegion),
    }
}

fn status<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn region_of<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

async fn check_events(report: &mut DoctorReport, s3: &Client, about: &str, bucket: &str, fix: Option<Fix<'_>>) {
    let current = match s3.get_bucket_notification_configuration().bucket(bucket).send().await {
        Ok(current) => current,
        Err(error) => return report.not_checked(about, READ, bucket, &error),
    };
    if current.event_bridge_configuration().is_some() {
        return report.good(about, "sends its events to EventBridge");
    }
    let says = "does not send its events to EventBridge, so no load starts a run";
    let Some(fix) = fix else {
        return report.broken(
            about,
            says,
            "run `landfall doctor --fix`, or switch on Amazon EventBridge in the bucket's properties",
        );
    };
    match switch_on(s3, bucket, &current, fix).await {
        Ok(()) => report.good(about, "sends its events to EventBridge since now"),
        Err(reason) => report.broken(
            about,
            format!("{says} ({reason})"),
            "switch on Amazon EventBridge in the bucket's properties",
        ),
    }
}

/// Adds EventBridge to the notifications of a bucket. A PUT replaces the whole configuration, so the existing
/// notifications are written too. They are read again immediately before, because another user may have changed them.
async fn switch_on(
    s3: &Client,
    bucket: &str,
    seen: &GetBucketNotificationConfigurationOutput,
    fix: Fix<'_>,
) -> Result<(), String> {
    fix.terminal.print(format!("The bucket {bucket} will send these notifications:"));
    for line in notifications::lines(seen) {
        fix.terminal.print(format!("    {line}"));
    }
    fix.terminal.print("  + all events to Amazon EventBridge (new)");
    if !fix.yes && !fix.terminal.confirm("Change the notifications?").await {
        return Err("not changed, because you did not confirm; --yes changes it without asking".to_owned());
    }
    let read = async || {
        let answer = s3.get_bucket_notification_configuration().bucket(bucket).send().await;
        answer.map_err(|error| error_text(READ, &error))
    };
    if differs(seen, &read().await?) {
        return Err(
            "not changed, because another user changed the notifications meanwhile; run the command again".to_owned()
        );
    }
    s3.put_bucket_notification_configuration()
        .bucket(bucket)
        .notification_configuration(with_event_bridge(seen))
        // An existing notification to a deleted queue must not prevent the change.
        .skip_destination_validation(true)
        .send()
        .await
        .map_err(|error| error_text(WRITE, &error))?;
    let after = read().await?;
    if after.event_bridge_configuration().is_none() || differs(seen, &after) {
        return Err("changed, but S3 now shows another configuration: check the bucket's properties".to_owned());
    }
    Ok(())
}

fn error_text<E, R>(action: &str, error: &SdkError<E, R>) -> String
where
    E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    if is_denied(error) {
        return format!("you may not {action}: add it to your own IAM policy");
    }
    let message = error.as_service_error().and_then(|error| error.message());
    message.map_or_else(|| format!("{action} got no answer"), |message| format!("{action}: {message}"))
}
