//! The objects and versions of a bucket: listings, and one version of an object.

use jiff::Timestamp;

use crate::{Store, StoreError, timestamp};

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's id.
    pub id: String,
    /// The time of the write by S3's clock.
    pub at: Timestamp,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The full key.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last write by S3's clock.
    pub last_modified: Timestamp,
}

impl Store {
    /// Lists the versions of an object in a versioned bucket, newest first, without delete markers. Needs `s3:ListBucketVersions`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails.
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

    /// Reads one version of an object. Needs `s3:GetObjectVersion`.
    ///
    /// # Errors
    ///
    /// Fails if the call fails, or if the version does not exist.
    pub async fn get_version(&self, key: &str, version: &str) -> Result<Vec<u8>, StoreError> {
        let sent = self.s3.get_object().bucket(&self.bucket).key(key).version_id(version).send().await;
        let answer = sent.map_err(|error| self.failed("s3:GetObjectVersion", key, &error))?;
        let body = answer.body.collect().await.map_err(|error| self.incomplete_body(key, &error))?;
        Ok(body.to_vec())
    }

    /// Lists the first `limit` objects under the prefix after the key `start_after`, in the byte order of their keys. Needs `s3:ListBucket`.
    ///
    /// Only for keys that Landfall itself writes: S3's XML cannot represent a key with control characters.
    ///
    /// # Errors
    ///
    /// Fails if a call fails.
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

    /// Lists the common prefixes right under the prefix, each in full and with the delimiter at its end. Needs `s3:ListBucket`.
    ///
    /// # Errors
    ///
    /// Fails if a call fails.
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
}
