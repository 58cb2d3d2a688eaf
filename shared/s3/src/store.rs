//! One S3 bucket: plain reads and writes, and the two conditional writes on which everything else rests.
//!
//! A conditional write whose reply is lost may have won. The SDK would repeat it and be told 412 by its own success, so its retries are off
//! here and each lost reply is looked into: [`Store::put_new`] reads back what is there, [`Store::swap`] says [`CompareAndSwap::Unknown`] and the caller
//! looks for its own mark. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_s3::{
    config::{http::HttpResponse, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    primitives::{ByteStream, Length},
};
use jiff::Timestamp;
use landfall_concurrency::{Backoff, CompareAndSwap, Etag, PutNew};

use crate::{CallError, Fault, sdk_config, sleep_up_to, timestamp};

/// One bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    s3: aws_sdk_s3::Client,
    once: aws_sdk_s3::Client,
    bucket: String,
    retries: Retries,
}

/// How often [`Store::put_new`] tries, and how long it waits in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// The number of tries, at least 1.
    pub tries: u32,
    /// The waits between them.
    pub backoff: Backoff,
}

impl Default for Retries {
    /// Five tries within a second and a half: the event of a function is delivered again after an error.
    fn default() -> Self {
        Self { tries: 5, backoff: Backoff::new(Duration::from_millis(100), Duration::from_millis(1_600)) }
    }
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The content.
    pub bytes: Vec<u8>,
    /// What [`Store::swap`] takes, quotes and all.
    pub etag: Etag,
    /// By S3's clock, to the whole second.
    pub last_modified: Timestamp,
    /// Present in a versioned bucket.
    pub version_id: Option<String>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As S3 names it.
    pub id: String,
    /// S3's time of its write.
    pub at: Timestamp,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The whole key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// By S3's clock.
    pub last_modified: Timestamp,
}

/// A call to S3 that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object. A compare-and-swap does not create it again, because that would hide its loss.
    #[error("{address} is missing: restore it from the bucket's versions")]
    NotFound {
        /// `s3://bucket/key`.
        address: String,
    },
    /// S3 did not do it. For a key that does not exist S3 answers 403 unless the role has `s3:ListBucket` on the bucket.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A file to upload cannot be read.
    #[error("{} cannot be read: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        reason: String,
    },
    /// S3 answered without something that it always gives.
    #[error("the answer of S3 about {address} lacks its {what}: is this endpoint S3?")]
    Incomplete {
        /// `s3://bucket/key`.
        address: String,
        /// What is lacking.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without a change by an operator.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retryable())
    }
}

impl Store {
    /// `s3` retries by the SDK's rules; `once` must not retry at all.
    pub fn new(s3: aws_sdk_s3::Client, once: aws_sdk_s3::Client, bucket: impl Into<String>) -> Self {
        Self { s3, once, bucket: bucket.into(), retries: Retries::default() }
    }

    /// Connects to a bucket by the process's own settings. Calls nothing yet.
    pub async fn connect(bucket: impl Into<String>, path_style: bool) -> Self {
        let sdk = sdk_config().await;
        let settings = || aws_sdk_s3::config::Builder::from(&sdk).force_path_style(path_style);
        let s3 = aws_sdk_s3::Client::from_conf(settings().build());
        let once = aws_sdk_s3::Client::from_conf(settings().retry_config(RetryConfig::disabled()).build());
        Self::new(s3, once, bucket)
    }

