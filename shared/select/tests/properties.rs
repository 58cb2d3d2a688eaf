//! Properties that hold for every selection, on small random graphs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeSet;

use landfall_manifest::Index;
use landfall_select::{IndirectSelection, Request, SelectError, parse, select};
use proptest::prelude::*;
use serde_json::json;

/// A graph of models: for each model its parents, which have smaller numbers, and its tag.
#[derive(Debug, Clone)]
struct Graph {
    parents: Vec<BTreeSet<usize>>,
    tags: Vec<u8>,
}

fn graphs() -> impl Strategy<Value = Graph> {
    (1usize..12).prop_flat_map(|count| {
        let parents = (0..count).map(|model| prop::collection::btree_set(0..model.max(1), 0..3)).collect::<Vec<_>>();
        (parents, prop::collection::vec(0u8..3, count)).prop_map(|(mut parents, tags)| {
            parents[0].clear();
            Graph { parents, tags }
        })
    })
}

fn id(model: usize) -> String {
    format!("model.p.m{model}")
}

fn index(graph: &Graph) -> Index {
    let mut nodes = serde_json::Map::new();
    for (model, parents) in graph.parents.iter().enumerate() {
        let node = json!({
            "resource_type": "model", "name": format!("m{model}"), "package_name": "p", "fqn": ["p", format!("m{model}")],
            "original_file_path": format!("models/t{}/m{model}.sql", graph.tags[model]), "raw_code": "select 1",
            "tags": [format!("t{}", graph.tags[model])], "config": {"enabled": true, "materialized": "view"},
            "depends_on": {"macros": [], "nodes": parents.iter().map(|parent| id(*parent)).collect::<Vec<_>>()},
        });
        nodes.insert(id(model), node);
        // Each test depends on a model and its first parent.
        let mut tested = vec![id(model)];
        tested.extend(parents.first().map(|parent| id(*parent)));
        let test = json!({
            "resource_type": "test", "name": format!("t{model}"), "package_name": "p", "fqn": ["p", format!("t{model}")],
            "original_file_path": "models/m.yml", "raw_code": "x", "tags": [], "config": {"enabled": true, "materialized": "test"},
            "depends_on": {"macros": [], "nodes": tested}, "test_metadata": {"name": "unique"},
        });
        nodes.insert(format!("test.p.t{model}"), test);
    }
    let manifest = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "p"},
        "nodes": nodes,
    });
    Index::from_slice(manifest.to_string().as_bytes()).unwrap()
}

fn ids(index: &Index, request: &Request<'_>) -> BTreeSet<String> {
    let selected = select(index, request).unwrap();
    selected.unique_ids(index).into_iter().map(str::to_owned).collect()
}

/// The selected models without indirect selection, so that set operations apply to them exactly.
fn plain(index: &Index, expression: &str) -> BTreeSet<String> {
    ids(index, &Request::select(expression).indirect(IndirectSelection::Empty).resource_type("model"))
}

/// The models within that many steps of the start, computed in the simplest way.
fn naive(graph: &Graph, start: &BTreeSet<usize>, up: bool, layers: usize) -> BTreeSet<usize> {
    let mut all = start.clone();
    for _ in 0..layers.min(graph.parents.len()) {
        let step: Vec<usize> = (0..graph.parents.len())
            .filter(|model| {
                if up {
                    all.iter().any(|child| graph.parents[*child].contains(model))
                } else {
                    graph.parents[*model].iter().any(|parent| all.contains(parent))
                }
            })
            .collect();
        all.extend(step);
    }
    all
}

fn expressions() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        (0usize..12).prop_map(|model| format!("m{model}")),
        (0u8..3).prop_map(|tag| format!("tag:t{tag}")),
        (0u8..3).prop_map(|tag| format!("models/t{tag}")),
        Just("m*".to_owned()),
        Just("m[1-4]".to_owned()),
    ];
    (prop_oneof![Just(""), Just("+"), Just("2+"), Just("@")], value, prop_oneof![Just(""), Just("+"), Just("+1")])
        .prop_map(|(before, value, after)| format!("{before}{value}{}", if before == "@" { "" } else { after }))
}

/// The fqns of models and seeds, and the versions of the models.
fn named_nodes() -> impl Strategy<Value = (Vec<String>, Option<u8>)> {
    let segment = prop_oneof![4 => "[abc]", 1 => "[abc]\\.[abc]|[abc]_2|\\.|"];
    (prop::collection::vec(segment, 0..5), prop_oneof![2 => Just(None), 1 => (1u8..3).prop_map(Some)])
}

