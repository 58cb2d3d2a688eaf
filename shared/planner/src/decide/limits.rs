//! The numbers that the rules use, each with its reason.

use jiff::SignedDuration;

/// An event is covered only if it is older than the read point by more than this: S3's event times have whole seconds, and clocks differ.
pub const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// How many hashes of recent events the board keeps; beyond that a repeated event may cost one needless run.
pub const RECENT_KEPT: usize = 4096;
/// A backlog entry that waits longer than this for leases reserves its relations: nothing younger that meets them is admitted.
pub const FAIRNESS_LIMIT: SignedDuration = SignedDuration::from_mins(10);
/// How often an attempt that never ran is tried again before the backlog entry is left to people.
pub const MOST_ATTEMPTS: u32 = 4;
/// The identical `RunTask` may be repeated for so long after the attempt was decided; after that it may only be revoked, because the
/// client token may have been forgotten. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>
pub const REPEAT_FOR: SignedDuration = SignedDuration::from_mins(50);
/// A task that lives so much longer than `runs.timeout` has lost its supervisor, which ends it otherwise, or never came to its image.
pub const OVERDUE_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How many operator commands the board knows again. One that is delivered once more after so many others is followed once more.
pub const COMMANDS_KEPT: usize = 64;
/// How many groups of a dataset are counted at once; the oldest makes room.
pub const GROUPS_OPEN: usize = 8;
/// How many complete groups of a dataset are remembered.
pub const GROUPS_CLOSED: usize = 64;
/// How many keys are counted at once, over all datasets; the oldest group makes room. Together with [`GROUPS_OPEN`] it bounds the board.
pub const COUNTED_KEPT: usize = 8192;
/// Generations and the board's number begin anew so far above those of the epoch before: the lost boards cannot have come there.
pub const EPOCH_JUMP: u64 = 1_000_000_000;
