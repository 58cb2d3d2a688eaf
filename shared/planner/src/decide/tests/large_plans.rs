//! How a plan gives dbt its nodes, by dbt's version and the number of nodes.

use serde_json::{Value, json};

use super::world::{PROJECT, World, release_of};
use crate::{Plan, Step};

const MODEL: &str = "model.jaffle.stg_orders";

/// Returns the plan of a load by that version of dbt, in the example with that many more models.
fn plan(dbt: &str, more: usize) -> Plan {
    let edit = |manifest: &mut Value| {
        manifest["metadata"]["dbt_version"] = json!(dbt);
        let model = manifest["nodes"][MODEL].clone();
        let parents = manifest["parent_map"][MODEL].clone();
        for number in 0..more {
            let (name, id) = (format!("more_{number}"), format!("model.jaffle.more_{number}"));
            let mut model = model.clone();
            for field in ["name", "alias"] {
                model[field] = json!(name);
            }
            model["unique_id"] = json!(id);
            *model["fqn"].as_array_mut().unwrap().last_mut().unwrap() = json!(name);
            manifest["nodes"][&id] = model;
            manifest["parent_map"][&id] = parents.clone();
            manifest["child_map"][&id] = json!([]);
        }
    };
    let mut world = World::on(release_of("r1", PROJECT, None, &edit));
    world.load("orders/1.csv");
    world.last_plan()
}

fn build(plan: &Plan) -> &crate::Selection {
    let build = plan.steps.iter().find_map(|step| match step {
        Step::Build(selection) => Some(selection),
        _ => None,
    });
    build.unwrap()
}

#[test]
fn a_large_plan_for_dbt_1_has_ids_and_no_name_of_a_node() {
    let small = plan("1.11.16", 0);
    assert!(small.selects_by_id());
    assert!(!build(&small).select.is_empty() && small.nodes.iter().all(|node| !node.select.is_empty()));
    let large = plan("1.11.16", 6_000);
    assert!(build(&large).nodes.len() > 6_000);
    assert!(build(&large).select.len() <= 2, "landfall.yml's selection or nothing: {:?}", build(&large).select);
    assert!(large.nodes.iter().all(|node| node.select.is_empty() && node.parents.is_empty()));
}

#[test]
fn a_large_plan_for_dbt_2_has_names_and_parents() {
    let small = plan("2.0.9", 0);
    assert!(!small.selects_by_id());
    assert!(small.nodes.iter().all(|node| !node.select.is_empty() && node.parents.is_empty()));
    let large = plan("2.0.9", 6_000);
    assert!(large.nodes.iter().all(|node| !node.select.is_empty()));
    let position = |id: &str| large.nodes.iter().position(|node| node.id.as_str() == id).unwrap();
    let orders = &large.nodes[position("model.jaffle.fct_orders")];
    assert!(orders.parents.contains(&u32::try_from(position(MODEL)).unwrap()), "{orders:?}");
}
