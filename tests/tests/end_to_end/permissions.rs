use std::path::Path;

use landfall_planner::LedgerOutcome;

use crate::world::World;

/// Shows that the roles have no right that nothing needs, and that the loss of each is seen. `permissions.py` has the
/// table.
#[tokio::test]
async fn each_right_is_needed_and_its_loss_is_reported() {
    let world = World::start("permissions", |_| {}).await;
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/permissions.py");
    let folder = world.stack.state.folder.to_string_lossy().into_owned();
    println!("{}", world.script(&script, &[&world.stack.state.stack, &folder]));
}
