//! The claim: the object that decides which task may run an attempt (invariant L7 in ARCHITECTURE.md).

use landfall_planner::{Claim, RunId, TaskArn};
use landfall_s3::{PutNew, StoreError};

use crate::store::Store;

/// The outcome of claiming an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// This task owns the attempt: it claimed it now, or before ECS restarted the container.
    Ours,
    /// The attempt was revoked, or another task claimed it. This task must write nothing.
    NotOurs(Claim),
}

/// The attempt's owner is unknown. Another task may own the attempt, so this task must write nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The claim could neither be written nor read.
    #[error("cannot claim the attempt: {0}")]
    Store(#[from] StoreError),
    /// The object at the claim's key is malformed.
    #[error("{key} is not a valid claim: {source}; this task runs nothing")]
    Malformed {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Claims the attempt for the task, or returns the claim that exists.
///
/// # Errors
///
/// Fails if the claim can neither be written nor read, or is malformed.
pub async fn claim(store: &impl Store, run: &RunId, attempt: u32, task_arn: &TaskArn) -> Result<Claimed, ClaimError> {
    let key = Claim::key(run, attempt);
    let ours = Claim::Task { task_arn: task_arn.clone() };
    let malformed = |source| ClaimError::Malformed { key: key.clone(), source };
    let body = serde_json::to_vec(&ours).map_err(malformed)?;
    if let PutNew::Created { .. } = store.put_new(&key, &body).await? {
        return Ok(Claimed::Ours);
    }
    // A claim is never deleted, so one that exists can be read.
    let existing = store.get(&key).await?.ok_or_else(|| StoreError::NotFound { address: key.clone() })?;
    let existing: Claim = serde_json::from_slice(&existing).map_err(malformed)?;
    Ok(if existing == ours { Claimed::Ours } else { Claimed::NotOurs(existing) })
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::HashMap, path::Path};

    use landfall_s3::{CallError, Etag, Fault};

    use super::*;

    #[derive(Default)]
    struct Bucket {
        objects: RefCell<HashMap<String, Vec<u8>>>,
        is_down: bool,
    }

    impl Store for Bucket {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.objects.borrow().get(key).cloned())
        }

        async fn put_new(&self, key: &str, body: &[u8]) -> Result<PutNew, StoreError> {
            if self.is_down {
                let fault = Fault { status: None, code: None, message: "no route".to_owned() };
                return Err(CallError::new("s3:PutObject", key, fault).into());
            }
            let mut objects = self.objects.borrow_mut();
            if objects.contains_key(key) {
                return Ok(PutNew::Exists);
            }
            objects.insert(key.to_owned(), body.to_vec());
            Ok(PutNew::Created { etag: Etag::new("1") })
        }

        async fn upload(&self, _: &str, _: &Path) -> Result<(), StoreError> {
            unreachable!("a claim uploads no file")
        }
    }

    fn run() -> RunId {
        RunId::parse("r-1").unwrap()
    }

    fn arn(task: &str) -> TaskArn {
        TaskArn::parse(format!("arn:{task}")).unwrap()
    }

    #[tokio::test]
    async fn the_first_task_gets_the_attempt_and_every_other_task_gets_the_first_ones_claim() {
        let bucket = Bucket::default();
        assert_eq!(claim(&bucket, &run(), 1, &arn("a")).await.unwrap(), Claimed::Ours);
        let theirs = Claim::Task { task_arn: arn("a") };
        assert_eq!(claim(&bucket, &run(), 1, &arn("b")).await.unwrap(), Claimed::NotOurs(theirs));
        assert_eq!(claim(&bucket, &run(), 1, &arn("a")).await.unwrap(), Claimed::Ours, "a restarted container");
        assert_eq!(claim(&bucket, &run(), 2, &arn("b")).await.unwrap(), Claimed::Ours);
    }

    #[tokio::test]
    async fn a_revoked_attempt_cannot_be_claimed() {
        let bucket = Bucket::default();
        let revoked = Claim::Revoked { reason: "gave up".to_owned() };
        bucket.put_new(&Claim::key(&run(), 1), &serde_json::to_vec(&revoked).unwrap()).await.unwrap();
        assert_eq!(claim(&bucket, &run(), 1, &arn("a")).await.unwrap(), Claimed::NotOurs(revoked));
    }

    #[tokio::test]
    async fn an_unreachable_bucket_is_an_error_and_no_claim() {
        let bucket = Bucket { is_down: true, ..Bucket::default() };
        assert!(matches!(claim(&bucket, &run(), 1, &arn("a")).await, Err(ClaimError::Store(_))));
    }

    #[tokio::test]
    async fn a_malformed_claim_is_an_error() {
        let bucket = Bucket::default();
        bucket.put_new(&Claim::key(&run(), 1), b"{}").await.unwrap();
        assert!(matches!(claim(&bucket, &run(), 1, &arn("a")).await, Err(ClaimError::Malformed { .. })));
    }
}
