//! How a selection prints: as it would be written on the command line.

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

    fn write(&self, out: &mut impl fmt::Write, method: bool) -> fmt::Result {
        if self.childrens_parents {
            out.write_char('@')?;
        }
        match self.parents {
            Some(Reach::All) => out.write_char('+')?,
            Some(Reach::Layers(layers)) => write!(out, "{layers}+")?,
            None => {}
        }
        if method {
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

/// As an operator would write it on the command line: the method is left out where dbt would choose it anyway.
///
/// Parsing the text gives the same criteria again unless they came from selectors.yml and hold what the command line cannot express:
/// spaces, commas, a trailing `+`, or a value that is no string.
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
        let (group, between) = match self {
            Self::Criteria(criteria) => return criteria.fmt(formatter),
            Self::Union(group) => (group, " "),
            Self::Intersection(group) => (group, ","),
            Self::Difference(group) => (group, " --exclude "),
        };
        for (number, part) in group.parts.iter().enumerate() {
            if number > 0 {
                formatter.write_str(between)?;
            }
            part.fmt(formatter)?;
        }
        Ok(())
    }
}
