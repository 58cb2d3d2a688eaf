//! The adapters against the emulator that `landfall local` uses: that both mean the same by conditional writes, tokens and schedules.
//! The emulator is no proof of AWS; what it cannot answer is in `tests/wire`.

// Tells clippy that helpers are tests too.
#![cfg(test)]

mod ecs;
mod launched;
mod schedules;
mod store;
