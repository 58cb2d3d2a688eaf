//! Many selections on one manifest, for tools that check thousands of them.
//!
//! Each line of the input is a case (`landfall_select::JsonRequest`). Each line of the output is `{"id", "selected"}`
//! with sorted unique ids, or `{"id", "error"}` with the class and the text of the error. The output has the order of
//! the input, and a line that is no case is answered with an error.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
};

use landfall_manifest::Index;
use landfall_select::{Dialect, JsonRequest, State};
use serde::Serialize;

use super::{SelectCommandError, files};

#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Selected { id: &'a str, selected: Vec<&'a str> },
    Refused { id: &'a str, error: String },
    Invalid { id: (), error: String },
}

pub(super) fn run(
    index: &Index,
    state: Option<&State>,
    dialect: Dialect,
    cases: &Path,
    out: &mut impl Write,
) -> Result<(), SelectCommandError> {
    let lines = BufReader::new(files::open(cases)?).lines();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(|source| SelectCommandError::Read { path: cases.to_path_buf(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let case: Result<JsonRequest, _> = serde_json::from_str(&line);
        let answer = match &case {
            Err(error) => Answer::Invalid { id: (), error: format!("line {} is no case: {error}", number + 1) },
            Ok(case) => match case.select(index, state, dialect) {
                Ok(selected) => Answer::Selected { id: &case.id, selected: selected.unique_ids(index) },
                Err(error) => Answer::Refused { id: &case.id, error: format!("{}: {error}", error.class()) },
            },
        };
        serde_json::to_writer(&mut *out, &answer).map_err(|error| SelectCommandError::Write(error.into()))?;
        out.write_all(b"\n").map_err(SelectCommandError::Write)?;
    }
    out.flush().map_err(SelectCommandError::Write)
}
