//! Sources and docs use the glossary's words, and every doc comment says something.

use std::path::Path;

use landfall_structure::{allowed_words, short_doc_comments, tracked_files, word_findings, workspace_folder};

/// What is not the project's own prose: recorded data, generated files, and the words themselves.
const SKIPPED: [&str; 6] = [
    "Cargo.lock",
    "tests/conformance/",
    "shared/select/tests/fuzz/corpus/",
    "tests/structure/src/words.rs",
    "tests/structure/tests/allowed_words.txt",
    "docs/glossary.md",
];

#[test]
fn sources_and_docs_use_the_words_of_the_glossary() {
    let workspace = workspace_folder();
    let allowed = allowed_words(include_str!("allowed_words.txt"));
    let mut findings = Vec::new();
    for path in tracked_files(&workspace).unwrap() {
        if SKIPPED.iter().any(|skipped| path == *skipped || (skipped.ends_with('/') && path.starts_with(skipped))) {
            continue;
        }
        // Images and packed data are no text.
        let Ok(text) = std::fs::read_to_string(workspace.join(&path)) else { continue };
        findings.extend(word_findings(&path, &text, &allowed));
        if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
            findings.extend(short_doc_comments(&path, &text));
        }
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} lines; rewrite them, or name the line in allowed_words.txt if the word is the domain's\n{}",
        lines.len(),
        lines.join("\n")
    );
}
