//! The schedules that the jobs of a release need in EventBridge Scheduler.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Release;

/// A schedule as it should be. <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
#[derive(Debug, Clone, PartialEq)]
pub struct WantedSchedule {
    /// The name, which is unique in the group: at most 64 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The expression: `cron(0 4 * * ? *)`, `rate(1 hour)` or `at(...)`.
    pub expression: String,
    /// The IANA name of the time zone, such as `Australia/Sydney`. If absent, UTC.
    pub timezone: Option<String>,
    /// The input of the target. A text `<aws.scheduler.scheduled-time>` in it is filled in at each call.
    pub input: Value,
}

impl Release {
    /// Returns the schedules of the release's jobs, in the order of their names.
    pub fn wanted_schedules(&self) -> Vec<WantedSchedule> {
        let jobs = self.compiled.jobs.iter();
        jobs.map(|(name, job)| WantedSchedule {
            name: name.to_string(),
            expression: job.schedule.clone(),
            timezone: job.timezone.clone(),
            input: json!({ "job": name.as_str(), "scheduled_time": "<aws.scheduler.scheduled-time>" }),
        })
        .collect()
    }

    /// Returns the hash of these schedules, by which the board knows them.
    pub fn schedules_hash(&self) -> String {
        let mut digest = Sha256::new();
        for WantedSchedule { name, expression, timezone, input } in self.wanted_schedules() {
            digest.update(json!([name, expression, timezone, input]).to_string());
            digest.update("\n");
        }
        digest.finalize().iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}
