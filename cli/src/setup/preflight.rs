//! Room on the disk, before anything is begun.

use std::path::Path;

use super::SetupError;
use crate::terminal;

/// Fails unless the folder's file system has that many bytes free.
pub fn require_disk(folder: &Path, needed: u64) -> Result<(), SetupError> {
    let stat = nix::sys::statvfs::statvfs(folder)
        .map_err(|error| SetupError::Files { path: folder.to_owned(), source: error.into() })?;
    // The fields' widths differ between systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "u32 on macOS, u64 on Linux")]
    let free = u64::from(stat.blocks_available()).saturating_mul(stat.fragment_size() as u64);
    if free < needed {
        return Err(SetupError::NoRoom {
            folder: folder.to_owned(),
            free: terminal::bytes(free),
            needed: terminal::bytes(needed),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_one_sentence() {
        require_disk(Path::new("."), 1).unwrap();
        let error = require_disk(Path::new("."), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("free and") && error.contains("make room"), "{error}");
    }
}
