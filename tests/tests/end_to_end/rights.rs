use std::path::Path;

use landfall_planner::LedgerOutcome;

use crate::world::World;

/// The roles hold no right that nothing needs, and none is missed in silence. The script does it all: see its table.
#[tokio::test]
async fn each_right_that_is_taken_away_is_refused_and_the_refusal_surfaces() {
    let world = World::start("rights", |_| {}).await;
    world.land("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/rights.py");
    let folder = world.stack.state.folder.to_string_lossy().into_owned();
    println!("{}", world.script(&script, &[&world.stack.state.stack, &folder]));
}
