//! Job schedules: exactly those of landfall.yml, in one group of EventBridge Scheduler.

use std::collections::BTreeSet;

use aws_sdk_scheduler::{
    operation::get_schedule::GetScheduleOutput,
    types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target},
};
use landfall_planner::WantedSchedule;
use serde_json::Value;

use crate::{CallError, Fault, config::ScheduleSettings};

/// `EventBridge` Scheduler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schedules {
    scheduler: aws_sdk_scheduler::Client,
}

/// The names of the schedules that [`Schedules::reconcile`] changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The new schedules.
    pub created: Vec<String>,
    /// The schedules that differed.
    pub updated: Vec<String>,
    /// The schedules that are not in landfall.yml any more.
    pub deleted: Vec<String>,
}

/// The schedules of a group could not be reconciled. Changes made before the error stay, and the same call continues from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A call to the scheduler failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The schedule cannot be expressed as a call.
    #[error("schedule {name} is invalid: {reason}")]
    Unfit {
        /// The name of the schedule.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Schedules {
    pub(crate) fn new(scheduler: aws_sdk_scheduler::Client) -> Self {
        Self { scheduler }
    }

    /// Creates, updates and deletes schedules until the group contains exactly the wanted ones. A second call does nothing. Every schedule in the group
    /// counts as Landfall's. A schedule that an operator disabled is updated and stays disabled.
    ///
    /// Needs `scheduler:ListSchedules`, `GetSchedule`, `CreateSchedule`, `UpdateSchedule`, `DeleteSchedule`, and `iam:PassRole` for the role.
    ///
    /// # Errors
    ///
    /// Fails if a call fails, or if a schedule is invalid.
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
            .flexible_time_window(no_flexibility(&wanted.name)?)
            .target(target(wanted, settings)?)
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        let fault = Fault::of(&error);
        if fault.code.as_deref() == Some("ConflictException") {
            // Another invocation created it meanwhile.
            return self.update(settings, wanted, None).await;
        }
        Err(CallError::new("scheduler:CreateSchedule", address(settings, &wanted.name), fault).into())
    }

    /// Replaces the whole schedule. An omitted field returns to the scheduler's default, so the state is passed on.
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
            .flexible_time_window(no_flexibility(&wanted.name)?)
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

/// Whether the schedule or its group is missing. The next call tells which.
fn is_missing(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("ResourceNotFoundException")
}

fn no_flexibility(name: &str) -> Result<FlexibleTimeWindow, ScheduleError> {
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

/// Compares only the fields that Landfall sets. The others have the scheduler's defaults, such as retries for a day.
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
