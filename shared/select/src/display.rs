//! Prints a selection as it would be written on the command line.

use std::fmt;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::parse;
use crate::spec::{Criteria, Reach, Spec};

impl Criteria {
    fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn write(&self, out: &mut impl fmt::Write, with_method: bool) -> fmt::Result {
        if self.childrens_parents {
            out.write_char('@')?;
        }
        match self.parents {
            Some(Reach::All) => out.write_char('+')?,
            Some(Reach::Layers(layers)) => write!(out, "{layers}+")?,
            None => {}
        }
        if with_method {
            out.write_str(self.method.as_str())?;
            for argument in &self.arguments {
                write!(out, ".{argument}")?;
            }
            out.write_char(':')?;
        }
        out.write_str(&self.text())?;
        match self.children {
            Some(Reach::All) => out.write_char('+')?,
            Some(Reach::Layers(layers)) => write!(out, "+{layers}")?,
            None => {}
        }
        Ok(())
    }
}

/// Writes the criteria as on the command line, without the method where dbt would choose it anyway.
///
/// Parsing the text gives the same criteria again, unless they came from selectors.yml and the command line cannot
/// express them: spaces, commas, a trailing `+`, or a value that is no string.
impl fmt::Display for Criteria {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut short = String::new();
        self.write(&mut short, false)?;
        let same = parse::criteria(&short, Dialect::NEWEST)
            .is_ok_and(|parsed| Self { indirect: self.indirect, ..parsed } == *self);
        if same { formatter.write_str(&short) } else { self.write(formatter, true) }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (combination, between) = match self {
            Self::Criteria(criteria) => return criteria.fmt(formatter),
            Self::Union(combination) => (combination, " "),
            Self::Intersection(combination) => (combination, ","),
            Self::Difference(combination) => (combination, " --exclude "),
        };
        for (number, part) in combination.parts.iter().enumerate() {
            if number > 0 {
                formatter.write_str(between)?;
            }
            part.fmt(formatter)?;
        }
        Ok(())
    }
}
