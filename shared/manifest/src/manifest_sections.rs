//! Reads the sections of a manifest, in any order, into the builder of an index.

use serde_json::value::RawValue;

use crate::error::ManifestError;
use crate::index_builder::Builder;
use crate::manifest_stream::{ByteSource, ManifestStream};
use crate::raw_entries::{RawMacro, RawMetadata, RawNode};
use crate::resource_type::ResourceType;

/// Reads the whole manifest into `builder`.
pub(crate) fn read_manifest<I: ByteSource>(
    stream: &mut ManifestStream<I>,
    builder: &mut Builder,
) -> Result<(), ManifestError> {
    check_beginning(stream)?;
    let mut metadata_seen = false;
    stream.object("the manifest", |stream, section| match section {
        "metadata" => {
            let metadata = stream.value(
                || "\"metadata\"".to_owned(),
                |json| serde_json::from_str::<RawMetadata>(json).map_err(|error| error.to_string()),
            )?;
            metadata_seen = true;
            builder.metadata(metadata)
        }
        "nodes" => nodes(stream, builder, section, None),
        "sources" => nodes(stream, builder, section, Some(ResourceType::Source)),
        "exposures" => nodes(stream, builder, section, Some(ResourceType::Exposure)),
        "metrics" => nodes(stream, builder, section, Some(ResourceType::Metric)),
        "semantic_models" => nodes(stream, builder, section, Some(ResourceType::SemanticModel)),
        "saved_queries" => nodes(stream, builder, section, Some(ResourceType::SavedQuery)),
        "unit_tests" => nodes(stream, builder, section, Some(ResourceType::UnitTest)),
        "functions" => nodes(stream, builder, section, Some(ResourceType::Function)),
        "macros" => entries(stream, section, |id, json| {
            let raw: RawMacro<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            builder.add_macro(id, &raw);
            Ok(())
        }),
        "disabled" => entries(stream, section, |id, json| {
            let raw: Vec<RawNode<'_>> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            builder.disabled(id, &raw);
            Ok(())
        }),
        "selectors" => stream.value(
            || "\"selectors\"".to_owned(),
            |json| {
                let raw: Option<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
                builder.selectors(raw.map(RawValue::get));
                Ok(())
            },
        ),
        other => stream.skip(other),
    })?;
    stream.end()?;
    if metadata_seen {
        Ok(())
    } else {
        Err(ManifestError::NotAManifest { found: "a JSON object without \"metadata\"".to_owned() })
    }
}

/// Refuses a file whose first byte shows that it is no manifest, and names what it is.
fn check_beginning<I: ByteSource>(stream: &mut ManifestStream<I>) -> Result<(), ManifestError> {
    let first = match stream.peek() {
        Err(ManifestError::Truncated { offset, .. }) => {
            let found = if offset == 0 { "an empty file".to_owned() } else { format!("a file of {offset} blanks") };
            return Err(ManifestError::NotAManifest { found });
        }
        other => other?,
    };
    let found = match first {
        b'{' => return Ok(()),
        b'[' => "a JSON list".to_owned(),
        0x1f => "a gzip file".to_owned(),
        0x28 => "probably a zstd file".to_owned(),
        b'P' => "probably a zip file".to_owned(),
        byte => format!("a file that starts with byte 0x{byte:02x}"),
    };
    Err(ManifestError::NotAManifest { found })
}

fn nodes<I: ByteSource>(
    stream: &mut ManifestStream<I>,
    builder: &mut Builder,
    section: &str,
    kind: Option<ResourceType>,
) -> Result<(), ManifestError> {
    entries(stream, section, |id, json| {
        let raw: RawNode<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        builder.add_node(id, kind, &raw);
        Ok(())
    })
}

/// Calls `each` for every entry of a section of the form `{unique_id: entry}`. Null counts as empty.
fn entries<I: ByteSource>(
    stream: &mut ManifestStream<I>,
    section: &str,
    mut each: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), ManifestError> {
    if stream.null(section)? {
        return Ok(());
    }
    stream.object(&format!("\"{section}\""), |stream, id| {
        stream.value(|| format!("\"{section}\" entry \"{id}\""), |json| each(id, json))
    })
}
