//! A microbatch model of which one batch fails: the next attempt builds that batch, and nothing is lost.

use serde_json::json;

use super::support::{World, build, dbt};

const YEARLY: &str = "model.shop.yearly";
const LANDED: &str = "model.shop.landed";
const TOTAL: &str = "model.shop.total";

fn world() -> Option<World> {
    let world = World::new(dbt()?);
    // dbt filters what a batch reads of a model with `event_time`.
    world.write(
        "models/landed.sql",
        "{{ config(materialized='view', event_time='day') }} select * from read_csv('{{ env_var('SHOP_DB') }}.csv', types={'day': 'timestamp', 'amount': 'varchar'})",
    );
    world.write(
        "models/yearly.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='year', begin='2020-01-01', lookback=1) }}
        select day, cast(amount as integer) as amount from {{ ref('landed') }}",
    );
    world.write(
        "models/total.sql",
        "{{ config(materialized='table') }} select sum(amount) as n from {{ ref('yearly') }}",
    );
    rows(&world, "n/a");
    Some(world)
}

fn rows(world: &World, of_2022: &str) {
    let text = format!("day,amount\n2020-05-01,1\n2021-05-01,2\n2022-05-01,{of_2022}\n2023-05-01,4\n2024-05-01,5\n");
    std::fs::write(format!("{}.csv", world.database().display()), text).unwrap();
}

/// The event-time starts of an attempt's batches in `run_results.json`, of all its invocations in `dbt.log`.
fn started_batches(world: &World, attempt: u32) -> Vec<String> {
    let log = String::from_utf8(world.artifact(attempt, "dbt.log")).unwrap();
    let events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let started = events.filter(|event| event["info"]["name"] == "LogStartBatch");
    started.map(|event| event["data"]["description"].as_str().unwrap()[6..10].to_owned()).collect()
}

#[test]
fn only_the_batch_that_failed_runs_again_until_it_succeeds() {
    let Some(world) = world() else { return };
    world.plan(&json!([build(&[LANDED, YEARLY, TOTAL])]), &[LANDED, YEARLY, TOTAL], 600);
    assert_eq!(world.run(1, "a").code, Some(1));
    let first = world.result(1);
    let left = &first.unfinished_batches[&YEARLY.parse().unwrap()];
    assert_eq!(left.windows.len(), 1, "{left:?}");
    assert_eq!(left.windows[0].start.to_string(), "2022-01-01T00:00:00Z");
    let yearly = first.nodes.iter().find(|node| node.id.as_str() == YEARLY).unwrap();
    let message = yearly.message.as_deref().unwrap();
    assert!(message.contains("Could not convert string 'n/a'"), "{message}");

    assert_eq!(world.run(2, "b").code, Some(1), "the batch fails again, so the attempt fails");
    assert_eq!(started_batches(&world, 2), ["2022"]);
    assert_eq!(world.result(2).unfinished_batches, first.unfinished_batches);

    rows(&world, "3");
    assert_eq!(world.run(3, "c").code, Some(0));
    assert_eq!(started_batches(&world, 3), ["2022"]);
    let last = world.result(3);
    assert!(last.unfinished_batches.is_empty(), "{:?}", last.unfinished_batches);
    assert!(last.nodes.iter().any(|node| node.id.as_str() == YEARLY && node.status.is_success()));
    assert_eq!(world.query("select n from total"), "[(15,)]");
}
