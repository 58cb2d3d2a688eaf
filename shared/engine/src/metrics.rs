//! The metrics of the board: one log line in each sweep, which the metric filters of template.yaml turn into metrics and alarms.

use jiff::Timestamp;
use landfall_planner::{BacklogEntry, Board, Trigger};

/// The numbers of a board that have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BoardMetrics {
    /// The number of backlog entries of all triggers.
    backlog_entries: usize,
    /// The age in seconds of the oldest pending load that does not wait for the data of another dataset; 0 if there is none.
    oldest_pending_seconds: i64,
    /// The number of runs that hold leases.
    live_runs: usize,
    /// The number of runs planned in the window of `limits.runs_per_day`.
    runs_in_window: u32,
}

impl BoardMetrics {
    fn of(board: &Board, now: Timestamp) -> Self {
        let loads =
            board.backlog.iter().filter(|(trigger, entry)| matches!(trigger, Trigger::Load(_)) && is_late(entry));
        let oldest = loads.map(|(_, entry)| entry.since).min();
        Self {
            backlog_entries: board.backlog.len(),
            oldest_pending_seconds: oldest.map_or(0, |since| now.duration_since(since).as_secs().max(0)),
            live_runs: board.runs.len(),
            // A window that has ended is replaced only when the next run is planned.
            runs_in_window: if now.duration_since(board.budget.since).as_hours() < 24 { board.budget.runs } else { 0 },
        }
    }
}

/// Whether the alarm counts an entry. A planned entry without quarantine either runs, bounded by its timeout, or waits for the first load of another
/// dataset, which may take months, so it does not count. A paused entry counts: the alarm finds forgotten pauses.
fn is_late(entry: &BacklogEntry) -> bool {
    !entry.is_planned() || entry.quarantine.is_some()
}

/// Logs the line `board`. The metric filters in template.yaml read its fields.
pub fn log_board_metrics(board: &Board, now: Timestamp) {
    let BoardMetrics { backlog_entries, oldest_pending_seconds, live_runs, runs_in_window } =
        BoardMetrics::of(board, now);
    tracing::info!(backlog_entries, oldest_pending_seconds, live_runs, runs_in_window, seq = board.seq, "board");
}

#[cfg(test)]
mod tests {
    use landfall_planner::{Budget, OrdinalSet, Quarantine};

    use super::*;

    fn entry(since: Timestamp, planned: bool, quarantine: bool) -> BacklogEntry {
        let mut entry = BacklogEntry::new(1, since, OrdinalSet::new(), "s3://landing/orders/1.csv".to_owned());
        if planned {
            entry.stage = landfall_planner::EntryStage::Planned;
        }
        entry.quarantine = quarantine.then(|| Quarantine {
            run: None,
            reason: "a test failed".to_owned(),
            nodes: OrdinalSet::new(),
            approval: false,
        });
        entry
    }

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn hours_ago(now: Timestamp, hours: i64) -> Timestamp {
        now - jiff::SignedDuration::from_hours(hours)
    }

    fn load(name: &str) -> Trigger {
        Trigger::Load(name.parse().unwrap())
    }

    #[test]
    fn an_empty_board_has_zero_metrics() {
        let now = noon();
        let expected = BoardMetrics { backlog_entries: 0, oldest_pending_seconds: 0, live_runs: 0, runs_in_window: 0 };
        assert_eq!(BoardMetrics::of(&Board::new(now), now), expected);
    }

    #[test]
    fn an_entry_that_waits_for_the_first_load_of_another_dataset_is_pending_but_not_late() {
        let now = noon();
        let mut board = Board::new(now);
        board.backlog.insert(load("shop.orders"), entry(hours_ago(now, 50), true, false));
        assert_eq!(BoardMetrics::of(&board, now).oldest_pending_seconds, 0);
        board.backlog.insert(load("shop.customers"), entry(hours_ago(now, 2), false, false));
        assert_eq!(BoardMetrics::of(&board, now).oldest_pending_seconds, 2 * 3600);
        board.backlog.insert(load("shop.payments"), entry(hours_ago(now, 3), true, true));
        let metrics = BoardMetrics::of(&board, now);
        assert_eq!(
            (metrics.backlog_entries, metrics.oldest_pending_seconds),
            (3, 3 * 3600),
            "a quarantined entry is late until an operator acts"
        );
    }

    #[test]
    fn runs_of_an_ended_window_do_not_count() {
        let now = noon();
        let mut board = Board::new(now);
        board.budget = Budget { since: hours_ago(now, 23), runs: 7 };
        assert_eq!(BoardMetrics::of(&board, now).runs_in_window, 7);
        board.budget.since = hours_ago(now, 24);
        assert_eq!(BoardMetrics::of(&board, now).runs_in_window, 0);
    }

    #[test]
    fn the_template_filters_for_the_same_fields() {
        let template = include_str!("../../../template.yaml");
        for field in ["backlog_entries", "oldest_pending_seconds", "live_runs", "runs_in_window"] {
            let pattern = format!(r#"{{ $.message = "board" && $.{field} = * }}"#);
            assert!(template.contains(&pattern), "{pattern}");
            assert!(template.contains(&format!("MetricValue: $.{field} ")), "{field}");
        }
    }
}
