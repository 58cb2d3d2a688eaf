use std::{fs, path::Path};

use landfall_planner::LedgerOutcome;

use crate::world::{World, ends, models, run_of};

/// Leaves one dataset, `raw_orders`, and adds staging that reads a seed alone, and a mart of both.
fn edit(project: &Path) {
    let models = project.join("models");
    fs::remove_dir_all(&models).unwrap();
    fs::remove_dir_all(project.join("seeds")).unwrap();
    for file in ["tests", "analyses"] {
        let _ = fs::remove_dir_all(project.join(file));
    }
    let files = [
        ("seeds/raw_regions.csv", "region_id,region\n1,North\n2,South\n"),
        ("models/stg_regions.sql", "select region_id, upper(region) as region from {{ ref('raw_regions') }}\n"),
        (
            "models/stg_orders.sql",
            "select order_id, order_id % 2 + 1 as region_id from {{ source('jaffle', 'raw_orders') }}\n",
        ),
        (
            "models/regions.sql",
            "select region from {{ ref('stg_orders') }} join {{ ref('stg_regions') }} using (region_id)\n",
        ),
        (
            "models/sources.yml",
            "version: 2\nsources:\n  - name: jaffle\n    tables:\n      - name: raw_orders\n        config:\n          meta:\n            \
             external_location: \"read_csv('s3://{{ env_var(\\\"LANDING_BUCKET\\\") }}/orders/*.csv')\"\n\
             models:\n  - name: stg_regions\n    columns:\n      - name: region_id\n        data_tests: [unique]\n",
        ),
        (
            "landfall.yml",
            "version: 1\nloads: { ready: { quiet: 2s, at_most: 1m } }\n\
             datasets: { jaffle.raw_orders: { location: orders/, select: \"stg_orders+\" } }\n\
             runs: { timeout: 10m }\nretry: []\ndocs: { publish: false }\n",
        ),
    ];
    for (file, text) in files {
        let file = project.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

#[tokio::test]
async fn one_load_ends_with_every_model_built_and_nothing_pending() {
    let world = World::start("staging-of-seeds", edit).await;
    let first = ends(&world.ledger_lines().await);
    assert_eq!(first.len(), 1, "the first release builds what needs no load: {first:#?}");
    assert_eq!(models(&world.plan(&run_of(&first[0]).0).await), ["stg_regions"]);

    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    let ends = world.settled(1).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].outcome, LedgerOutcome::Succeeded, "{ends:#?}");
    assert_eq!(models(&world.plan(&run_of(&ends[0]).0).await), ["regions", "stg_orders"]);
    let board = world.board().await;
    assert!(board.backlog.is_empty(), "{:?}", board.backlog);
    assert!(world.query("select count(*) from analytics.regions").parse::<u32>().unwrap() > 0);
}
