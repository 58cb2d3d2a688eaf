//! Safeguards by the names that `--mutant` takes.
//!
//! One is not here, because no history of this simulation tells it apart: a node that is completed though it was built before its parent
//! ([`Safeguard::BuiltInOrder`]). `decide/tests` has it.

use landfall_planner::safeguards::Safeguard;

/// Name, what is switched off, and what that means.
pub const ALL: [(&str, Safeguard, &str); 21] = [
    ("no-lease", Safeguard::Lease, "runs that meet in a relation live at once"),
    ("lease-by-node-id", Safeguard::LeaseByRelation, "a renamed model is another lease"),
    (
        "lease-freed-early",
        Safeguard::LeaseUntilStopped,
        "a lease ends when its task was asked to stop or left its result",
    ),
    ("no-claim", Safeguard::Claim, "a task runs dbt whatever the claim says"),
    ("token-reused", Safeguard::TokenPerAttempt, "all attempts of a run have one client token"),
    ("no-revoked", Safeguard::VoidBeforeNext, "the next attempt follows without making the last one revoked"),
    ("no-margin", Safeguard::Margin, "an event a second older than the read point is covered"),
    ("watermark", Safeguard::BacklogEntry, "a run's success completes everything, whatever it built"),
    ("no-generation", Safeguard::Generation, "a run completes whatever generation is pending when it ends"),
    ("effects-by-transition", Safeguard::EffectsFromBoard, "who decides does, and nobody else"),
    ("no-own-nonce", Safeguard::OwnNonce, "a writer whose reply was lost decides again"),
    ("no-compare", Safeguard::CompareAndSwap, "the board is overwritten"),
    ("unsafe-merge", Safeguard::EqualMerges, "runs of unequal steps merge"),
    ("no-sweep", Safeguard::Sweep, "nobody looks after lost events"),
    ("release-backlog entry-lost", Safeguard::ReleaseDebt, "a new release forgets what the one before pending"),
    ("no-repetition", Safeguard::Repetition, "an event delivered twice is two loads"),
    ("endless-retry", Safeguard::AttemptsEnd, "attempts never end"),
    ("auto-created-board", Safeguard::BoardIsNeverMade, "whoever finds no board makes one"),
    ("unfenced-docs", Safeguard::DocsFence, "the docs' pointer is overwritten"),
    ("no-fairness limit", Safeguard::Patience, "the young overtake what has waited for long"),
    ("parents-unasked", Safeguard::ParentsFirst, "a node runs though its parent was never built"),
];

/// The safeguard of a name.
pub fn by_name(name: &str) -> Option<Safeguard> {
    ALL.iter().find(|(known, ..)| *known == name).map(|(_, safeguard, _)| *safeguard)
}
