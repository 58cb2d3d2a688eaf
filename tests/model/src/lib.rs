//! A small configuration of Landfall, explored exhaustively: the real [`decide`](landfall_pipeline::decide()) and the real
//! [`pending`](landfall_pipeline::pending()) in every order of steps.
//!
//! Two datasets share a mart. Objects land at any time; their messages come once, or twice. Two functions are in flight at once. Each does
//! what the conductor's loop does: it reads the board and decides; it swaps by compare-and-swap, whose reply may be lost; it does one effect
//! of the board after the other, and tells the decider of each. One may die between any two steps. Tasks claim, run and stop, die before their
//! claim or after it, and ECS may not tell; then the sweep finds them. Time passes, half an hour at once, while no function is in flight.
//!
//! - [`canon`]: what makes two boards equal, and why that loses nothing. [`state`]: the state. [`steps`]: the steps. [`properties`]: the invariants.
//!
//! Each configuration bounds what happens, and not how deep a history goes: how many objects land, how many faults of each kind happen, and for how
//! many half hours time passes. With every bound at once there are too many states for a test, so each fault is explored with loads of both
//! datasets, and all of them together with a load of one.
//!
//! Not in it, and left to the simulation: releases, jobs, docs, announcements (no decision reads them), readiness by time, wakes (the sweep
//! does what they would), dbt that fails on a node, refusals of `RunTask`, statements that outlive a task, more than one fault of a kind in a history.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a model that cannot go on is wrong, and ends"
)]

pub mod canon;
pub mod project;
pub mod properties;
pub mod state;
pub mod steps;

use stateright::{Model, Property};

use crate::canon::Canon;
use crate::state::{Faults, Load, World};
use crate::steps::Step;

/// A safeguard of the loop that the model leaves out, to show that it would be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// The board is replaced whatever became of it since it was read.
    Compare,
    /// A task runs dbt whoever has the attempt's claim.
    Claim,
    /// A task that stopped unseen is looked for by nobody.
    Sweep,
}

/// The configuration.
#[derive(Debug, Clone)]
pub struct Landfall {
    /// How many objects land for each of the two datasets.
    pub loads: [u8; 2],
    /// How often each message comes once more than needed.
    pub spare: u8,
    /// Faults in one history.
    pub faults: Faults,
    /// What is left out.
    pub without: Option<Without>,
}

impl Landfall {
    /// What is explored, by name. The last takes as long as all others together, and is left to the command.
    pub fn configurations() -> [(&'static str, Self); 8] {
        let none = Faults { half_hours: 1, ..Faults::default() };
        let all = Faults { crashes: 1, lost_replies: 1, deaths: 1, lost_stops: 1, half_hours: 2 };
        let of = |loads, spare, faults| Self { loads, spare, faults, without: None };
        [
            ("one load of each dataset, one crash", of([1, 1], 0, Faults { crashes: 1, ..none })),
            ("one load of each dataset, one lost reply", of([1, 1], 0, Faults { lost_replies: 1, ..none })),
            ("one load of each dataset, one task that dies", of([1, 1], 0, Faults { deaths: 1, ..none })),
            ("one load of each dataset, one stop that nobody tells", of([1, 1], 0, Faults { lost_stops: 1, ..none })),
            ("one load of each dataset, each delivered twice", of([1, 1], 1, none)),
            ("two loads of one dataset and one of the other, at once", of([2, 1], 0, Faults::default())),
            ("one load, delivered twice, and every fault once", of([1, 0], 1, all)),
            ("two loads of one dataset and one of the other, half an hour between any two steps", of([2, 1], 0, none)),
        ]
    }
}

impl Model for Landfall {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let load = |dataset| Load { dataset, landed: None, due: false, spare: self.spare, outcome: false, mapped: 0 };
        let loads = (0..2).flat_map(|dataset| (0..self.loads[dataset]).map(move |_| load(dataset))).collect();
        vec![World {
            board: Canon::of(project::first_board()),
            slots: [None, None],
            loads,
            tasks: std::collections::BTreeMap::new(),
            claims: std::collections::BTreeMap::new(),
            seen: [[0; 2]; 2],
            planned: 0,
            faults: self.faults,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps::possible(self, world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        steps::take(self, &mut next, &step);
        next.tidy();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
