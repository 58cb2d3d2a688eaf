//! How much there is: one log line a sweep, which template.yaml's metric filters turn into metrics and alarms.

use jiff::Timestamp;
use landfall_pipeline::{Board, Cause, Debt};

/// The numbers of a board that are worth an alarm or a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gauges {
    /// Debts of any cause.
    owed: usize,
    /// How long the oldest load has been owed that is not merely waiting for others' data; 0: there is none.
    oldest_owed_seconds: i64,
    /// Runs that hold leases.
    live_runs: usize,
    /// Runs planned in the window of `limits.runs_per_day`.
    runs_in_window: u32,
}

impl Gauges {
    fn of(board: &Board, now: Timestamp) -> Self {
        let loads = board.owed.iter().filter(|(cause, debt)| matches!(cause, Cause::Load(_)) && is_late(debt));
        let oldest = loads.map(|(_, debt)| debt.since).min();
        Self {
            owed: board.owed.len(),
            oldest_owed_seconds: oldest.map_or(0, |since| now.duration_since(since).as_secs().max(0)),
            live_runs: board.runs.len(),
            // The window begins anew only with the next run that is planned.
            runs_in_window: if now.duration_since(board.budget.since).as_hours() < 24 { board.budget.runs } else { 0 },
        }
    }
}

/// What was planned and is not stuck either runs, which its time-out bounds, or waits for the first load of another dataset: nobody's fault, and
/// it may take months. What a person has paused counts: a pause that was forgotten is what the alarm is for.
fn is_late(debt: &Debt) -> bool {
    !debt.planned || debt.stuck.is_some()
}

/// Logs the line `board`. The names of its fields are those of the metric filters in template.yaml.
pub fn log_gauges(board: &Board, now: Timestamp) {
    let Gauges { owed, oldest_owed_seconds, live_runs, runs_in_window } = Gauges::of(board, now);
    tracing::info!(owed, oldest_owed_seconds, live_runs, runs_in_window, seq = board.seq, "board");
}

#[cfg(test)]
mod tests {
    use landfall_pipeline::{Budget, Set, Stuck};

    use super::*;

    fn debt(since: Timestamp, planned: bool, stuck: bool) -> Debt {
        let mut debt = Debt::new(1, since, Set::new(), "s3://landing/orders/1.csv".to_owned());
        debt.planned = planned;
        debt.stuck =
            stuck.then(|| Stuck { run: None, reason: "a test failed".to_owned(), nodes: Set::new(), approval: false });
        debt
    }

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn hours_ago(now: Timestamp, hours: i64) -> Timestamp {
        now - jiff::SignedDuration::from_hours(hours)
    }

    fn load(name: &str) -> Cause {
        Cause::Load(name.parse().unwrap())
    }

    #[test]
    fn an_empty_board_has_nothing_to_tell() {
        let now = noon();
        let expected = Gauges { owed: 0, oldest_owed_seconds: 0, live_runs: 0, runs_in_window: 0 };
        assert_eq!(Gauges::of(&Board::new(now), now), expected);
    }

    #[test]
    fn what_waits_for_the_first_load_of_another_dataset_is_owed_but_not_late() {
        let now = noon();
        let mut board = Board::new(now);
        board.owed.insert(load("shop.orders"), debt(hours_ago(now, 50), true, false));
        assert_eq!(Gauges::of(&board, now).oldest_owed_seconds, 0);
        board.owed.insert(load("shop.customers"), debt(hours_ago(now, 2), false, false));
        assert_eq!(Gauges::of(&board, now).oldest_owed_seconds, 2 * 3600);
        board.owed.insert(load("shop.payments"), debt(hours_ago(now, 3), true, true));
        let gauges = Gauges::of(&board, now);
        assert_eq!((gauges.owed, gauges.oldest_owed_seconds), (3, 3 * 3600), "what failed is late until somebody acts");
    }

    #[test]
    fn runs_of_a_window_that_is_over_do_not_count() {
        let now = noon();
        let mut board = Board::new(now);
        board.budget = Budget { since: hours_ago(now, 23), runs: 7 };
        assert_eq!(Gauges::of(&board, now).runs_in_window, 7);
        board.budget.since = hours_ago(now, 24);
        assert_eq!(Gauges::of(&board, now).runs_in_window, 0);
    }

    #[test]
    fn the_template_filters_for_these_very_fields() {
        let template = include_str!("../../../template.yaml");
        for field in ["owed", "oldest_owed_seconds", "live_runs", "runs_in_window"] {
            let pattern = format!(r#"{{ $.message = "board" && $.{field} = * }}"#);
            assert!(template.contains(&pattern), "{pattern}");
            assert!(template.contains(&format!("MetricValue: $.{field} ")), "{field}");
        }
    }
}
