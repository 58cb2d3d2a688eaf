//! The state bucket, as far as a task needs it: read, write once, and upload a file.

use std::{path::Path, time::Duration};

use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::Builder,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    primitives::{ByteStream, Length},
};
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::Config;

/// A conditional PUT is small: without a reply for so long the reply is lost, and reading tells.
const CONDITIONAL_PUT_SECONDS: u64 = 15;

/// What the bucket answered, by what one can do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object, or (without `s3:ListBucket`, S3 does not tell the two apart) we may not know of it.
    #[error("{key} is not there, or this task may not see it ({reason})")]
    NotFound {
        /// The object's key.
        key: String,
        /// S3's code.
        reason: String,
    },
    /// Written before, by whomever.
    #[error("{key} exists already")]
    Exists {
        /// The object's key.
        key: String,
    },
    /// Anything else. A write may or may not have happened.
    #[error("{key}: {reason}")]
    Unknown {
        /// The object's key.
        key: String,
        /// S3's or the connection's words.
        reason: String,
    },
}

/// The verbs, one for each permission of the task's role: `s3:GetObject`, and `s3:PutObject` twice. Keys are relative to the state bucket.
pub trait Store {
    /// The object's bytes.
    fn get(&self, key: &str) -> impl Future<Output = Result<Vec<u8>, StoreError>>;
    /// Writes the object unless it exists (`If-None-Match: *`), in one try: a repeated try would answer [`StoreError::Exists`] to its own success.
    fn put_new(&self, key: &str, body: &[u8]) -> impl Future<Output = Result<(), StoreError>>;
    /// Uploads a file as long as it is now, over what may be there; it may grow meanwhile.
    fn upload(&self, key: &str, file: &Path) -> impl Future<Output = Result<(), StoreError>>;
}

/// S3 itself.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
}

impl S3Store {
    /// Finds credentials and region as the SDK does; no call is made yet.
    pub async fn connect(config: &Config) -> Self {
        // The workspace builds the SDK without a client of its own: see landfall_aws::http_client, which would bring the other services here.
        let http = HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let shared = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).load().await;
        let s3 = Builder::from(&shared).force_path_style(config.path_style).build();
        Self { client: Client::from_conf(s3), bucket: config.plan.bucket.clone() }
    }
}

impl Store for S3Store {
    async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let object =
            self.client.get_object().bucket(&self.bucket).key(key).send().await.map_err(|error| failed(key, &error))?;
        let body = object.body.collect().await;
        body.map(aws_sdk_s3::primitives::AggregatedBytes::to_vec)
            .map_err(|error| StoreError::Unknown { key: key.to_owned(), reason: error.to_string() })
    }

    async fn put_new(&self, key: &str, body: &[u8]) -> Result<(), StoreError> {
        let once = Builder::new().retry_config(RetryConfig::disabled()).timeout_config(
            TimeoutConfig::builder().operation_timeout(Duration::from_secs(CONDITIONAL_PUT_SECONDS)).build(),
        );
        let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
        let put = put.content_type("application/json").body(ByteStream::from(body.to_vec()));
        put.customize().config_override(once).send().await.map(drop).map_err(|error| failed(key, &error))
    }

    async fn upload(&self, key: &str, file: &Path) -> Result<(), StoreError> {
        let unread = |reason: String| StoreError::Unknown { key: key.to_owned(), reason };
        let length = tokio::fs::metadata(file).await.map_err(|error| unread(error.to_string()))?.len();
        let body = ByteStream::read_from().path(file).length(Length::Exact(length)).build().await;
        let body = body.map_err(|error| unread(error.to_string()))?;
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type(file)).body(body);
        put.send().await.map(drop).map_err(|error| failed(key, &error))
    }
}

fn failed<E, R>(key: &str, error: &SdkError<E, R>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    let key = key.to_owned();
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code @ ("NoSuchKey" | "NotFound" | "AccessDenied")) => {
            StoreError::NotFound { key, reason: code.to_owned() }
        }
        Some("PreconditionFailed") => StoreError::Exists { key },
        _ => StoreError::Unknown { key, reason: DisplayErrorContext(error).to_string() },
    }
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}
