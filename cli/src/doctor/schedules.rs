//! What goes on by itself: the sweep of every minute, and the queues in which ends what nobody could take.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_scheduler::types::ScheduleState;
use jiff::{SignedDuration, Timestamp};
use landfall_aws::clock;
use landfall_planner::{AttemptState, Board};

use super::{Deployed, Report};
use crate::{stack::Stack, terminal::count};

const SWEEP: &str = "sweep";
/// Five sweeps.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Looks at both.
pub async fn examine(report: &mut Report, stack: &Stack, deployed: &Deployed, board: Option<&Board>) {
    sweep(report, stack, deployed).await;
    if let Some(board) = board {
        judge_lateness(report, board, clock::now());
    }
    let loads = stack.outputs.get("LoadsDeadLetterQueueUrl");
    if let Some(url) = loads {
        let back = match stack.outputs.get("LoadsQueueUrl") {
            Some(to) => format!(
                "aws sqs start-message-move-task --source-arn {} --destination-arn {}",
                deployed.arn_of_queue(url),
                deployed.arn_of_queue(to)
            ),
            None => "aws sqs start-message-move-task".to_owned(),
        };
        let what = "events that on-load could make no sense of, or never got through, as before the first release";
        let fix = format!(
            "read one (`aws sqs receive-message --queue-url {url}`), mend its trigger, and send them back: `{back}`"
        );
        dead_letters(report, stack, url, "dead letters of loads", what, fix).await;
    }
    if let Some(url) = stack.outputs.get("FunctionDeadLetterQueueUrl") {
        // They are no queue's: SQS does not move them, and they are told in an envelope that no function reads.
        let fix = format!(
            "read one (`aws sqs receive-message --queue-url {url}`) and mend its trigger; the sweep does what most of them asked for, and \
             a job runs at its next time. Then `aws sqs purge-queue --queue-url {url}`"
        );
        let what = "events that a function failed on three times";
        dead_letters(report, stack, url, "dead letters of functions", what, fix).await;
    }
}

async fn dead_letters(report: &mut Report, stack: &Stack, url: &str, about: &str, what: &str, fix: String) {
    match stack.clients().queue(url).depth(url).await {
        Ok(depth) if depth.waiting + depth.in_flight == 0 => report.good(about, "none"),
        Ok(depth) => {
            let letters = usize::try_from(depth.waiting + depth.in_flight).unwrap_or(usize::MAX);
            report.warning(about, format!("{} of {what}", count(letters, "message", "messages")), fix);
        }
        Err(error) if error.fault().is_denied() => report.warning(
            about,
            format!("not looked at: you may not sqs:GetQueueAttributes on {url}"),
            "have sqs:GetQueueAttributes on the stack's queues added to your own policy",
        ),
        Err(error) => report.warning(about, format!("not looked at: {error}"), "try again"),
    }
}

async fn sweep(report: &mut Report, stack: &Stack, deployed: &Deployed) {
    let (Some(name), Some(group)) =
        (deployed.resources.get("SweepSchedule"), deployed.resources.get("SweepScheduleGroup"))
    else {
        return report.note(SWEEP, "its schedule was not looked at: the stack's resources could not be listed");
    };
    let (name, group) = (last(name), last(group));
    let client = aws_sdk_scheduler::Client::new(stack.sdk());
    match client.get_schedule().group_name(group).name(name).send().await {
        Ok(answer) if answer.state() == Some(&ScheduleState::Disabled) => report.broken(
            SWEEP,
            format!("its schedule {name} is disabled: what one event loses nobody finds"),
            "enable it in EventBridge Scheduler, or deploy the template again",
        ),
        Ok(_) => report.good(SWEEP, "its schedule is enabled"),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("ResourceNotFoundException") => report.broken(
                SWEEP,
                format!("its schedule {name} is gone: what one event loses nobody finds"),
                "deploy the template again (a change of a parameter brings it back), or make it by hand",
            ),
            _ => report.unseen(SWEEP, "scheduler:GetSchedule", name, &error),
        },
    }
}

/// Of `group/name` or an ARN.
fn last(id: &str) -> &str {
    id.rsplit(['/', '|']).next().unwrap_or(id)
}

/// An idle sweep leaves no trace on the board, so it is judged by what it should have done and has not.
fn judge_lateness(report: &mut Report, board: &Board, now: Timestamp) {
    let since = |at: Timestamp| now.duration_since(at) > LATE;
    let starting =
        board.runs.iter().find(|(_, run)| run.attempt.state == AttemptState::Starting && since(run.attempt.since));
    let waiting = board.backlog.iter().find(|(_, entry)| {
        board.runs.is_empty() && !entry.planned && entry.quarantine.is_none() && entry.ready_at.is_some_and(since)
    });
    let fix = "read the log group /landfall/STACK/on-schedule for its errors, and see that the function on-schedule is not throttled";
    match (starting, waiting) {
        (Some((run, _)), _) => {
            report.broken(SWEEP, format!("run {run} should have started long ago, and no sweep took it up"), fix);
        }
        (None, Some((trigger, _))) => {
            report.broken(SWEEP, format!("{trigger} has been ready for long, and no sweep started its run"), fix);
        }
        (None, None) => report.good(SWEEP, "nothing is overdue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_schedule_is_called_by_the_last_part_of_its_id() {
        assert_eq!(last("group/sweep"), "sweep");
        assert_eq!(last("arn:aws:scheduler:eu-west-1:111122223333:schedule/group/sweep"), "sweep");
        assert_eq!(last("sweep"), "sweep");
    }

    #[test]
    fn a_board_with_nothing_due_is_well() {
        let now: Timestamp = "2026-11-22T17:00:00Z".parse().unwrap();
        let mut report = Report::default();
        judge_lateness(&mut report, &Board::new(now), now + SignedDuration::from_hours(9));
        assert_eq!(report.findings[0].verdict, Verdict::Good);
    }
}