fn of_nodes(nodes: &[(Vec<String>, Option<u8>)]) -> Index {
    let nodes = nodes.iter().enumerate().map(|(number, (fqn, version))| {
        let kind = if number % 3 == 2 { "seed" } else { "model" };
        let node = json!({
            "resource_type": kind, "name": format!("n{number}"), "package_name": "p", "fqn": fqn, "version": version,
            "original_file_path": "models/n.sql", "raw_code": "select 1", "tags": [], "config": {"enabled": true},
            "depends_on": {"macros": [], "nodes": []},
        });
        (format!("{kind}.p.n{number}"), node)
    });
    let manifest = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "p"},
        "nodes": nodes.collect::<serde_json::Map<_, _>>(),
    });
    Index::from_slice(manifest.to_string().as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn ancestors_and_descendants_agree_with_a_simple_reference(graph in graphs(), tag in 0u8..3, layers in 0usize..4) {
        let index = index(&graph);
        let start: BTreeSet<usize> = (0..graph.tags.len()).filter(|model| graph.tags[*model] == tag).collect();
        let named = |models: BTreeSet<usize>| models.into_iter().map(id).collect::<BTreeSet<_>>();
        prop_assert_eq!(plain(&index, &format!("{layers}+tag:t{tag}")), named(naive(&graph, &start, true, layers)));
        prop_assert_eq!(plain(&index, &format!("tag:t{tag}+{layers}")), named(naive(&graph, &start, false, layers)));
        prop_assert_eq!(plain(&index, &format!("+tag:t{tag}")), named(naive(&graph, &start, true, usize::MAX)));
        let descendants = naive(&graph, &start, false, usize::MAX);
        prop_assert_eq!(plain(&index, &format!("@tag:t{tag}")), named(naive(&graph, &descendants, true, usize::MAX)));
    }

    #[test]
    fn spaces_are_unions_commas_are_intersections_and_exclude_subtracts(graph in graphs(), a in expressions(), b in expressions()) {
        let index = index(&graph);
        let (left, right) = (plain(&index, &a), plain(&index, &b));
        prop_assert_eq!(plain(&index, &format!("{a} {b}")), &left | &right);
        prop_assert_eq!(plain(&index, &format!("{a},{b}")), &left & &right);
        let without = Request::select(a.as_str()).exclude(b.as_str()).indirect(IndirectSelection::Empty).resource_type("model");
        prop_assert_eq!(ids(&index, &without), &left - &right);
        prop_assert_eq!(plain(&index, &format!("{a} {a}")), left);
    }

    #[test]
    fn each_mode_of_indirect_selection_selects_a_superset_of_the_stricter_one(graph in graphs(), a in expressions()) {
        let index = index(&graph);
        let by = |mode| ids(&index, &Request::select(a.as_str()).indirect(mode));
        let (eager, buildable) = (by(IndirectSelection::Eager), by(IndirectSelection::Buildable));
        let (cautious, empty) = (by(IndirectSelection::Cautious), by(IndirectSelection::Empty));
        prop_assert!(empty.is_subset(&cautious) && cautious.is_subset(&buildable) && buildable.is_subset(&eager));
    }

    #[test]
    fn a_name_selects_the_same_nodes_alone_and_among_many_names(nodes in prop::collection::vec(named_nodes(), 1..8), names in prop::collection::vec("[a-c.]{0,5}|a\\.[a-c]_2|[ab]\\.1", 1..8)) {
        let index = of_nodes(&nodes);
        for name in &names {
            let alone = Request::select(format!("fqn:{name}")).resource_type("model").resource_type("seed");
            let mut beside = alone.clone();
            beside.exclude = (0..16).map(|other| format!("fqn:elsewhere_{other}")).collect();
            prop_assert_eq!(ids(&index, &beside), ids(&index, &alone), "{}", name);
        }
    }

    #[test]
    fn no_expression_causes_a_panic(text in any::<String>(), more in "[-@+*?\\[\\]!.:,/ a-z0-9_\u{e9}]{0,24}") {
        let index = index(&Graph { parents: vec![BTreeSet::new(), BTreeSet::from([0])], tags: vec![0, 1] });
        for expression in [text.as_str(), more.as_str()] {
            for request in [Request::select(expression), Request::select("*").exclude(expression)] {
                let _: Result<_, SelectError> = select(&index, &request);
            }
            let yaml = format!("selectors:\n- name: s\n  definition: {expression}\n");
            for text in [expression, yaml.as_str()] {
                let request = Request { selector: Some("s".to_owned()), selectors_yml: Some(text), ..Request::default() };
                let _: Result<_, SelectError> = select(&index, &request);
            }
        }
    }

    #[test]
    fn a_parsed_selection_prints_as_text_that_parses_to_the_same(text in "[-@+*?.:,/ a-z0-9_\u{e9}\u{663}]{0,20}", prefix in "(tag:|config\\.a\\.b:|fqn:|path:|@|2\\+)?") {
        if let Ok(spec) = parse(&format!("{prefix}{text}")) {
            let printed = spec.to_string();
            prop_assert_eq!(parse(&printed).unwrap(), spec, "printed as {}", printed);
        }
    }

    #[test]
    fn a_stored_index_is_read_back_unchanged(graph in graphs()) {
        let first = index(&graph);
        let second = Index::from_bytes(&first.to_bytes()).unwrap();
        prop_assert_eq!(first.to_bytes(), second.to_bytes());
        prop_assert_eq!(plain(&first, "+m1+"), plain(&second, "+m1+"));
    }
}

#[test]
fn selectors_that_multiply_by_inheritance_are_refused() {
    let index = index(&Graph { parents: vec![BTreeSet::new()], tags: vec![0] });
    let inherits = |number: usize| {
        let before = format!("{{method: selector, value: s{}}}", number - 1);
        format!("- {{name: s{number}, definition: {{union: [{before}, {before}]}}}}\n")
    };
    let yaml = "selectors:\n- {name: s0, definition: m0}\n".to_owned() + &(1..64).map(inherits).collect::<String>();
    let request = Request { selector: Some("s63".to_owned()), selectors_yml: Some(&yaml), ..Request::default() };
    let refusal = select(&index, &request).unwrap_err().to_string();
    assert!(refusal.contains("inherit more than"), "{refusal}");
}
