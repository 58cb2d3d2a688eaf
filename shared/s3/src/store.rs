//! One S3 bucket: plain reads and writes, and the two conditional writes on which the protocol rests.
//!
//! A conditional write whose reply is lost may have succeeded. The SDK would repeat it and get 412 because of its own success, so its retries
//! are off here. After a lost reply [`Store::put_new`] reads the object back, and [`Store::swap`] returns [`CompareAndSwap::Unknown`], so that the
//! caller looks for its own nonce. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

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

use crate::{CallError, Fault, RecordS3Time, sdk_config, sleep_up_to, timestamp};

/// One bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) s3: aws_sdk_s3::Client,
    once: aws_sdk_s3::Client,
    pub(crate) bucket: String,
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
    /// The content of the object.
    pub bytes: Vec<u8>,
    /// The ETag for [`Store::swap`].
    pub etag: Etag,
    /// The time of the write by S3's clock, to the whole second.
    pub last_modified: Timestamp,
    /// The version's id, in a versioned bucket.
    pub version_id: Option<String>,
}

/// An operation on a bucket failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object. A compare-and-swap does not create it again, because that would hide its loss.
    #[error("{address} is missing: restore it from the bucket's versions")]
    NotFound {
        /// The address, `s3://bucket/key`.
        address: String,
    },
    /// The call failed. For a missing key S3 answers 403 unless the role has `s3:ListBucket` on the bucket.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A file to upload cannot be read.
    #[error("{} cannot be read: {reason}", file.display())]
    File {
        /// The local file.
        file: PathBuf,
        /// The error of the operating system.
        reason: String,
    },
    /// A field is missing in the answer that S3 always sends.
    #[error("the answer of S3 about {address} lacks its {what}: is this endpoint S3?")]
    Incomplete {
        /// The address, `s3://bucket/key`.
        address: String,
        /// The missing field.
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
    /// Creates a bucket from two clients: `s3` retries by the SDK's rules, `once` must not retry.
    pub fn new(s3: aws_sdk_s3::Client, once: aws_sdk_s3::Client, bucket: impl Into<String>) -> Self {
        Self { s3, once, bucket: bucket.into(), retries: Retries::default() }
    }

    /// Connects to a bucket by the process's own settings. Calls nothing yet.
    pub async fn connect(bucket: impl Into<String>, path_style: bool) -> Self {
        let sdk = sdk_config().await;
        let settings =
            || aws_sdk_s3::config::Builder::from(&sdk).force_path_style(path_style).interceptor(RecordS3Time);
        let s3 = aws_sdk_s3::Client::from_conf(settings().build());
        let once = aws_sdk_s3::Client::from_conf(settings().retry_config(RetryConfig::disabled()).build());
        Self::new(s3, once, bucket)
    }

    /// Returns the same bucket with other retries of [`Self::put_new`].
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Returns the bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the address of an object, `s3://bucket/key`.
    pub fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Reads an object; none if it does not exist. Needs `s3:GetObject`, and `s3:ListBucket` for S3 to tell a missing object from a denied one.
    ///
    /// # Errors
    ///
    /// Fails if the call fails, if the bucket does not exist, or if the role may not read the object.
    pub async fn get(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let answer = match self.s3.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) => return absent(self.failed("s3:GetObject", key, &error)),
        };
        let (etag, modified) = (answer.e_tag, answer.last_modified);
        let body = answer.body.collect().await.map_err(|error| self.incomplete_body(key, &error))?;
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

    /// Reads at most the first `bytes` bytes of an object; none if it does not exist. Needs the permissions of [`Self::get`].
    ///
    /// # Errors
    ///
    /// Fails like [`Self::get`].
    pub async fn get_start(&self, key: &str, bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let range = format!("bytes=0-{}", bytes.saturating_sub(1));
        let answer = match self.s3.get_object().bucket(&self.bucket).key(key).range(range).send().await {
            Ok(answer) => answer,
            Err(error) => return absent(self.failed("s3:GetObject", key, &error)),
        };
        let body = answer.body.collect().await.map_err(|error| self.incomplete_body(key, &error))?;
        Ok(Some(body.to_vec()))
    }

    /// Returns the time of the object's last write; none if it does not exist. Needs the permissions of [`Self::get`].
    ///
    /// # Errors
    ///
    /// Fails like [`Self::get`].
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

    /// Creates an object unless one exists (`If-None-Match: *`): a claim, a plan, a ledger page.
    ///
    /// After a lost reply the object is read back, and equal bytes count as this write. So an object that must tell two writers apart contains
    /// the writer's nonce. Needs `s3:PutObject` and the permissions of [`Self::get`].
    ///
    /// # Errors
    ///
    /// Fails if the call fails in each try, or with an error that cannot be retried.
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
                Some(412) => return self.winner(key, bytes).await,
                // 409: another conditional write or a delete of this key is in progress.
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
            tracing::debug!(address = self.address(key), tried, %fault, "the reply to a conditional write was lost, or it was throttled");
            if tried >= self.retries.tries {
                return Err(after_last_try("s3:PutObject", self.address(key), fault).into());
            }
            sleep_up_to(self.retries.backoff.limit(tried)).await;
        }
    }

    /// Replaces the object if it still has this `etag` (`If-Match`). The call is made once: after [`CompareAndSwap::Unknown`] the nonce in the object
    /// tells which writer won. The object is stored as JSON that caches must not keep. Needs `s3:PutObject` and `s3:GetObject`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if there is no object to replace; [`StoreError::Call`] if S3 refuses the call.
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

    /// Writes the object over any that exists. For objects with one writer, or with the same content from each writer. Needs `s3:PutObject`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
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

    /// Deletes an object. Succeeds if it does not exist. Needs `s3:DeleteObject`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let sent = self.s3.delete_object().bucket(&self.bucket).key(key).send().await;
        sent.map(|_| ()).map_err(|error| self.failed("s3:DeleteObject", key, &error).into())
    }

    /// Tells, after a 412 that may come from this writer's own success, which writer won.
    async fn winner(&self, key: &str, bytes: &[u8]) -> Result<PutNew, StoreError> {
        Ok(self.get(key).await?.map_or(PutNew::Exists, |there| compare(there, bytes)))
    }

    pub(crate) fn failed<E>(&self, action: &'static str, key: &str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        CallError::of(action, self.address(key), error)
    }

    pub(crate) fn incomplete_body(&self, key: &str, error: &aws_sdk_s3::primitives::ByteStreamError) -> CallError {
        let fault =
            Fault { status: None, code: None, message: format!("the connection ended within the content: {error}") };
        CallError::new("s3:GetObject", self.address(key), fault)
    }

    fn etag(&self, key: &str, etag: Option<String>) -> Result<Etag, StoreError> {
        etag.map(Etag::new).ok_or_else(|| self.incomplete(key, "ETag"))
    }

    pub(crate) fn incomplete(&self, key: &str, what: &'static str) -> StoreError {
        StoreError::Incomplete { address: self.address(key), what }
    }
}

/// Converts a 404 to none, unless the bucket is missing. The answer to HEAD has no body, so it cannot tell the two apart.
fn absent<T>(error: CallError) -> Result<Option<T>, StoreError> {
    let fault = error.fault();
    let no_object = fault.status == Some(404) && fault.code.as_deref() != Some("NoSuchBucket");
    if no_object { Ok(None) } else { Err(error.into()) }
}

fn compare(there: Stored, ours: &[u8]) -> PutNew {
    if there.bytes == ours { PutNew::Created { etag: there.etag } } else { PutNew::Exists }
}

/// Returns the error after the last try. A 409 can be retried later, so it is no refusal.
fn after_last_try(action: &'static str, on: String, fault: Fault) -> CallError {
    if fault.status == Some(409) {
        CallError::Unavailable { action, on, fault }
    } else {
        CallError::new(action, on, fault)
    }
}

/// Returns the time limit of an upload: 10 s for the call, and 1 s for each 100 kB.
fn time_limit(bytes: usize) -> TimeoutConfig {
    let seconds = 10 + u64::try_from(bytes / 100_000).unwrap_or(0);
    TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(seconds)).build()
}
