//! The claim: the one object that decides who may run an attempt (L7, see ARCHITECTURE.md on attempts and claims).

use std::time::Duration;

use landfall_planner::{Claim, RunId};

use crate::store::{Store, StoreError};

/// Enough for a minute's trouble.
const TRIES: u32 = 7;

/// Whose the attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Ours, as of now.
    Ours,
    /// Ours since before: this very task was here already, and was restarted or lost the reply.
    OursBefore,
    /// Not ours: touch nothing.
    NotOurs(Claim),
}

/// No answer as to whose the attempt is: touch nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The bucket did not answer, again and again.
    #[error("whose the attempt is could not be found out: {0}")]
    Store(#[from] StoreError),
    /// Someone wrote what is not a claim.
    #[error("{key} holds no claim: {source}")]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Claims the attempt for the task, once and for ever, or says who has it. After a lost reply the object itself tells.
pub async fn claim(store: &impl Store, run: &RunId, attempt: u32, task_arn: &str) -> Result<Claimed, ClaimError> {
    let key = Claim::key(run, attempt);
    let ours = Claim::Task { task_arn: task_arn.to_owned() };
    let unreadable = |source| ClaimError::Unreadable { key: key.clone(), source };
    let body = serde_json::to_vec(&ours).map_err(unreadable)?;
    let (written, found) = write_once(store, &key, &body).await?;
    if written {
        return Ok(Claimed::Ours);
    }
    let found: Claim = serde_json::from_slice(&found).map_err(unreadable)?;
    Ok(if found == ours { Claimed::OursBefore } else { Claimed::NotOurs(found) })
}

/// Writes an object that is written once for ever: whether this call is known to have written it, and if not, what it holds.
pub async fn write_once(store: &impl Store, key: &str, body: &[u8]) -> Result<(bool, Vec<u8>), StoreError> {
    let mut last = StoreError::Unknown { key: key.to_owned(), reason: "not tried".to_owned() };
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
        match store.put_new(key, body).await {
            Ok(()) => return Ok((true, Vec::new())),
            Err(error) => last = error,
        }
        // Exists, or no telling (a time-out, 409, 5xx): what is there decides.
        match store.get(key).await {
            Ok(found) => return Ok((false, found)),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::HashMap, path::Path};

    use super::*;

    /// A bucket that loses the reply of its first writes: they happen, and nobody is told.
    #[derive(Default)]
    struct Bucket {
        objects: RefCell<HashMap<String, Vec<u8>>>,
        lost_replies: RefCell<u32>,
        lost_requests: RefCell<u32>,
    }

    fn take(counter: &RefCell<u32>) -> bool {
        let lost = *counter.borrow() > 0;
        *counter.borrow_mut() -= u32::from(lost);
        lost
    }

    impl Store for Bucket {
        async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
            let found = self.objects.borrow().get(key).cloned();
            found.ok_or_else(|| StoreError::NotFound { key: key.to_owned(), reason: "NoSuchKey".to_owned() })
        }

        async fn put_new(&self, key: &str, body: &[u8]) -> Result<(), StoreError> {
            let unknown = || StoreError::Unknown { key: key.to_owned(), reason: "lost".to_owned() };
            if take(&self.lost_requests) {
                return Err(unknown());
            }
            if self.objects.borrow().contains_key(key) {
                return Err(StoreError::Exists { key: key.to_owned() });
            }
            self.objects.borrow_mut().insert(key.to_owned(), body.to_vec());
            if take(&self.lost_replies) { Err(unknown()) } else { Ok(()) }
        }

        async fn upload(&self, _: &str, _: &Path) -> Result<(), StoreError> {
            unreachable!("claims are no files")
        }
    }

    fn run() -> RunId {
        RunId::parse("r-1").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_task_gets_the_attempt_and_every_other_learns_whose_it_is() {
        let bucket = Bucket::default();
        assert_eq!(claim(&bucket, &run(), 1, "arn:a").await.unwrap(), Claimed::Ours);
        let theirs = Claim::Task { task_arn: "arn:a".to_owned() };
        assert_eq!(claim(&bucket, &run(), 1, "arn:b").await.unwrap(), Claimed::NotOurs(theirs));
        assert_eq!(claim(&bucket, &run(), 1, "arn:a").await.unwrap(), Claimed::OursBefore);
        assert_eq!(claim(&bucket, &run(), 2, "arn:b").await.unwrap(), Claimed::Ours);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_attempt_is_nobodys() {
        let bucket = Bucket::default();
        let void = Claim::Revoked { reason: "gave up".to_owned() };
        bucket.put_new(&Claim::key(&run(), 1), &serde_json::to_vec(&void).unwrap()).await.unwrap();
        assert_eq!(claim(&bucket, &run(), 1, "arn:a").await.unwrap(), Claimed::NotOurs(void));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_reply_is_answered_by_reading_and_a_lost_request_by_trying_again() {
        let bucket = Bucket { lost_replies: RefCell::new(1), ..Bucket::default() };
        assert_eq!(claim(&bucket, &run(), 1, "arn:a").await.unwrap(), Claimed::OursBefore);
        let bucket = Bucket { lost_requests: RefCell::new(2), ..Bucket::default() };
        assert_eq!(claim(&bucket, &run(), 1, "arn:a").await.unwrap(), Claimed::Ours);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_never_answers_makes_no_claim() {
        let bucket = Bucket { lost_requests: RefCell::new(1_000), ..Bucket::default() };
        assert!(matches!(claim(&bucket, &run(), 1, "arn:a").await, Err(ClaimError::Store(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_cannot_be_read_is_nobodys() {
        let bucket = Bucket::default();
        bucket.put_new(&Claim::key(&run(), 1), b"{}").await.unwrap();
        assert!(matches!(claim(&bucket, &run(), 1, "arn:a").await, Err(ClaimError::Unreadable { .. })));
    }
}
