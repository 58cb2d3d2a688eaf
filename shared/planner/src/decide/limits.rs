//! Numbers that the rules use, each with its reason.

use jiff::SignedDuration;

/// An event is covered by time only if it is older than the read point by more than this. S3's event times have whole
/// seconds, its hosts' clocks differ, and the time of a PUT may be that of its first byte: 16 MiB take 2 minutes at
/// 140 kB/s. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html> (`Last-Modified`)
pub const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// How many hashes of recent events the board keeps. An event that is delivered again after its hash was dropped
/// costs one needless run.
pub const RECENT_KEPT: usize = 4096;
/// A backlog entry that waits longer than this for leases reserves its relations. No younger entry that needs one of
/// them is admitted.
pub const FAIRNESS_LIMIT: SignedDuration = SignedDuration::from_mins(10);
/// The number of attempts of a run. After the last one its nodes are quarantined.
pub const MAX_ATTEMPTS: u32 = 4;
/// For how long the board remembers a malformed message, which SQS delivers several times. It moves to the dead-letter
/// queue after 10 receipts, 7 minutes apart at most.
pub(super) const MALFORMED_KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The identical `RunTask` may be repeated for this long after the attempt was decided. After that the attempt can
/// only be revoked, because ECS may have forgotten the client token.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>
pub const REPEAT_FOR: SignedDuration = SignedDuration::from_mins(50);
/// A task that runs this much longer than `runs.timeout` is stopped. Its supervisor normally ends it in time, so it
/// has lost the supervisor or never got its image.
pub const OVERDUE_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How often `DescribeTasks` must answer that it does not know a task before the task counts as stopped. One answer
/// proves nothing: the call is eventually consistent, and may ask another cluster.
pub(super) const MISSING_TIMES: u32 = 3;
/// Answers closer together than this count once.
pub(super) const MISSING_APART: SignedDuration = SignedDuration::from_secs(50);
/// The least time from the first of these answers to the last.
pub(super) const MISSING_FOR: SignedDuration = SignedDuration::from_mins(5);
/// The least age of the claim. ECS shows a stopped task for about an hour.
pub(super) const MISSING_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How many operator commands the board remembers to detect duplicates. One that is delivered again after as many
/// others is executed again.
pub const COMMANDS_KEPT: usize = 64;
/// How many groups of a dataset are counted at once. The oldest makes room for a new one.
pub const GROUPS_OPEN: usize = 8;
/// How many complete groups of a dataset are remembered, to recognise late objects.
pub const GROUPS_CLOSED: usize = 64;
/// How many keys are counted at once over all datasets. The oldest group makes room for a new one. With
/// [`GROUPS_OPEN`] this bounds the size of the board.
pub const COUNTED_KEPT: usize = 8192;
/// After a recovery, generations and `seq` continue this far above those of the epoch before. The lost boards cannot
/// have reached such numbers.
pub const EPOCH_JUMP: u64 = 1_000_000_000;
