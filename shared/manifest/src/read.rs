//! The manifest's sections, in whatever order they come.

use serde_json::value::RawValue;

use crate::builder::Builder;
use crate::error::ManifestError;
use crate::raw::{RawMacro, RawMetadata, RawNode};
use crate::resource::ResourceType;
use crate::walk::{Input, Walker};

/// Reads the whole manifest into `builder`.
pub(crate) fn read_manifest<I: Input>(walker: &mut Walker<I>, builder: &mut Builder) -> Result<(), ManifestError> {
    check_beginning(walker)?;
    let mut metadata_seen = false;
    walker.object("the manifest", |walker, section| match section {
        "metadata" => {
            let metadata = walker.value(
                || "\"metadata\"".to_owned(),
                |json| serde_json::from_str::<RawMetadata>(json).map_err(|error| error.to_string()),
            )?;
            metadata_seen = true;
            builder.metadata(metadata)
        }
        "nodes" => nodes(walker, builder, section, None),
        "sources" => nodes(walker, builder, section, Some(ResourceType::Source)),
        "exposures" => nodes(walker, builder, section, Some(ResourceType::Exposure)),
        "metrics" => nodes(walker, builder, section, Some(ResourceType::Metric)),
        "semantic_models" => nodes(walker, builder, section, Some(ResourceType::SemanticModel)),
        "saved_queries" => nodes(walker, builder, section, Some(ResourceType::SavedQuery)),
        "unit_tests" => nodes(walker, builder, section, Some(ResourceType::UnitTest)),
        "functions" => nodes(walker, builder, section, Some(ResourceType::Function)),
        "macros" => entries(walker, section, |id, json| {
            let raw: RawMacro<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            builder.add_macro(id, &raw);
            Ok(())
        }),
        "disabled" => entries(walker, section, |id, json| {
            let raw: Vec<RawNode<'_>> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            builder.disabled(id, &raw);
            Ok(())
        }),
        "selectors" => walker.value(
            || "\"selectors\"".to_owned(),
            |json| {
                let raw: Option<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
                builder.selectors(raw.map(RawValue::get));
                Ok(())
            },
        ),
        other => walker.skip(other),
    })?;
    walker.end()?;
    if metadata_seen {
        Ok(())
    } else {
        Err(ManifestError::NotAManifest { found: "a JSON object without \"metadata\"".to_owned() })
    }
}

/// Names what is there if it cannot be a manifest at all.
fn check_beginning<I: Input>(walker: &mut Walker<I>) -> Result<(), ManifestError> {
    let first = match walker.peek() {
        Err(ManifestError::Truncated { offset, .. }) => {
            let found = if offset == 0 { "an empty file".to_owned() } else { format!("a file of {offset} blanks") };
            return Err(ManifestError::NotAManifest { found });
        }
        other => other?,
    };
    let found = match first {
        b'{' => return Ok(()),
        b'[' => "a JSON list".to_owned(),
        0x1f => "a gzip file; unpack it first".to_owned(),
        0x28 => "what may be a zstd file; unpack it first".to_owned(),
        b'P' => "what may be a zip file".to_owned(),
        byte => format!("a file that begins with byte 0x{byte:02x}"),
    };
    Err(ManifestError::NotAManifest { found })
}

fn nodes<I: Input>(
    walker: &mut Walker<I>,
    builder: &mut Builder,
    section: &str,
    kind: Option<ResourceType>,
) -> Result<(), ManifestError> {
    entries(walker, section, |id, json| {
        let raw: RawNode<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        builder.add_node(id, kind, &raw);
        Ok(())
    })
}

/// Goes through a section of the form `{unique_id: entry}`; null counts as empty.
fn entries<I: Input>(
    walker: &mut Walker<I>,
    section: &str,
    mut each: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), ManifestError> {
    if walker.null(section)? {
        return Ok(());
    }
    walker.object(&format!("\"{section}\""), |walker, id| {
        walker.value(|| format!("\"{section}\" entry \"{id}\""), |json| each(id, json))
    })
}
