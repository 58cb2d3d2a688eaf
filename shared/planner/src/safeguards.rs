//! The safeguards of the protocol by name, so that the simulation can switch one off and show that it then finds the history which that safeguard
//! is there for. In what ships each is a constant: the feature `mutants` is on in tests alone.

/// A rule of the protocol whose absence must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Safeguard {
    /// Runs that meet in a relation do not live at once.
    Lease,
    /// Leases are of relations, and not of node ids: a renamed model keeps its table.
    LeaseByRelation,
    /// A lease ends when its task is seen stopped, and not when it was asked to stop or left its result.
    LeaseUntilStopped,
    /// A task runs dbt only with the attempt's claim.
    Claim,
    /// Each attempt has a client token of its own.
    TokenPerAttempt,
    /// What nobody knows to be started is given up by `revoked`, and not by waiting.
    VoidBeforeNext,
    /// An event is covered only if it is older than the read point by more than the margin.
    Margin,
    /// What is pending is completed node by node, and not by the run's start.
    BacklogEntry,
    /// Only a run whose plan names the generation completes it.
    Generation,
    /// Effects are read off the board, and not done on the transition alone.
    EffectsFromBoard,
    /// A writer whose reply was lost looks for its own mark.
    OwnNonce,
    /// The board is replaced only if it is the one that was read.
    CompareAndSwap,
    /// Only what does the same merges into one run.
    EqualMerges,
    /// The oldest that waits too long reserves its place.
    Patience,
    /// The sweep comes every minute.
    Sweep,
    /// A release has pending what the one before still pending.
    ReleaseDebt,
    /// A node that was built before a parent of the same backlog entry is not completed.
    BuiltInOrder,
    /// An event that the board knows is no new load.
    Repetition,
    /// Retries end.
    AttemptsEnd,
    /// A node whose parent was never built waits.
    ParentsFirst,
    /// Who finds no board halts, and makes none.
    BoardIsNeverMade,
    /// The docs' pointer is moved by compare-and-compare-and-swap.
    DocsFence,
}

impl Safeguard {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Lease,
        Self::LeaseByRelation,
        Self::LeaseUntilStopped,
        Self::Claim,
        Self::TokenPerAttempt,
        Self::VoidBeforeNext,
        Self::Margin,
        Self::BacklogEntry,
        Self::Generation,
        Self::EffectsFromBoard,
        Self::OwnNonce,
        Self::CompareAndSwap,
        Self::EqualMerges,
        Self::Patience,
        Self::Sweep,
        Self::ReleaseDebt,
        Self::BuiltInOrder,
        Self::Repetition,
        Self::AttemptsEnd,
        Self::ParentsFirst,
        Self::BoardIsNeverMade,
        Self::DocsFence,
    ];
}

/// Whether the safeguard is kept: always, in what ships.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn keeps(_: Safeguard) -> bool {
    true
}

/// Whether every safeguard is kept.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn keeps_all() -> bool {
    true
}

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    use super::Safeguard;

    thread_local! {
        static OFF: Cell<Option<Safeguard>> = const { Cell::new(None) };
    }

    /// Whether the safeguard is kept in this thread.
    pub fn keeps(safeguard: Safeguard) -> bool {
        OFF.get() != Some(safeguard)
    }

    /// Whether every safeguard is kept in this thread.
    pub fn keeps_all() -> bool {
        OFF.get().is_none()
    }

    /// Switches one off in this thread, or none.
    pub fn switch_off(safeguard: Option<Safeguard>) {
        OFF.set(safeguard);
    }
}
#[cfg(feature = "mutants")]
pub use switch::{keeps, keeps_all, switch_off};
