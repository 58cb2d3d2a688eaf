//! The sweep, which runs every minute, and the dead-letter queues.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_scheduler::types::ScheduleState;
use jiff::{SignedDuration, Timestamp};
use landfall_aws::clock;
use landfall_planner::Board;

use super::{Deployed, DoctorReport};
use crate::{stack::Stack, text::count};

const SWEEP: &str = "sweep";
/// The delay after which something is overdue: the time of five sweeps.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Checks the sweep's schedule, overdue work, and both dead-letter queues.
pub async fn examine(report: &mut DoctorReport, stack: &Stack, deployed: &Deployed, board: Option<&Board>) {
    sweep(report, stack, deployed).await;
    if let Some(board) = board {
        check_overdue(report, board, clock::now());
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
        let what = "events that on-load could not read, or did not process in several attempts, for example before the first release";
        let fix = format!(
            "read a message (`aws sqs receive-message --queue-url {url}`), fix its cause, and send the messages back: `{back}`"
        );
        dead_letters(report, stack, url, "dead letters of loads", what, fix).await;
    }
    if let Some(url) = stack.outputs.get("FunctionDeadLetterQueueUrl") {
        // SQS cannot move these back: they did not come from a queue, and Lambda wrapped them in an envelope.
        let fix = format!(
            "read a message (`aws sqs receive-message --queue-url {url}`) and fix its cause; the sweep repairs what most of these events \
             started, and a job runs at its next time. Then run `aws sqs purge-queue --queue-url {url}`"
        );
        let what = "events on which a function failed three times";
        dead_letters(report, stack, url, "dead letters of functions", what, fix).await;
    }
}

async fn dead_letters(report: &mut DoctorReport, stack: &Stack, url: &str, about: &str, what: &str, fix: String) {
    match stack.clients().queue(url).depth(url).await {
        Ok(depth) if depth.waiting + depth.in_flight == 0 => report.good(about, "none"),
        Ok(depth) => {
            let letters = usize::try_from(depth.waiting + depth.in_flight).unwrap_or(usize::MAX);
            report.warning(about, format!("{} of {what}", count(letters, "message", "messages")), fix);
        }
        Err(error) if error.fault().is_denied() => report.warning(
            about,
            format!("not checked, because you may not sqs:GetQueueAttributes on {url}"),
            "add sqs:GetQueueAttributes on the stack's queues to your own IAM policy",
        ),
        Err(error) => report.warning(about, format!("not checked: {error}"), "run the command again"),
    }
}

async fn sweep(report: &mut DoctorReport, stack: &Stack, deployed: &Deployed) {
    let (Some(name), Some(group)) =
        (deployed.resources.get("SweepSchedule"), deployed.resources.get("SweepScheduleGroup"))
    else {
        return report.note(SWEEP, "its schedule was not checked, because the stack's resources cannot be listed");
    };
    let (name, group) = (name_of(name), name_of(group));
    let client = aws_sdk_scheduler::Client::new(stack.sdk());
    match client.get_schedule().group_name(group).name(name).send().await {
        Ok(answer) if answer.state() == Some(&ScheduleState::Disabled) => report.broken(
            SWEEP,
            format!("its schedule {name} is disabled, so nothing recovers lost events"),
            "enable it in EventBridge Scheduler, or deploy the template again",
        ),
        Ok(_) => report.good(SWEEP, "its schedule is enabled"),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("ResourceNotFoundException") => report.broken(
                SWEEP,
                format!("its schedule {name} does not exist, so nothing recovers lost events"),
                "deploy the template again with a changed parameter, which creates it again",
            ),
            _ => report.not_checked(SWEEP, "scheduler:GetSchedule", name, &error),
        },
    }
}

/// The name in `group/name` or an ARN.
fn name_of(id: &str) -> &str {
    id.rsplit(['/', '|']).next().unwrap_or(id)
}

/// Checks for overdue work. A sweep without work leaves no trace on the board, so only overdue work shows that it
/// does not run.
fn check_overdue(report: &mut DoctorReport, board: &Board, now: Timestamp) {
    let since = |at: Timestamp| now.duration_since(at) > LATE;
    let starting = board.runs.iter().find(|(_, run)| run.attempt.is_starting() && since(run.attempt.since));
    let waiting = board.backlog.iter().find(|(_, entry)| {
        board.runs.is_empty()
            && !entry.is_planned()
            && entry.quarantine.is_none()
            && entry.ready_at().is_some_and(since)
    });
    let fix = "read the errors in the log group /landfall/STACK/on-schedule, and check that the function on-schedule is not throttled";
    match (starting, waiting) {
        (Some((run, _)), _) => {
            report.broken(
                SWEEP,
                format!("run {run} has not started for more than 5 minutes, and no sweep started it"),
                fix,
            );
        }
        (None, Some((trigger, _))) => {
            report.broken(
                SWEEP,
                format!("{trigger} has been ready for more than 5 minutes, and no sweep started its run"),
                fix,
            );
        }
        (None, None) => report.good(SWEEP, "nothing is overdue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingVerdict;

    #[test]
    fn the_name_of_a_schedule_is_the_last_part_of_its_id() {
        assert_eq!(name_of("group/sweep"), "sweep");
        assert_eq!(name_of("arn:aws:scheduler:eu-west-1:111122223333:schedule/group/sweep"), "sweep");
        assert_eq!(name_of("sweep"), "sweep");
    }

    #[test]
    fn a_board_with_nothing_overdue_is_good() {
        let now: Timestamp = "2026-11-22T17:00:00Z".parse().unwrap();
        let mut report = DoctorReport::default();
        check_overdue(&mut report, &Board::new(now), now + SignedDuration::from_hours(9));
        assert_eq!(report.findings[0].verdict, FindingVerdict::Good);
    }
}
