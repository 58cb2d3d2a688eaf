//! Job schedules: what landfall.yml asks for, and nothing else, in one group of `EventBridge` Scheduler.

use std::collections::BTreeSet;

use aws_sdk_scheduler::{
    operation::get_schedule::GetScheduleOutput,
    types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target},
};
use serde_json::Value;

use crate::{CallError, Fault, config::ScheduleSettings};

/// `EventBridge` Scheduler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schedules {
    scheduler: aws_sdk_scheduler::Client,
}

/// A schedule as it should be. <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
#[derive(Debug, Clone, PartialEq)]
pub struct WantedSchedule {
    /// At most 64 letters, digits, `-`, `_` and `.`; unique in the group.
    pub name: String,
    /// `cron(0 4 * * ? *)`, `rate(1 hour)`, `at(...)`.
    pub expression: String,
    /// An IANA name, such as `Australia/Sydney`; none means UTC.
    pub timezone: Option<String>,
    /// What the target is given. A text `<aws.scheduler.scheduled-time>` in it is filled in at each call.
    pub input: Value,
}

/// What [`Schedules::reconcile`] did, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// New.
    pub created: Vec<String>,
    /// Differed.
    pub updated: Vec<String>,
    /// Not wanted.
    pub deleted: Vec<String>,
}

/// A group's schedules could not be brought to what is wanted; what was done before stays, and the same call goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The scheduler did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The call could not be made of what is wanted.
    #[error("schedule {name} cannot be asked for: {reason}")]
    Unfit {
        /// The schedule.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Schedules {
    pub(crate) fn new(scheduler: aws_sdk_scheduler::Client) -> Self {
        Self { scheduler }
    }

    /// Makes the group hold the wanted schedules and no others; a second call with the same does nothing. Every schedule in the group is taken
    /// for Landfall's own: nothing else may live there. One that somebody disabled is kept up to date and stays disabled.
    ///
    /// Needs `scheduler:ListSchedules`, `GetSchedule`, `CreateSchedule`, `UpdateSchedule`, `DeleteSchedule`, and `iam:PassRole` for the role.
    pub async fn reconcile(
        &self,
        settings: &ScheduleSettings,
        wanted: &[WantedSchedule],
    ) -> Result<Changes, ScheduleError> {
        let group = settings.group.as_str();
        let mut changes = Changes::default();
        for schedule in wanted {
            match self.get(group, &schedule.name).await? {
                None => {
                    self.create(settings, schedule).await?;
                    changes.created.push(schedule.name.clone());
                }
                Some(there) if is_as_wanted(&there, schedule, settings) => {}
                Some(there) => {
                    self.update(settings, schedule, there.state).await?;
                    changes.updated.push(schedule.name.clone());
                }
            }
        }
        let keep: BTreeSet<&str> = wanted.iter().map(|schedule| schedule.name.as_str()).collect();
        for name in self.names(group).await? {
            if !keep.contains(name.as_str()) {
                self.delete(group, &name).await?;
                changes.deleted.push(name);
            }
        }
        Ok(changes)
    }

    async fn names(&self, group: &str) -> Result<Vec<String>, CallError> {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .scheduler
                .list_schedules()
                .group_name(group)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| CallError::of("scheduler:ListSchedules", group, &error))?;
            names.extend(page.schedules.into_iter().filter_map(|schedule| schedule.name));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn get(&self, group: &str, name: &str) -> Result<Option<GetScheduleOutput>, CallError> {
        match self.scheduler.get_schedule().group_name(group).name(name).send().await {
            Ok(there) => Ok(Some(there)),
            Err(error) => {
                let fault = Fault::of(&error);
                if is_missing(&fault) {
                    return Ok(None);
                }
                Err(CallError::new("scheduler:GetSchedule", format!("{group}/{name}"), fault))
            }
        }
    }

    async fn create(&self, settings: &ScheduleSettings, wanted: &WantedSchedule) -> Result<(), ScheduleError> {
        let sent = self
            .scheduler
            .create_schedule()
            .group_name(&settings.group)
            .name(&wanted.name)
            .schedule_expression(&wanted.expression)
            .set_schedule_expression_timezone(wanted.timezone.clone())
            .flexible_time_window(exactly(&wanted.name)?)
            .target(target(wanted, settings)?)
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        let fault = Fault::of(&error);
        if fault.code.as_deref() == Some("ConflictException") {
            // Another function made it in between.
            return self.update(settings, wanted, None).await;
        }
        Err(CallError::new("scheduler:CreateSchedule", address(settings, &wanted.name), fault).into())
    }

    /// Replaces the whole schedule: what is left out falls back to the scheduler's defaults, so the state is handed on.
    async fn update(
        &self,
        settings: &ScheduleSettings,
        wanted: &WantedSchedule,
        state: Option<ScheduleState>,
    ) -> Result<(), ScheduleError> {
        let sent = self
            .scheduler
            .update_schedule()
            .group_name(&settings.group)
            .name(&wanted.name)
            .schedule_expression(&wanted.expression)
            .set_schedule_expression_timezone(wanted.timezone.clone())
            .set_state(state)
            .flexible_time_window(exactly(&wanted.name)?)
            .target(target(wanted, settings)?)
            .send()
            .await;
        sent.map_err(|error| CallError::of("scheduler:UpdateSchedule", address(settings, &wanted.name), &error))?;
        Ok(())
    }

    async fn delete(&self, group: &str, name: &str) -> Result<(), CallError> {
        let sent = self.scheduler.delete_schedule().group_name(group).name(name).send().await;
        let Err(error) = sent else { return Ok(()) };
        let fault = Fault::of(&error);
        if is_missing(&fault) {
            return Ok(());
        }
        Err(CallError::new("scheduler:DeleteSchedule", format!("{group}/{name}"), fault))
    }
}

fn address(settings: &ScheduleSettings, name: &str) -> String {
    format!("{}/{name}", settings.group)
}

/// The schedule is missing, or its group is: the call that follows tells which.
fn is_missing(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("ResourceNotFoundException")
}

fn exactly(name: &str) -> Result<FlexibleTimeWindow, ScheduleError> {
    let built = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    built.map_err(|error| ScheduleError::Unfit { name: name.to_owned(), reason: error.to_string() })
}

fn target(wanted: &WantedSchedule, settings: &ScheduleSettings) -> Result<Target, ScheduleError> {
    let built = Target::builder()
        .arn(&settings.target_arn)
        .role_arn(&settings.role_arn)
        .input(wanted.input.to_string())
        .build();
    built.map_err(|error| ScheduleError::Unfit { name: wanted.name.clone(), reason: error.to_string() })
}

/// Compares only what is set here; the rest is the scheduler's defaults (retries for a day among them, which is as it should be).
fn is_as_wanted(there: &GetScheduleOutput, wanted: &WantedSchedule, settings: &ScheduleSettings) -> bool {
    let same_target = there.target().is_some_and(|target| {
        let input = target.input().and_then(|text| serde_json::from_str::<Value>(text).ok());
        target.arn() == settings.target_arn
            && target.role_arn() == settings.role_arn
            && input.as_ref() == Some(&wanted.input)
    });
    same_target
        && there.schedule_expression() == Some(&wanted.expression)
        && there.schedule_expression_timezone().unwrap_or("UTC") == wanted.timezone.as_deref().unwrap_or("UTC")
        && there.flexible_time_window().is_none_or(|window| *window.mode() == FlexibleTimeWindowMode::Off)
}
