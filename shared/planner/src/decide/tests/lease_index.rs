//! The lease index agrees with the exact checks.

use std::collections::BTreeSet;

use super::world::{PROJECT, World, release_of};
use crate::{
    Board, OrdinalSet, ProtocolRules, Release, Trigger,
    decide::{
        lease_index::{LeaseIndex, UnbuiltInputs},
        leases::Leases,
        runnable_nodes::split,
    },
};

/// Pseudo-random numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn some_of(&mut self, all: &OrdinalSet, one_in: u64) -> OrdinalSet {
        all.iter().filter(|_| self.next().is_multiple_of(one_in)).collect()
    }
}

fn release_with_extra_leases() -> Release {
    let yaml = PROJECT.replace("max_parallel: 2,", "max_parallel: 2, warehouse: shared,");
    release_of("r1", &yaml, None, &|manifest| {
        for (node, lease) in [("stg_orders", "one"), ("fct_orders", "two"), ("stg_customers", "one")] {
            manifest["nodes"][format!("model.jaffle.{node}")]["config"]["meta"] =
                serde_json::json!({ "landfall": { "lease": lease } });
        }
    })
}

#[test]
fn the_index_finds_the_same_conflicts_as_the_leases() {
    let release = release_with_extra_leases();
    let all = release.graph().present().clone();
    let mut numbers = Numbers(1);
    let trigger: Trigger = "release".parse().unwrap();
    let (mut meet, mut clear) = (0, 0);
    for _ in 0..2_000 {
        let holders: Vec<OrdinalSet> = (0..numbers.next() % 3).map(|_| numbers.some_of(&all, 9)).collect();
        let waiting = numbers.some_of(&all, 9);
        let wanted = Leases::of(&release, &waiting, [&trigger]);
        let exactly = holders.iter().any(|nodes| Leases::of(&release, nodes, [&trigger]).conflict(&wanted));
        let (mut held, mut reserved) = (LeaseIndex::new(&release), LeaseIndex::new(&release));
        for nodes in &holders {
            held.hold(&Leases::of(&release, nodes, [&trigger]), false);
            reserved.reserve(nodes, &trigger);
        }
        assert_eq!(held.conflicts(&waiting, &trigger), exactly, "{holders:?} and {waiting:?}");
        assert_eq!(reserved.conflicts(&waiting, &trigger), exactly, "{holders:?} and {waiting:?}");
        *(if exactly { &mut meet } else { &mut clear }) += 1;
    }
    assert!(meet > 200 && clear > 200, "{meet} conflict, {clear} do not: both occur");
}

#[test]
fn the_index_finds_the_same_missing_parents_as_the_split() {
    let world = World::new();
    let release = &world.release;
    let all = release.graph().present().clone();
    let mut numbers = Numbers(2);
    let (mut quick, mut slow) = (0, 0);
    for _ in 0..2_000 {
        let mut board = Board::new(world.now);
        let missing = numbers.some_of(&all, 20);
        board.built = all.difference(&missing);
        for name in release.compiled.datasets.keys() {
            board.datasets.entry(name.clone()).or_default().loaded = !numbers.next().is_multiple_of(4);
        }
        let nodes = numbers.some_of(&all, 4);
        let exactly = split(release, &board, &nodes, &BTreeSet::new(), &OrdinalSet::new(), &ProtocolRules);
        if UnbuiltInputs::of(&board, release, &ProtocolRules).allows_all(release, &nodes) {
            assert_eq!((&exactly.run, exactly.waiting.len()), (&nodes, 0), "{missing:?}");
            quick += 1;
        } else {
            slow += 1;
        }
    }
    assert!(quick > 100 && slow > 100, "{quick} quick answers, {slow} exact ones: both occur");
}
