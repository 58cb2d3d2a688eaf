//! The decider: what a load, a release, a job or a stopped task leads to.
