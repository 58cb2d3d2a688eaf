//! CRC-32, CRC-32C and CRC-64/NVME, byte by byte: what `aws-smithy-checksums` uses of the crate `crc-fast`, in its place.
//!
//! That crate's tables are for every checksum there is, chosen when it runs, so that no linker can leave any of them out: half a megabyte of each
//! zipped function, for bodies of at most some megabytes that take milliseconds this way. S3 refuses a body whose checksum is wrong.
//! <https://reveng.sourceforge.io/crc-catalogue/all.htm>

/// Which checksum. All are reflected, start as ones and are inverted at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32/ISO-HDLC, which S3 calls CRC32.
    Crc32IsoHdlc,
    /// CRC-32/ISCSI, which S3 calls CRC32C.
    Crc32Iscsi,
    /// CRC-64/NVME.
    Crc64Nvme,
}

type Table = [u64; 256];

static ISO_HDLC: Table = table(0xEDB8_8320);
static ISCSI: Table = table(0x82F6_3B78);
static NVME: Table = table(0x9A6C_9329_AC4B_C9B5);

/// What each byte adds, for a reflected polynomial of whatever width.
const fn table(polynomial: u64) -> Table {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ polynomial } else { rest >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "below 256, and known to the compiler")]
        {
            table[byte] = rest;
        }
        byte += 1;
    }
    table
}

/// A checksum of bytes that come piece by piece.
#[derive(Debug, Clone)]
pub struct Digest {
    table: &'static Table,
    ones: u64,
    state: u64,
}

impl Digest {
    /// Of nothing yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        let (table, ones) = match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => (&ISO_HDLC, u64::from(u32::MAX)),
            CrcAlgorithm::Crc32Iscsi => (&ISCSI, u64::from(u32::MAX)),
            CrcAlgorithm::Crc64Nvme => (&NVME, u64::MAX),
        };
        Self { table, ones, state: ones }
    }

    /// With these bytes too.
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.state.to_le_bytes();
            let added = self.table.get(usize::from(low ^ byte)).copied().unwrap_or_default();
            self.state = (self.state >> 8) ^ added;
        }
    }

    /// The checksum; of 32 bits the lower half.
    pub fn finalize(&self) -> u64 {
        self.state ^ self.ones
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
