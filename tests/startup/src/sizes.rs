//! The zipped size of a function: `sam deploy` uploads it, and Lambda fetches it before a cold start.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use flate2::{Compression, write::DeflateEncoder};

/// The largest zipped size of a function in bytes: 4 MB.
pub const MOST_ZIPPED: u64 = 4_000_000;

/// The bytes that a zip adds to one file, rounded up.
const FRAME: u64 = 256;

/// Returns the bytes of a zip that holds the program alone, compressed as `sam deploy` does it: deflate at the
/// default level.
///
/// # Errors
///
/// Fails if the program cannot be read.
pub fn zipped(program: &Path) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(Counted(0), Compression::default());
    io::copy(&mut BufReader::new(File::open(program)?), &mut encoder)?;
    Ok(encoder.finish()?.0 + FRAME)
}

struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_compressed_bytes() {
        let file = std::env::temp_dir().join(format!("landfall-sizes-{}", std::process::id()));
        std::fs::write(&file, vec![7_u8; 1_000_000]).unwrap();
        let size = zipped(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!((FRAME..FRAME + 10_000).contains(&size), "{size}");
    }
}