    /// The same bucket with other retries of [`Self::put_new`].
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// `s3://bucket/key`.
    pub fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The whole object, or none if there is none. Needs `s3:GetObject`, and `s3:ListBucket` for S3 to tell "none" from "not allowed".
    pub async fn get(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let answer = match self.s3.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) => return absent(self.failed("s3:GetObject", key, &error)),
        };
        let (etag, modified) = (answer.e_tag, answer.last_modified);
        let body = answer.body.collect().await.map_err(|error| self.broke_off(key, &error))?;
        Ok(Some(Stored {
            bytes: body.to_vec(),
            etag: self.etag(key, etag)?,
            last_modified: modified
                .as_ref()
                .and_then(timestamp)
                .ok_or_else(|| self.incomplete(key, "Last-Modified"))?,
            version_id: answer.version_id,
        }))
    }

    /// The first bytes of an object, at most so many; none if there is no object. Needs what [`Self::get`] needs.
    pub async fn get_start(&self, key: &str, bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let range = format!("bytes=0-{}", bytes.saturating_sub(1));
        let answer = match self.s3.get_object().bucket(&self.bucket).key(key).range(range).send().await {
            Ok(answer) => answer,
            Err(error) => return absent(self.failed("s3:GetObject", key, &error)),
        };
        let body = answer.body.collect().await.map_err(|error| self.broke_off(key, &error))?;
        Ok(Some(body.to_vec()))
    }

    /// S3's time of the object's last write, or none if there is none. Needs what [`Self::get`] needs.
    pub async fn head_last_modified(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        match self.s3.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer
                .last_modified
                .as_ref()
                .and_then(timestamp)
                .map(Some)
                .ok_or_else(|| self.incomplete(key, "Last-Modified")),
            Err(error) => absent(self.failed("s3:GetObject", key, &error)),
        }
    }

    /// Creates the object unless one is there (`If-None-Match: *`), for a claim, a plan, a ledger object.
    ///
    /// After a lost reply it reads back: equal bytes count as its own. So bytes that must tell two writers apart bear a mark of the writer.
    /// Needs `s3:PutObject` and what [`Self::get`] needs.
    pub async fn put_new(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<PutNew, StoreError> {
        let (mut lost_a_reply, mut tried) = (false, 0);
        loop {
            tried += 1;
            let sent = self
                .once
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .if_none_match("*")
                .content_type(content_type)
                .body(ByteStream::from(bytes.to_vec()))
                .customize()
                .config_override(aws_sdk_s3::config::Config::builder().timeout_config(time_limit(bytes.len())))
                .send()
                .await;
            let fault = match sent {
                Ok(answer) => return Ok(PutNew::Created { etag: self.etag(key, answer.e_tag)? }),
                Err(error) => Fault::of(&error),
            };
            match fault.status {
                Some(412) if !lost_a_reply => return Ok(PutNew::Exists),
                Some(412) => return self.whose(key, bytes).await,
                // 409: another conditional write or a delete of this key was under way.
                _ if fault.is_ambiguous() || fault.status == Some(409) => {
                    lost_a_reply = true;
                    match self.get(key).await {
                        Ok(Some(there)) => return Ok(compare(there, bytes)),
                        Ok(None) => {}
                        Err(error) if error.is_retryable() => {}
                        Err(error) => return Err(error),
                    }
                }
                _ if fault.is_throttled() => {}
                _ => return Err(CallError::new("s3:PutObject", self.address(key), fault).into()),
            }
            tracing::debug!(address = self.address(key), tried, %fault, "a conditional write got no good answer");
            if tried >= self.retries.tries {
                return Err(lasting("s3:PutObject", self.address(key), fault).into());
            }
            sleep_up_to(self.retries.backoff.limit(tried)).await;
        }
    }

    /// Replaces the object if it still is the one with this `etag` (`If-Match`). Tried once: the caller's own mark in the bytes tells, after
    /// [`CompareAndSwap::Unknown`], who won. The object is stored as JSON that no cache may keep. Needs `s3:PutObject` and `s3:GetObject`.
    pub async fn swap(&self, key: &str, etag: &Etag, bytes: &[u8]) -> Result<CompareAndSwap, StoreError> {
        let sent = self
            .once
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_match(etag.as_str())
            .content_type("application/json")
            .cache_control("no-cache")
            .body(ByteStream::from(bytes.to_vec()))
            .customize()
            .config_override(aws_sdk_s3::config::Config::builder().timeout_config(time_limit(bytes.len())))
            .send()
            .await;
        let fault = match sent {
            Ok(answer) => return Ok(CompareAndSwap::Written { etag: self.etag(key, answer.e_tag)? }),
            Err(error) => Fault::of(&error),
        };
        match fault.status {
            Some(412) => Ok(CompareAndSwap::Conflict),
            Some(404) if fault.code.as_deref() != Some("NoSuchBucket") => {
                Err(StoreError::NotFound { address: self.address(key) })
            }
            _ if fault.is_ambiguous() || fault.status == Some(409) => {
                Ok(CompareAndSwap::Unknown { fault: fault.to_string() })
            }
            _ => Err(CallError::new("s3:PutObject", self.address(key), fault).into()),
        }
    }

    /// Writes the object, whatever was there. For what has one writer, or the same content from all. Needs `s3:PutObject`.
    pub async fn put(&self, key: &str, bytes: &[u8], content_type: &str) -> Result<Etag, StoreError> {
        let sent = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(bytes.to_vec()))
            .customize()
            .config_override(aws_sdk_s3::config::Config::builder().timeout_config(time_limit(bytes.len())))
            .send()
            .await
            .map_err(|error| self.failed("s3:PutObject", key, &error))?;
        self.etag(key, sent.e_tag)
    }

    /// Uploads a file over any object at the key. The upload has the file's length at its start; what is appended meanwhile is left out.
    /// Needs `s3:PutObject`.
    ///
    /// # Errors
    ///
    /// [`StoreError::File`] if the file cannot be read, [`StoreError::Call`] if S3 does not store it.
    pub async fn upload(&self, key: &str, file: &Path, content_type: &str) -> Result<(), StoreError> {
        let unreadable = |reason: String| StoreError::File { file: file.to_owned(), reason };
        let length = tokio::fs::metadata(file).await.map_err(|error| unreadable(error.to_string()))?.len();
        let body = ByteStream::read_from().path(file).length(Length::Exact(length)).build().await;
        let body = body.map_err(|error| unreadable(error.to_string()))?;
        let limit = time_limit(usize::try_from(length).unwrap_or(usize::MAX));
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(body)
            .customize()
            .config_override(aws_sdk_s3::config::Config::builder().timeout_config(limit))
            .send()
            .await
            .map_err(|error| self.failed("s3:PutObject", key, &error))?;
        Ok(())
    }

    /// Versions of an object in a versioned bucket, newest first; marks of its deletion are none. Needs `s3:ListBucketVersions`.
    pub async fn versions(&self, key: &str) -> Result<Vec<Version>, StoreError> {
        let answer = self
            .s3
            .list_object_versions()
            .bucket(&self.bucket)
            .prefix(key)
            .send()
            .await
            .map_err(|error| self.failed("s3:ListBucketVersions", key, &error))?;
        let own = answer.versions.unwrap_or_default().into_iter().filter(|version| version.key.as_deref() == Some(key));
        let version = |version: aws_sdk_s3::types::ObjectVersion| {
            let at = version.last_modified.as_ref().and_then(timestamp);
            Some(Version { id: version.version_id?, at: at? })
        };
        let mut versions: Vec<Version> = own.filter_map(version).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.at));
        Ok(versions)
    }

    /// The whole of one version of an object. Needs `s3:GetObjectVersion`.
    pub async fn get_version(&self, key: &str, version: &str) -> Result<Vec<u8>, StoreError> {
        let sent = self.s3.get_object().bucket(&self.bucket).key(key).version_id(version).send().await;
        let answer = sent.map_err(|error| self.failed("s3:GetObjectVersion", key, &error))?;
        let body = answer.body.collect().await.map_err(|error| self.broke_off(key, &error))?;
        Ok(body.to_vec())
    }

    /// Deletes the object; none being there is a success too. Needs `s3:DeleteObject`.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let sent = self.s3.delete_object().bucket(&self.bucket).key(key).send().await;
        sent.map(|_| ()).map_err(|error| self.failed("s3:DeleteObject", key, &error).into())
    }

    /// The first `limit` objects under the prefix in the order of their keys' bytes, after the key `start_after`. Needs `s3:ListBucket`.
    ///
    /// For keys of our own making: a key with control characters cannot be told in S3's XML.
    pub async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let mut found = Vec::new();
        let mut token = None;
        while found.len() < limit {
            let page = self
                .s3
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_start_after(start_after.map(str::to_owned))
                .set_continuation_token(token)
                .max_keys(i32::try_from(limit - found.len()).unwrap_or(i32::MAX).min(1000))
                .send()
                .await
                .map_err(|error| self.failed("s3:ListBucket", prefix, &error))?;
            for object in page.contents.unwrap_or_default() {
                let key = object.key.ok_or_else(|| self.incomplete(prefix, "Key"))?;
                let last_modified = object
                    .last_modified
                    .as_ref()
                    .and_then(timestamp)
                    .ok_or_else(|| self.incomplete(&key, "LastModified"))?;
                let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                found.push(Listed { key, size, last_modified });
            }
            token = page.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The "folders" right under the prefix, each whole and with the delimiter at its end. Needs `s3:ListBucket`.
    pub async fn list_prefixes(&self, prefix: &str, delimiter: &str) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .s3
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .delimiter(delimiter)
                .set_continuation_token(token)
                .send()
                .await
                .map_err(|error| self.failed("s3:ListBucket", prefix, &error))?;
            found.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|common| common.prefix));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// After a 412 that may be our own success.
    async fn whose(&self, key: &str, bytes: &[u8]) -> Result<PutNew, StoreError> {
        Ok(self.get(key).await?.map_or(PutNew::Exists, |there| compare(there, bytes)))
    }

    fn failed<E>(&self, action: &'static str, key: &str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        CallError::of(action, self.address(key), error)
    }

    fn broke_off(&self, key: &str, error: &aws_sdk_s3::primitives::ByteStreamError) -> CallError {
        let fault = Fault { status: None, code: None, message: format!("the content broke off: {error}") };
        CallError::new("s3:GetObject", self.address(key), fault)
    }

    fn etag(&self, key: &str, etag: Option<String>) -> Result<Etag, StoreError> {
        etag.map(Etag::new).ok_or_else(|| self.incomplete(key, "ETag"))
    }

    fn incomplete(&self, key: &str, what: &'static str) -> StoreError {
        StoreError::Incomplete { address: self.address(key), what }
    }
}

/// HEAD's answer has no body to say what is missing; where S3 does say, a missing bucket is not "no such object".
fn absent<T>(error: CallError) -> Result<Option<T>, StoreError> {
    let fault = error.fault();
    let no_object = fault.status == Some(404) && fault.code.as_deref() != Some("NoSuchBucket");
    if no_object { Ok(None) } else { Err(error.into()) }
}

fn compare(there: Stored, ours: &[u8]) -> PutNew {
    if there.bytes == ours { PutNew::Created { etag: there.etag } } else { PutNew::Exists }
}

/// The error of a write that was tried often enough; a 409 is no refusal.
fn lasting(action: &'static str, on: String, fault: Fault) -> CallError {
    if fault.status == Some(409) {
        CallError::Unavailable { action, on, fault }
    } else {
        CallError::new(action, on, fault)
    }
}

/// Ten seconds for the call and as long for the bytes as a slow line needs (about 100 kB a second).
fn time_limit(bytes: usize) -> TimeoutConfig {
    let seconds = 10 + u64::try_from(bytes / 100_000).unwrap_or(0);
    TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(seconds)).build()
}
