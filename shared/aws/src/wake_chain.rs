//! The length of a chain of wakes: on-load sends messages to its own queue.
//!
//! AWS stops such a loop after about 16 turns, unless the function has `RecursiveLoop: Allow`. A load that waits for a
//! day is a chain of 96 wakes. The limit here stops a chain that a fault would let grow without end.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>

use std::sync::atomic::{AtomicU32, Ordering};

/// The most wakes in a row without another message between them. After that the sweep, once a minute, does their work.
const MOST_WAKES: u32 = 200;

/// The number of wakes in a row that led to this invocation.
#[derive(Debug, Default)]
pub(crate) struct WakeChain(AtomicU32);

impl WakeChain {
    /// An invocation begins. `chain` is the number in its wake, or `None` if anything else led to it.
    pub(crate) fn begin(&self, chain: Option<u32>) {
        self.0.store(chain.map_or(0, |chain| chain.saturating_add(1)), Ordering::Relaxed);
    }

    /// Returns the number for the next wake, or `None` if the chain is too long.
    pub(crate) fn next(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|chain| *chain < MOST_WAKES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_wakes_ends_and_any_other_message_begins_a_new_one() {
        let chain = WakeChain::default();
        assert_eq!(chain.next(), Some(0));
        chain.begin(Some(0));
        assert_eq!(chain.next(), Some(1));
        chain.begin(Some(MOST_WAKES - 1));
        assert_eq!(chain.next(), None);
        chain.begin(Some(u32::MAX));
        assert_eq!(chain.next(), None);
        chain.begin(None);
        assert_eq!(chain.next(), Some(0));
    }
}
