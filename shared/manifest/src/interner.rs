//! Stores each distinct string and each distinct list of strings once, and names it by a number.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ManifestError;
use crate::index_layout::{NONE, u32s};

/// The distinct strings, in the order in which they were first seen.
#[derive(Debug)]
pub(crate) struct Strings {
    text: String,
    offsets: Vec<u32>,
    ids: HashTable<u32>,
    full: bool,
}

impl Strings {
    pub(crate) fn new() -> Self {
        let mut strings = Self { text: String::new(), offsets: vec![0], ids: HashTable::new(), full: false };
        strings.id("");
        strings
    }

    /// The id of `value`, which is stored if it is new.
    pub(crate) fn id(&mut self, value: &str) -> u32 {
        let hash = xxh3_64(value.as_bytes());
        let (text, offsets) = (&self.text, &self.offsets);
        if let Some(found) = self.ids.find(hash, |id| slice(text, offsets, *id) == value) {
            return *found;
        }
        let id = (self.offsets.len() - 1) as u32;
        let Some(end) = u32::try_from(self.text.len() + value.len()).ok().filter(|_| id < NONE - 1) else {
            self.full = true;
            return 0;
        };
        self.text.push_str(value);
        self.offsets.push(end);
        let (text, offsets) = (&self.text, &self.offsets);
        self.ids.insert_unique(hash, id, |id| xxh3_64(slice(text, offsets, *id).as_bytes()));
        id
    }

    pub(crate) fn optional(&mut self, value: Option<&str>) -> u32 {
        value.map_or(NONE, |value| self.id(value))
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        slice(&self.text, &self.offsets, id)
    }

    /// Returns the text and the offsets as bytes.
    pub(crate) fn finish(self) -> Result<(Vec<u8>, Vec<u8>), ManifestError> {
        if self.full {
            return Err(ManifestError::TooLarge { what: "its distinct strings are larger than 4 GiB".to_owned() });
        }
        Ok((self.text.into_bytes(), u32s(self.offsets)))
    }
}

fn slice<'a>(text: &'a str, offsets: &[u32], id: u32) -> &'a str {
    let id = id as usize;
    match (offsets.get(id), offsets.get(id + 1)) {
        (Some(start), Some(end)) => text.get(*start as usize..*end as usize).unwrap_or_default(),
        _ => "",
    }
}

/// The distinct lists of string ids. Each is stored as a count and its items, and its id is the position of the count.
#[derive(Debug)]
pub(crate) struct Lists {
    pool: Vec<u32>,
    ids: HashTable<u32>,
}

impl Lists {
    pub(crate) fn new() -> Self {
        let mut lists = Self { pool: Vec::new(), ids: HashTable::new() };
        lists.id(&[]);
        lists
    }

    pub(crate) fn id(&mut self, items: &[u32]) -> u32 {
        let hash = digest(items);
        let pool = &self.pool;
        if let Some(found) = self.ids.find(hash, |at| list(pool, *at) == items) {
            return *found;
        }
        let at = self.pool.len() as u32;
        self.pool.push(items.len() as u32);
        self.pool.extend_from_slice(items);
        let pool = &self.pool;
        self.ids.insert_unique(hash, at, |at| digest(list(pool, *at)));
        at
    }

    pub(crate) fn get(&self, id: u32) -> &[u32] {
        list(&self.pool, id)
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, ManifestError> {
        if self.pool.len() >= NONE as usize {
            return Err(ManifestError::TooLarge { what: "its lists have more than 4 billion items".to_owned() });
        }
        Ok(u32s(self.pool))
    }
}

fn list(pool: &[u32], at: u32) -> &[u32] {
    let at = at as usize;
    let count = pool.get(at).copied().unwrap_or(0) as usize;
    pool.get(at + 1..at + 1 + count).unwrap_or_default()
}

fn digest(items: &[u32]) -> u64 {
    items.iter().fold(items.len() as u64, |sum, item| {
        (sum ^ u64::from(*item)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    })
}
