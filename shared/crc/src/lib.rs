//! CRC-32, CRC-32C and CRC-64/NVME by the crate `crc`: what `aws-smithy-checksums` uses of the crate `crc-fast`, in its place.
//!
//! The tables of `crc-fast` are for every checksum there is, chosen when it runs, so that no linker can leave any of them out: half a megabyte and more of
//! each zipped function, for bodies of at most some megabytes that take milliseconds this way. S3 refuses a body whose checksum is wrong.

use std::fmt;

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};

/// The checksum algorithms that the SDK uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32/ISO-HDLC, which S3 calls CRC32.
    Crc32IsoHdlc,
    /// CRC-32/ISCSI, which S3 calls CRC32C.
    Crc32Iscsi,
    /// The algorithm CRC-64/NVME.
    Crc64Nvme,
}

/// One table each, of one or two kilobytes: the crate's larger ones are faster, but tables do not compress.
type Small = Table<1>;

static ISO_HDLC: Crc<u32, Small> = Crc::<u32, Small>::new(&CRC_32_ISO_HDLC);
static ISCSI: Crc<u32, Small> = Crc::<u32, Small>::new(&CRC_32_ISCSI);
static NVME: Crc<u64, Small> = Crc::<u64, Small>::new(&CRC_64_NVME);

/// A checksum of bytes that come piece by piece.
#[derive(Clone)]
pub struct Digest(Width);

#[derive(Clone)]
enum Width {
    Half(crc::Digest<'static, u32, Small>),
    Full(crc::Digest<'static, u64, Small>),
}

/// The SDK's own types derive it.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:x})", self.finalize())
    }
}

impl Digest {
    /// Of nothing yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Width::Half(ISO_HDLC.digest()),
            CrcAlgorithm::Crc32Iscsi => Width::Half(ISCSI.digest()),
            CrcAlgorithm::Crc64Nvme => Width::Full(NVME.digest()),
        })
    }

    /// With these bytes too.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Width::Half(digest) => digest.update(bytes),
            Width::Full(digest) => digest.update(bytes),
        }
    }

    /// The checksum; of 32 bits the lower half.
    pub fn finalize(&self) -> u64 {
        match &self.0 {
            Width::Half(digest) => digest.clone().finalize().into(),
            Width::Full(digest) => digest.clone().finalize(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_catalogue_in_one_piece_and_in_several() {
        for (algorithm, expected) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xCBF4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xE306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xAE8B_1486_0A79_9888),
        ] {
            let mut whole = Digest::new(algorithm);
            whole.update(b"123456789");
            assert_eq!(whole.finalize(), expected, "{algorithm:?}");
            let mut pieces = Digest::new(algorithm);
            for piece in [&b"1234"[..], b"", b"56789"] {
                pieces.update(piece);
            }
            assert_eq!(pieces.finalize(), expected, "{algorithm:?}");
            assert_eq!(Digest::new(algorithm).finalize(), 0, "{algorithm:?} of nothing");
        }
    }
}
