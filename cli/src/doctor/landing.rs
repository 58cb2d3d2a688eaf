//! The landing buckets: whether each is there, in this Region, and sends its events to EventBridge. With `--fix` what is missing is added.

use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::{
        get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput, head_bucket::HeadBucketError,
    },
};

use super::{
    Deployed, Report,
    finding::is_denied,
    notifications::{self, differs, with_event_bridge},
};
use crate::{stack::Stack, terminal::Terminal};

/// Leave to change a bucket's notifications.
#[derive(Debug, Clone, Copy)]
pub struct Fix<'a> {
    /// Where the change is shown and asked for.
    pub terminal: &'a Terminal,
    /// Do not ask.
    pub yes: bool,
}

const READ: &str = "s3:GetBucketNotification";
const WRITE: &str = "s3:PutBucketNotification";

/// Looks at each.
pub async fn examine(report: &mut Report, stack: &Stack, deployed: &Deployed, fix: Option<Fix<'_>>) {
    let buckets = deployed.landing_buckets(stack.outputs.get("LandingBucket"));
    if buckets.is_empty() {
        report.broken("landing buckets", "the stack has none", "deploy this version of template.yaml (`make deploy`)");
    }
    for bucket in &buckets {
        one(report, stack, deployed, bucket, fix).await;
    }
}

/// Where a bucket is, as far as the caller may know.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Here,
    Elsewhere { region: String },
    Foreign,
    Hidden,
    Nowhere,
}

async fn one(report: &mut Report, stack: &Stack, deployed: &Deployed, bucket: &str, fix: Option<Fix<'_>>) {
    let about = format!("landing bucket {bucket}");
    let s3 = stack.s3();
    match place(&s3, deployed, bucket).await {
        Ok(Place::Here) => events(report, &s3, &about, bucket, fix).await,
        Ok(Place::Elsewhere { region }) => report.broken(
            about,
            format!("lies in {region}, the stack in {}: S3 tells EventBridge of its own Region alone", deployed.region),
            format!("deploy a stack in {region}, or forward its events from there by a rule of its own (events/cross-account)"),
        ),
        Ok(Place::Foreign) => report.warning(
            about,
            "belongs to another account: whether it sends its events here only its owner sees",
            "give its owner the samples in events/cross-account: a rule there, a policy of the event bus here, and policies of the bucket and its key",
        ),
        Ok(Place::Hidden) => report.warning(
            about,
            "is another account's, or you may not see it",
            format!("have s3:ListBucket on {bucket} added to your own policy; if it is another account's, give its owner the samples in events/cross-account"),
        ),
        Ok(Place::Nowhere) => report.broken(
            about,
            "does not exist",
            format!("make it, or deploy with other LandingBuckets than {bucket}"),
        ),
        Err(error) => report.unseen(about, "s3:ListBucket", bucket, &error),
    }
}

/// HEAD says 403 for a bucket of another owner than the expected one, and for one that the caller may not list.
async fn place(
    s3: &Client,
    deployed: &Deployed,
    bucket: &str,
) -> Result<Place, SdkError<HeadBucketError, impl std::fmt::Debug + use<>>> {
    let mut owned = s3.head_bucket().bucket(bucket);
    if !deployed.account.is_empty() {
        owned = owned.expected_bucket_owner(&deployed.account);
    }
    let answer = match owned.send().await {
        Ok(answer) => answer,
        Err(error) if status(&error) == Some(404) => return Ok(Place::Nowhere),
        Err(error) if status(&error) == Some(403) => {
            return match s3.head_bucket().bucket(bucket).send().await {
                Ok(_) => Ok(Place::Foreign),
                Err(_) => Ok(Place::Hidden),
            };
        }
        // Another Region answers so, without a body.
        Err(error) if status(&error) == Some(301) => {
            let region = region_of(&error).unwrap_or_else(|| "another Region".to_owned());
            return Ok(Place::Elsewhere { region });
        }
        Err(error) => return Err(error),
    };
    match answer.bucket_region() {
        Some(region) if !deployed.region.is_empty() && region != deployed.region => {
            Ok(Place::Elsewhere { region: region.to_owned() })
        }
        _ => Ok(Place::Here),
    }
}

fn status<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn region_of<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

async fn events(report: &mut Report, s3: &Client, about: &str, bucket: &str, fix: Option<Fix<'_>>) {
    let there = match s3.get_bucket_notification_configuration().bucket(bucket).send().await {
        Ok(there) => there,
        Err(error) => return report.unseen(about, READ, bucket, &error),
    };
    if there.event_bridge_configuration().is_some() {
        return report.good(about, "sends its events to EventBridge");
    }
    let says = "does not send its events to EventBridge: nothing that lands is heard of";
    let Some(fix) = fix else {
        return report.broken(
            about,
            says,
            "run this command with --fix, or switch Amazon EventBridge on in the bucket's properties",
        );
    };
    match switch_on(s3, bucket, &there, fix).await {
        Ok(()) => report.good(about, "sends its events to EventBridge, from now on"),
        Err(reason) => report.broken(
            about,
            format!("{says} ({reason})"),
            "switch Amazon EventBridge on in the bucket's properties",
        ),
    }
}

/// A PUT replaces the whole configuration, so what was there is written along; and it is read again right before, since others may change it too.
async fn switch_on(
    s3: &Client,
    bucket: &str,
    seen: &GetBucketNotificationConfigurationOutput,
    fix: Fix<'_>,
) -> Result<(), String> {
    fix.terminal.say(format!("The notifications of {bucket} would be:"));
    for line in notifications::lines(seen) {
        fix.terminal.say(format!("    {line}"));
    }
    fix.terminal.say("  + everything to Amazon EventBridge");
    if !fix.yes && !fix.terminal.confirm("Write that?").await {
        return Err("not written: it was not confirmed (--yes does not ask)".to_owned());
    }
    let read = async || {
        let answer = s3.get_bucket_notification_configuration().bucket(bucket).send().await;
        answer.map_err(|error| words(READ, &error))
    };
    if differs(seen, &read().await?) {
        return Err("not written: somebody else changed the notifications meanwhile".to_owned());
    }
    s3.put_bucket_notification_configuration()
        .bucket(bucket)
        .notification_configuration(with_event_bridge(seen))
        // What was there is none of our business: a queue that is gone by now must not stand in the way.
        .skip_destination_validation(true)
        .send()
        .await
        .map_err(|error| words(WRITE, &error))?;
    let after = read().await?;
    if after.event_bridge_configuration().is_none() || differs(seen, &after) {
        return Err("written, but what S3 shows now is something else: look at the bucket's properties".to_owned());
    }
    Ok(())
}

fn words<E, R>(action: &str, error: &SdkError<E, R>) -> String
where
    E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    if is_denied(error) {
        return format!("you may not {action}: have it added to your own policy");
    }
    let said = error.as_service_error().and_then(|error| error.message());
    said.map_or_else(|| format!("{action} got no answer"), |said| format!("{action}: {said}"))
}
