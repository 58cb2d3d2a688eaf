//! A check of the free disk space, before anything is installed.

use std::path::Path;

use super::SetupError;
use crate::text;

/// Checks that the file system of the folder has `needed` bytes free.
///
/// # Errors
///
/// Less is free, or the file system cannot be read.
pub fn require_disk_space(folder: &Path, needed: u64) -> Result<(), SetupError> {
    let stat = nix::sys::statvfs::statvfs(folder)
        .map_err(|error| SetupError::Files { path: folder.to_owned(), source: error.into() })?;
    // The fields' widths differ between systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "u32 on macOS, u64 on Linux")]
    let free = u64::from(stat.blocks_available()).saturating_mul(stat.fragment_size() as u64);
    if free < needed {
        return Err(SetupError::DiskSpace {
            folder: folder.to_owned(),
            free: text::bytes(free),
            needed: text::bytes(needed),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_disk_space_is_an_error() {
        require_disk_space(Path::new("."), 1).unwrap();
        let error = require_disk_space(Path::new("."), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("too little disk space") && error.contains("delete files"), "{error}");
    }
}
