//! The state bucket, as far as a task needs it: read, write once, and upload a file.

use std::{path::Path, time::Duration};

use landfall_s3::{Backoff, PutNew, Retries, StoreError};

use crate::Config;

/// Eight tries within half a minute on average: a claim or a result that is given up costs the attempt.
const RETRIES: Retries =
    Retries { tries: 8, backoff: Backoff::new(Duration::from_millis(400), Duration::from_secs(16)) };

/// The operations, one for each permission of the task's role: `s3:GetObject`, and `s3:PutObject` twice. Keys are relative to the state bucket.
pub trait Store {
    /// Reads an object; none if it does not exist.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;
    /// Writes a JSON object unless one exists. After a lost reply, equal bytes count as this write.
    fn put_new(&self, key: &str, body: &[u8]) -> impl Future<Output = Result<PutNew, StoreError>>;
    /// Uploads a file with its length at the start of the upload, over any object at the key.
    fn upload(&self, key: &str, file: &Path) -> impl Future<Output = Result<(), StoreError>>;
}

/// Connects to the state bucket. Calls nothing yet.
pub async fn connect(config: &Config) -> landfall_s3::Store {
    landfall_s3::Store::connect(&config.plan.bucket, config.path_style).await.with_retries(RETRIES)
}

impl Store for landfall_s3::Store {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(Self::get(self, key).await?.map(|stored| stored.bytes))
    }

    async fn put_new(&self, key: &str, body: &[u8]) -> Result<PutNew, StoreError> {
        Self::put_new(self, key, body, "application/json").await
    }

    async fn upload(&self, key: &str, file: &Path) -> Result<(), StoreError> {
        Self::upload(self, key, file, content_type(file)).await
    }
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}
