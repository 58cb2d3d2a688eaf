//! The stages of `make test` share their builds of the dependencies.

use std::{collections::BTreeSet, process::Command};

/// The dependencies and their features, as `cargo tree` prints them for these packages.
fn dependencies(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(arguments)
        .current_dir(super::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Crates of this workspace have a path in brackets. Their own features do not make cargo build the large
    // dependencies twice.
    text.lines()
        .filter(|line| !line.contains("(/"))
        .map(|line| line.trim_end_matches(" (*)").trim_end().to_owned())
        .collect()
}

/// The packages that the Makefile builds for a stack.
fn packages(makefile: &str) -> Vec<&str> {
    let (_, rest) = makefile.split_once("\nPACKAGES := ").unwrap();
    let mut words = Vec::new();
    for line in rest.lines() {
        words.extend(line.trim_end_matches('\\').split_whitespace());
        if !line.ends_with('\\') {
            break;
        }
    }
    words
}

#[test]
fn programs_documentation_and_tests_are_built_with_the_same_features() {
    let makefile = std::fs::read_to_string(super::root().join("Makefile")).unwrap();
    let packages = packages(&makefile);
    assert!(packages.contains(&"landfall-task"), "{packages:?}");
    let tests = dependencies(&["--workspace"]);
    for (stage, arguments) in [("programs", packages.as_slice()), ("documentation", &["--workspace"][..])] {
        let without_tests = dependencies(&[arguments, &["--edges", "no-dev"]].concat());
        let differ: Vec<&String> = without_tests.difference(&tests).collect();
        assert!(
            differ.is_empty(),
            "the {stage} are built with other features than the tests, so cargo builds twice; add the features to \
             tests/Cargo.toml: {differ:#?}"
        );
    }
}
