//! No crate that ships has a circle of files, and the check finds one that is planted.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landfall_structure::{Circle, FileGraph, crate_roots, workspace_folder};

/// Reads a crate that is given as text: for each file its path and its content.
fn graph(files: &[(&str, &str)]) -> FileGraph {
    let files: BTreeMap<PathBuf, &str> = files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    FileGraph::read(Path::new("src/lib.rs"), &|path| files.get(path).map(|text| (*text).to_owned())).unwrap()
}

fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let names = |circle: Circle| circle.files.iter().map(|file| file.display().to_string()).collect();
    graph(files).circles().into_iter().map(names).collect()
}

#[test]
fn no_crate_that_ships_has_a_circle_of_files() {
    let workspace = workspace_folder();
    let read = |path: &Path| std::fs::read_to_string(workspace.join(path)).ok();
    let mut found = Vec::new();
    let roots = crate_roots(&workspace).unwrap();
    // A simulated system and the checks on it may know each other.
    for root in roots.into_iter().filter(|root| !root.starts_with("tests")) {
        let circles = FileGraph::read(&root, &read).unwrap().circles();
        found.extend(circles.iter().map(ToString::to_string));
    }
    assert!(found.is_empty(), "move what both sides need into a file below them\n{}", found.join("\n"));
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let found = graph(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::B; pub struct A(B);"),
        ("src/b.rs", "use crate::a::A; pub struct B(Option<Box<A>>);"),
    ])
    .circles();
    assert_eq!(found.len(), 1);
    let expected = "2 files need each other:\n  src/a.rs takes B from src/b.rs\n  src/b.rs takes A from src/a.rs";
    assert_eq!(found.first().unwrap().to_string(), expected);
}

#[test]
fn a_re_export_leads_to_the_file_that_defines_the_name() {
    let through_mod = [
        ("src/lib.rs", "mod rules; mod state; pub use state::Board;"),
        ("src/state/mod.rs", "mod board; pub use board::Board as Board; pub use crate::rules::*;"),
        ("src/state/board.rs", "use crate::rules; pub struct Board; fn f() { rules::check(); }"),
        ("src/rules.rs", "pub fn check() { let board: super::Board; }"),
    ];
    assert_eq!(circles(&through_mod), [["src/rules.rs", "src/state/board.rs"]]);
}

#[test]
fn a_circle_of_three_through_paths_macros_and_attributes_is_found() {
    let found = circles(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "pub fn a() { format!(\"{}\", self::super::b::b()); }"),
        ("src/b.rs", "pub fn b() { use crate::c as other; other::c(); }"),
        ("src/c.rs", "#[error(\"{}\", crate::a::a())] pub struct C; pub fn c() {}"),
    ]);
    assert_eq!(found, [["src/a.rs", "src/b.rs", "src/c.rs"]]);
}

#[test]
fn a_folder_may_call_its_own_files_and_share_types_with_them() {
    let inside = [
        ("src/lib.rs", "mod parent; pub fn root() { parent::f(); }"),
        ("src/parent/mod.rs", "mod child; pub struct Shared; pub fn f() { child::g(); }"),
        ("src/parent/child.rs", "use super::Shared; pub fn g() -> Shared { crate::root(); Shared }"),
    ];
    assert_eq!(circles(&inside), Vec::<Vec<String>>::new());
}

#[test]
fn two_folders_that_call_each_other_are_a_circle() {
    let across = [
        ("src/lib.rs", "mod left; mod right;"),
        ("src/left/mod.rs", "mod inner; pub use inner::inner; pub fn left() { crate::right::right(); }"),
        ("src/left/inner.rs", "pub fn inner() {}"),
        ("src/right.rs", "use crate::left; pub fn right() { left::inner(); left::left(); }"),
    ];
    assert_eq!(circles(&across), [["src/left/mod.rs", "src/right.rs"]]);
}

#[test]
fn declarations_re_exports_tests_and_doc_links_are_no_imports() {
    let found = circles(&[
        ("src/lib.rs", "mod a; mod b; mod parent; pub use a::A; pub const LIMIT: u32 = 1;"),
        (
            "src/a.rs",
            "//! See [`crate::b::B`].\nuse crate::LIMIT; pub struct A; #[cfg(test)] mod tests { use crate::b::B; }",
        ),
        ("src/b.rs", "use crate::a::A; pub struct B; impl B { #[cfg(test)] fn f() { crate::parent::p(); } }"),
        ("src/parent/mod.rs", "mod child; pub(crate) use child::C; pub fn p() {} #[cfg(test)] use crate::b::B;"),
        ("src/parent/child.rs", "pub struct C; fn c() { super::p(); crate::b::B; }"),
    ]);
    assert_eq!(found, Vec::<Vec<String>>::new());
}

#[test]
fn the_names_that_a_file_takes_are_known() {
    let graph = graph(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::{self, B}; fn f() -> b::Other { serde::b(); b::made_by_macro() }"),
        ("src/b.rs", "pub struct B; pub struct Other; make!(made_by_macro);"),
    ]);
    let names = graph.taken(Path::new("src/a.rs"), Path::new("src/b.rs")).unwrap();
    assert_eq!(names.iter().collect::<Vec<_>>(), ["B", "Other", "made_by_macro"]);
}
