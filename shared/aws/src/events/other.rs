//! The events of the other functions.

use jiff::Timestamp;
use landfall_planner::{JobName, ReleaseId};
use serde::Deserialize;
use serde_json::Value;

use super::{
    envelope::{Envelope, Malformed, part},
    s3,
};
use landfall_engine::TaskState;

use crate::{
    event_bus,
    task_state::{self, TaskDetail},
};

/// An event of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleEvent {
    /// Sweep: perform what a lost event left undone.
    Sweep,
    /// A job is due.
    Job {
        /// The job that is due.
        job: JobName,
        /// The time for which it was scheduled: with the job's name it tells a repeated call. None where the scheduler leaves
        /// `<aws.scheduler.scheduled-time>` as it stands, as emulators do; the caller then takes the current minute.
        scheduled_time: Option<Timestamp>,
    },
}

/// A release is complete in the state bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOffered {
    /// The event's id.
    pub event_id: String,
    /// The id of the offered release.
    pub release: ReleaseId,
    /// Whether the release is in place, and only the job schedules are missing.
    pub schedules: bool,
}

/// The docs of the stack are pending.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PendingDocs {
    /// The stack's name.
    pub stack: String,
}

/// Reads the input of `on-schedule`: `{"sweep": true}` or `{"job": "NAME", "scheduled_time": "..."}`.
///
/// # Errors
///
/// Fails if the input is neither the sweep nor a job with its scheduled time.
pub fn parse_schedule(input: &Value) -> Result<ScheduleEvent, Malformed> {
    #[derive(Deserialize)]
    struct Input {
        #[serde(default)]
        sweep: bool,
        job: Option<JobName>,
        scheduled_time: Option<String>,
    }
    let malformed = |reason: String| Malformed::new(reason, &input.to_string());
    let command: Input = part("schedule", input).map_err(malformed)?;
    match (command.sweep, command.job) {
        (true, None) => Ok(ScheduleEvent::Sweep),
        (false, Some(job)) => {
            let scheduled_time = match command.scheduled_time.as_deref() {
                None => None,
                Some(text) if text.starts_with("<aws.scheduler.") => None,
                Some(text) => Some(text.parse().map_err(|error| malformed(format!("scheduled_time: {error}")))?),
            };
            Ok(ScheduleEvent::Job { job, scheduled_time })
        }
        _ => Err(malformed("schedule: expected either sweep or job".to_owned())),
    }
}

/// Reads an `ECS Task State Change` of any status; `container` is the one whose exit code counts.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
///
/// # Errors
///
/// Fails if the event is not an `ECS Task State Change`, or a field is missing or malformed.
pub fn parse_task_stopped(event: &Value, container: &str) -> Result<TaskState, Malformed> {
    read(event, &[("aws.ecs", "ECS Task State Change")], |envelope| {
        let detail: TaskDetail = part("detail", &envelope.detail)?;
        Ok(task_state::of_event(detail, container))
    })
}

/// Reads the event of `releases/<release>/release.json`: S3's own, or the sweep's if that one was lost.
///
/// # Errors
///
/// Fails if the event is neither S3's `Object Created` of a release.json nor Landfall's `Release Offered`.
pub fn parse_release_offered(event: &Value) -> Result<ReleaseOffered, Malformed> {
    read(event, &[("aws.s3", "Object Created"), (event_bus::SOURCE, event_bus::RELEASE_OFFERED)], |envelope| {
        let object = s3::of_envelope(&envelope)?;
        let name = object.key.strip_prefix("releases/").and_then(|rest| rest.strip_suffix("/release.json"));
        let name = name.ok_or_else(|| format!("key {:?} is not releases/RELEASE/release.json", object.key))?;
        let release = ReleaseId::parse(name).map_err(|error| error.to_string())?;
        let schedules = envelope.detail.get("schedules").and_then(Value::as_bool).unwrap_or_default();
        Ok(ReleaseOffered { event_id: object.event_id, release, schedules })
    })
}

/// Reads Landfall's own event `Docs Pending`.
///
/// # Errors
///
/// Fails if the event is not `Docs Pending`, or a field is missing.
pub fn parse_docs_pending(event: &Value) -> Result<PendingDocs, Malformed> {
    read(event, &[(event_bus::SOURCE, "Docs Pending")], |envelope| part("detail", &envelope.detail))
}

fn read<T>(
    event: &Value,
    expected: &[(&str, &str)],
    then: impl FnOnce(Envelope) -> Result<T, String>,
) -> Result<T, Malformed> {
    let envelope = part("event", event).and_then(|envelope: Envelope| {
        if expected.contains(&(envelope.source.as_str(), envelope.detail_type.as_str())) {
            Ok(envelope)
        } else {
            let (other, kind) = (envelope.source, envelope.detail_type);
            let expected: Vec<String> = expected.iter().map(|(source, kind)| format!("{source} {kind:?}")).collect();
            let expected = expected.join(" or ");
            Err(format!("expected {expected}, but it is {other} {kind:?}: check the rule's pattern"))
        }
    });
    envelope.and_then(then).map_err(|reason| Malformed::new(reason, &event.to_string()))
}
