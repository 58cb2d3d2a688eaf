//! The docs bucket as publishing uses it.

use landfall_engine::{
    CompareAndSwap, EngineError, Etag, PutNew,
    docs::{FileVersion, Files, MediaType},
};

use crate::{Store, engine_ports::failed_store};

/// The files of a bucket, as publishing docs uses them.
#[derive(Debug)]
pub struct BucketFiles<'a>(pub &'a Store);

impl Files for BucketFiles<'_> {
    fn address(&self, key: &str) -> String {
        self.0.address(key)
    }

    async fn get(&self, key: &str) -> Result<Option<FileVersion>, EngineError> {
        let stored = self.0.get(key).await.map_err(failed_store)?;
        Ok(stored.map(|stored| FileVersion { bytes: stored.bytes, etag: stored.etag }))
    }

    async fn put(&self, key: &str, bytes: &[u8], media_type: MediaType) -> Result<(), EngineError> {
        self.0.put(key, bytes, media_type.as_str()).await.map(drop).map_err(failed_store)
    }

    async fn put_new(&self, key: &str, bytes: &[u8], media_type: MediaType) -> Result<PutNew, EngineError> {
        self.0.put_new(key, bytes, media_type.as_str()).await.map_err(failed_store)
    }

    async fn swap(&self, key: &str, etag: &Etag, bytes: &[u8]) -> Result<CompareAndSwap, EngineError> {
        self.0.swap(key, etag, bytes).await.map_err(failed_store)
    }
}
