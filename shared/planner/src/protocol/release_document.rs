//! release.json: what `landfall release` asks the stack to put into place.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::versioned_json::{DocumentError, Format};
use crate::ReleaseId;

/// The version of release.json that this code reads and writes.
pub const RELEASE_VERSION: u32 = 2;

const FORMAT: Format = Format {
    document: "release.json",
    version: RELEASE_VERSION,
    remedy: "run `landfall release` again, with the `landfall` of the deployed stack",
};

/// release.json, the object that `landfall release` writes last under `releases/<release>/`. Its arrival starts
/// `on-release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseDocument {
    /// The format version, [`RELEASE_VERSION`].
    pub version: u32,
    /// The release's id, also the name of its folder.
    pub release: ReleaseId,
    /// The time of the release by the clock of the machine that made it.
    pub created_at: Timestamp,
    /// The container image, by digest. If absent, the release runs with the stack's own task definition.
    #[serde(default)]
    pub image: Option<String>,
    /// The dbt target with which the manifest was parsed, if the command named one.
    #[serde(default)]
    pub target: Option<String>,
    /// Whether the release takes the place of a newer one (`landfall release --force`).
    #[serde(default)]
    pub force: bool,
}

impl ReleaseDocument {
    /// Reads release.json.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not the JSON of a release document, or are one of another format version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        FORMAT.read(bytes)
    }
}
