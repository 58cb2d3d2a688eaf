//! The live attempt of a run.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{StopClass, TaskArn};

/// The live attempt of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// When the attempt was decided.
    pub since: Timestamp,
    /// What happens with the attempt, and what is known of it there.
    #[serde(flatten)]
    pub state: AttemptState,
    /// What went wrong with the attempts before it and with its own start, oldest first, as text for `landfall status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// How many attempts of the run followed a failure of dbt (`retry: [failed]`).
    #[serde(default)]
    pub after_failures: u32,
    /// How its task stopped, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<StopClass>,
    /// The recent answers that ECS does not know its task. Absent if ECS knew it at the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingTask>,
    /// How the last task of the attempts before stopped. A permanent cause is not tried a third time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_before: Option<StopClass>,
}

/// Answers of `DescribeTasks` that it does not know a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingTask {
    /// When the first of them came.
    pub since: Timestamp,
    /// When the last of them was counted.
    pub last: Timestamp,
    /// How many were counted.
    pub times: u32,
}

/// What happens with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The task is to be started.
    Starting {
        /// The earliest time to start it.
        not_before: Timestamp,
    },
    /// The task is known.
    Running {
        /// The ARN of the task.
        task_arn: TaskArn,
        /// When the task became known.
        running_since: Timestamp,
    },
    /// The attempt is to be revoked: it could not be started, or its task stopped without a claim, or the outcome of
    /// its start is unknown.
    Revoking {
        /// The ARN of its task, if one became known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task_arn: Option<TaskArn>,
        /// Whether the run ends once the attempt is revoked, instead of being tried again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        end_run: bool,
    },
}

impl Attempt {
    /// The first attempt of a run that is planned now.
    pub fn first(now: Timestamp) -> Self {
        Self::new(1, now, AttemptState::Starting { not_before: now })
    }

    /// An attempt of which nothing is known but its state.
    pub fn new(number: u32, since: Timestamp, state: AttemptState) -> Self {
        Self {
            number,
            since,
            state,
            problems: Vec::new(),
            after_failures: 0,
            class: None,
            missing: None,
            class_before: None,
        }
    }

    /// The attempt after this one, decided now, to be started no earlier than `pause` from now.
    #[must_use]
    pub(crate) fn next(&self, now: Timestamp, pause: SignedDuration) -> Self {
        Self {
            problems: self.problems.clone(),
            after_failures: self.after_failures,
            class_before: self.class.or(self.class_before),
            ..Self::new(self.number + 1, now, AttemptState::Starting { not_before: now + pause })
        }
    }

    /// Whether its task is still to be started.
    pub fn is_starting(&self) -> bool {
        matches!(self.state, AttemptState::Starting { .. })
    }

    /// Whether its task is known, and was not seen stopped.
    pub fn is_running(&self) -> bool {
        matches!(self.state, AttemptState::Running { .. })
    }

    /// The ARN of its task, once known.
    pub fn task_arn(&self) -> Option<&TaskArn> {
        match &self.state {
            AttemptState::Starting { .. } => None,
            AttemptState::Running { task_arn, .. } => Some(task_arn),
            AttemptState::Revoking { task_arn, .. } => task_arn.as_ref(),
        }
    }

    /// Turns it into one that is to be revoked; `end_run`: and its run is to end then.
    pub(crate) fn revoke(&mut self, end_run: bool) {
        let ends_already = matches!(self.state, AttemptState::Revoking { end_run: true, .. });
        let task_arn = self.task_arn().cloned();
        self.state = AttemptState::Revoking { task_arn, end_run: end_run || ends_already };
    }

    /// Adds a problem, unless it is the last one already.
    pub(crate) fn add_problem(&mut self, problem: impl Into<String>) {
        let problem = problem.into();
        if self.problems.last() != Some(&problem) {
            self.problems.push(problem);
        }
    }
}
