//! No input causes a panic, an endless loop or contradictory results in selection and indexing.
//!
//! Each target runs on the seeds in `corpus/` and then on random edits of them, for two seconds. With
//! `BOLERO_RANDOM_TEST_TIME_MS=600000 cargo test -p landfall-select --test fuzz`, each runs for ten minutes. A failure
//! prints `BOLERO_RANDOM_SEED=...`, which reproduces it. After the fix, its input belongs in `corpus/`. The targets run on
//! stable Rust without a fuzzing engine.

// So that clippy allows in helpers what it allows in tests.
#![cfg(test)]

mod edits;

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use bolero::{check, produce};
use edits::{Edit, edited};
use landfall_manifest::Index;
use landfall_select::{Dialect, IndirectSelection, Request, Selectors, State, parse, select};

const TIME: Duration = Duration::from_secs(2);
const MODES: [IndirectSelection; 4] =
    [IndirectSelection::Eager, IndirectSelection::Cautious, IndirectSelection::Buildable, IndirectSelection::Empty];

/// The seeds of one kind, sorted by file name.
fn seeds(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(kind);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Runs the target on every seed, then on edited seeds until the time is over.
fn fuzz(kind: &str, target: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let seeds = seeds(kind);
    for seed in &seeds {
        target(seed);
    }
    let input = (produce::<u8>(), produce::<u8>(), produce::<Vec<Edit>>().with().len(0usize..=6));
    check!().with_test_time(TIME).with_generator(input).for_each(|(first, second, edits)| {
        let seed = &seeds[usize::from(*first) % seeds.len()];
        let other = &seeds[usize::from(*second) % seeds.len()];
        target(&edited(seed, other, edits));
    });
}

fn shop() -> Index {
    let seeds = seeds("manifests");
    seeds.iter().map(|seed| Index::from_slice(seed).unwrap()).max_by_key(Index::len).unwrap()
}

fn results(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/results").join(file)).unwrap()
}

fn state() -> State {
    let state = State::default().with_manifest(shop()).with_run_results(&results("run_results.json")).unwrap();
    let sources = results("sources.json");
    state.with_sources(&sources).unwrap().with_current_sources(&sources).unwrap()
}

/// A reader that returns at most seven bytes at a time, so that values are split at any byte.
struct SmallReads<'a>(&'a [u8]);

impl Read for SmallReads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(7);
        let (returned, rest) = self.0.split_at(count);
        buffer[..count].copy_from_slice(returned);
        self.0 = rest;
        Ok(count)
    }
}

#[test]
fn any_expression_is_evaluated_or_refused_and_prints_as_it_was_read() {
    let (index, state) = (shop(), state());
    fuzz("selections", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(spec) = parse(&text) {
            let printed = spec.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&spec), "printed as {printed}");
        }
        for indirect in MODES {
            let request = Request::select(text.as_ref()).indirect(indirect).state(&state);
            let alone = select(&index, &request);
            let excluded =
                select(&index, &Request::select("*").exclude(text.as_ref()).indirect(indirect).state(&state));
            assert_eq!(alone.is_ok(), excluded.is_ok());
        }
        let newest = Request { dialect: Dialect::NEWEST, ..Request::select(text.as_ref()) };
        let _: Result<_, _> = select(&index, &newest);
    });
}

#[test]
fn any_selectors_file_is_read_or_refused() {
    let (index, state) = (shop(), state());
    fuzz("selectors", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for dialect in [Dialect::default(), Dialect::NEWEST] {
            let Ok(selectors) = Selectors::from_yaml(&text, dialect) else { continue };
            for name in selectors.names() {
                let selector = Some(name.to_owned());
                let request = Request {
                    selector,
                    selectors_yml: Some(&text),
                    state: Some(&state),
                    dialect,
                    ..Request::default()
                };
                let _: Result<_, _> = select(&index, &request);
            }
        }
    });
}

#[test]
fn any_manifest_is_indexed_or_refused_alike_from_memory_and_from_a_reader() {
    fuzz("manifests", |bytes| {
        let whole = Index::from_slice(bytes).map(|index| index.to_bytes());
        let streamed = Index::from_manifest(SmallReads(bytes)).map(|index| index.to_bytes());
        assert_eq!(whole.as_ref().ok(), streamed.as_ref().ok());
        let Ok(stored) = whole else { return };
        let index = Index::from_bytes(&stored).unwrap();
        let state = State::default().with_manifest(shop());
        for expression in
            ["*", "@tag:*+0,models", "1+config.meta.level:3+", "state:modified+", "state:old", "version:old"]
        {
            let _: Result<_, _> = select(&index, &Request::select(expression).state(&state));
        }
        let _: Result<_, _> =
            select(&shop(), &Request::select("state:modified").state(&State::default().with_manifest(index)));
    });
}

#[test]
fn a_damaged_index_is_refused_or_can_be_used() {
    let stored = shop().to_bytes();
    let input = produce::<Vec<Edit>>().with().len(1usize..=4);
    check!().with_test_time(TIME).with_generator(input).for_each(|edits| {
        let Ok(index) = Index::from_vec(edited(&stored, &stored, edits)) else { return };
        let state = State::default().with_manifest(shop());
        for expression in
            ["*", "+models+", "tag:*", "source:*.*+", "config.meta.owner:f*", "state:modified", "version:old"]
        {
            let _: Result<_, _> = select(&index, &Request::select(expression).state(&state));
        }
        for node in index.nodes() {
            let _: usize = node.unique_id().len() + node.fqn().count() + node.tags().count() + node.macros().count();
        }
    });
}

#[test]
fn any_results_of_an_earlier_run_are_read_or_refused() {
    let index = shop();
    fuzz("results", |bytes| {
        let states = [State::with_run_results, State::with_sources, State::with_current_sources];
        for add in states {
            let Ok(state) = add(State::default(), bytes) else { continue };
            for expression in ["result:error+", "source_status:fresher+"] {
                let _: Result<_, _> = select(&index, &Request::select(expression).state(&state));
            }
        }
    });
}
