//! The operations on the state bucket that a task needs.

use std::{path::Path, time::Duration};

use landfall_s3::{Backoff, PutNew, Retries, StoreError};

use crate::Config;

/// More tries than the functions make (half a minute on average): without its claim or its result an attempt is lost.
const RETRIES: Retries =
    Retries { tries: 8, backoff: Backoff::new(Duration::from_millis(400), Duration::from_secs(16)) };

/// The state bucket. The task's role allows `s3:GetObject` and `s3:PutObject`. Keys are relative to the bucket.
pub trait Store {
    /// Reads an object. Returns `None` if it does not exist.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;
    /// Writes a JSON object unless one exists. After a lost reply, an object with equal bytes counts as this write.
    fn put_new(&self, key: &str, body: &[u8]) -> impl Future<Output = Result<PutNew, StoreError>>;
    /// Uploads a file with the length that it has at the start of the upload, and replaces any object at the key.
    fn upload(&self, key: &str, file: &Path) -> impl Future<Output = Result<(), StoreError>>;
}

/// Creates the client of the state bucket. Sends no request.
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
