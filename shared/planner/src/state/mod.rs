//! The board: what is live, what is pending, and how it is stored.

mod attempt;
mod backlog;
mod board;
mod ordinal_set;
mod recent_events;
mod schedules;
mod stored_board;

pub use attempt::{Attempt, AttemptState, MissingTask};
pub use backlog::{BacklogEntry, EntryStage, PendingNodes, Quarantine};
pub use board::{
    Announcement, BOARD_KEY, BOARD_VERSION, Board, Budget, CommandHistory, DatasetState, DeadLetters, DocsState,
    Draining, Groups, LimitReached, NONCES_KEPT, OpenGroup, PendingDocs, Run,
};
pub use ordinal_set::OrdinalSet;
pub(crate) use recent_events::whole_milliseconds;
pub use recent_events::{EventHash, RecentEvent, RecentEvents};
pub use schedules::{SCHEDULES_LEASE, ScheduleWriter, SchedulesState};
pub use stored_board::{BoardError, StoredBoard};
