//! S3: conditional writes, and lost replies to them.

use landfall_aws::{
    CallError, Etag, Store, StoreError,
    store::{CompareAndSwap, PutNew},
};

use crate::stub::{Reply, Request, Stub};

const KEY: &str = "runs/r1/1/claim";

async fn store(stub: &Stub) -> Store {
    stub.clients().await.store("state")
}

async fn put_new(replies: Vec<Reply>) -> (Result<PutNew, StoreError>, Vec<Request>) {
    let stub = Stub::script(replies).await;
    let outcome = store(&stub).await.put_new(KEY, b"ours", "application/json").await;
    (outcome, stub.seen())
}

async fn swap(replies: Vec<Reply>) -> (Result<CompareAndSwap, StoreError>, Vec<Request>) {
    let stub = Stub::script(replies).await;
    let outcome = store(&stub).await.swap("board.json", &Etag::new("\"e1\""), b"{}").await;
    (outcome, stub.seen())
}

fn created(etag: &str) -> PutNew {
    PutNew::Created { etag: Etag::new(format!("\"{etag}\"")) }
}

fn methods(seen: &[Request]) -> Vec<&str> {
    seen.iter().map(|request| request.method.as_str()).collect()
}

#[tokio::test]
async fn a_new_object_is_put_only_if_there_is_none() {
    let (outcome, seen) = put_new(vec![Reply::written("e1")]).await;
    assert_eq!(outcome, Ok(created("e1")));
    let [put] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((put.method.as_str(), put.target.split('?').next()), ("PUT", Some("/state/runs/r1/1/claim")));
    assert_eq!(put.header("if-none-match"), Some("*"));
    assert_eq!(put.header("if-match"), None);
    assert_eq!(put.header("content-type"), Some("application/json"));
    assert_eq!(put.body, b"ours");
}

#[tokio::test]
async fn a_412_to_the_first_try_is_the_object_of_another_writer() {
    let (outcome, seen) = put_new(vec![Reply::xml_error(412, "PreconditionFailed")]).await;
    assert_eq!((outcome, seen.len()), (Ok(PutNew::Exists), 1));
}

#[tokio::test]
async fn a_write_with_a_lost_reply_is_recognized() {
    let (outcome, seen) = put_new(vec![Reply::Cut, Reply::object("e1", "ours")]).await;
    assert_eq!(outcome, Ok(created("e1")));
    assert_eq!(methods(&seen), ["PUT", "GET"]);
}

#[tokio::test]
async fn a_lost_reply_hides_no_other_writer() {
    let (outcome, _) = put_new(vec![Reply::Cut, Reply::object("e1", "theirs")]).await;
    assert_eq!(outcome, Ok(PutNew::Exists));
}

#[tokio::test]
async fn a_write_that_never_arrived_is_repeated() {
    let (outcome, seen) = put_new(vec![Reply::Cut, Reply::xml_error(404, "NoSuchKey"), Reply::written("e2")]).await;
    assert_eq!(outcome, Ok(created("e2")));
    assert_eq!(methods(&seen), ["PUT", "GET", "PUT"]);
}

#[tokio::test]
async fn a_412_after_a_lost_reply_is_compared_with_the_stored_object() {
    // The first write is still under way while it is looked for, and lands before the second.
    let replies = |there: &str| {
        vec![
            Reply::xml_error(409, "ConditionalRequestConflict"),
            Reply::xml_error(404, "NoSuchKey"),
            Reply::xml_error(412, "PreconditionFailed"),
            Reply::object("e1", there),
        ]
    };
    assert_eq!(put_new(replies("ours")).await.0, Ok(created("e1")));
    assert_eq!(put_new(replies("theirs")).await.0, Ok(PutNew::Exists));
}

#[tokio::test]
async fn an_outage_of_the_store_ends_as_an_error_that_may_be_retried() {
    let stub = Stub::start(|request| match request.method.as_str() {
        "PUT" => Reply::xml_error(500, "InternalError"),
        _ => Reply::xml_error(404, "NoSuchKey"),
    })
    .await;
    let error = store(&stub).await.put_new(KEY, b"ours", "application/json").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(stub.seen().iter().filter(|request| request.method == "PUT").count(), 5);
}

#[tokio::test]
async fn a_missing_permission_is_named_and_not_tried_again() {
    let (outcome, seen) = put_new(vec![Reply::xml_error(403, "AccessDenied")]).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::PermissionDenied { .. })));
    assert_eq!(
        error.to_string(),
        "s3:PutObject on s3://state/runs/r1/1/claim is not allowed: add it to the role, or check that the resource exists (AccessDenied: says S3 (HTTP 403))"
    );
    assert_eq!(seen.len(), 1);
}

/// One way for a write to go wrong, or not.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Fine,
    LostOnTheWay,
    ReplyLost,
    FailsBefore,
    FailsAfter,
    Meets,
}

/// S3 as far as this key goes.
async fn fated_bucket(fates: Vec<Fate>, there: Option<&'static str>) -> Stub {
    let mut fates = fates.into_iter();
    let mut content = there.map(str::to_owned);
    Stub::start(move |request| {
        if request.method == "GET" {
            return content.as_deref().map_or(Reply::xml_error(404, "NoSuchKey"), |body| Reply::object("e", body));
        }
        let mut write = || {
            let free = content.is_none();
            if free {
                content = Some(String::from_utf8(request.body.clone()).unwrap());
            }
            if free { Reply::written("e") } else { Reply::xml_error(412, "PreconditionFailed") }
        };
        match fates.next().unwrap_or(Fate::Fine) {
            Fate::Fine => write(),
            Fate::LostOnTheWay => Reply::Cut,
            Fate::FailsBefore => Reply::xml_error(503, "SlowDown"),
            Fate::Meets => Reply::xml_error(409, "ConditionalRequestConflict"),
            Fate::ReplyLost => {
                write();
                Reply::Cut
            }
            Fate::FailsAfter => {
                write();
                Reply::xml_error(500, "InternalError")
            }
        }
    })
    .await
}

#[tokio::test]
async fn every_combination_of_two_replies_gives_a_true_result() {
    let fates = [Fate::Fine, Fate::LostOnTheWay, Fate::ReplyLost, Fate::FailsBefore, Fate::FailsAfter, Fate::Meets];
    let mut trials = Vec::new();
    for first in fates {
        for second in fates {
            for there in [None, Some("theirs")] {
                trials.push(tokio::spawn(async move {
                    let bucket = fated_bucket(vec![first, second], there).await;
                    let store = store(&bucket).await;
                    let said = store.put_new(KEY, b"ours", "text/plain").await.unwrap();
                    let truth = store.get(KEY).await.unwrap().unwrap().bytes == b"ours";
                    let won = matches!(said, PutNew::Created { .. });
                    assert_eq!(won, truth, "{first:?} {second:?} {there:?}");
                    assert_eq!(won, there.is_none(), "{first:?} {second:?} {there:?}");
                }));
            }
        }
    }
    for trial in trials {
        trial.await.unwrap();
    }
}

#[tokio::test]
async fn a_compare_and_swap_has_the_etag_that_was_read() {
    let (outcome, seen) = swap(vec![Reply::written("e2")]).await;
    assert_eq!(outcome, Ok(CompareAndSwap::Written { etag: Etag::new("\"e2\"") }));
    let [put] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(put.header("if-match"), Some("\"e1\""));
    assert_eq!(put.header("if-none-match"), None);
    assert_eq!(put.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn a_lost_compare_and_swap_is_reported_after_one_try() {
    let (outcome, seen) = swap(vec![Reply::xml_error(412, "PreconditionFailed")]).await;
    assert_eq!((outcome, seen.len()), (Ok(CompareAndSwap::Conflict), 1));
}

#[tokio::test]
async fn a_compare_and_swap_with_an_unknown_outcome_is_not_repeated() {
    for reply in [
        Reply::Cut,
        Reply::xml_error(500, "InternalError"),
        Reply::xml_error(503, "SlowDown"),
        Reply::xml_error(409, "ConditionalRequestConflict"),
    ] {
        let (outcome, seen) = swap(vec![reply]).await;
        assert!(matches!(outcome, Ok(CompareAndSwap::Unknown { .. })), "{outcome:?}");
        assert_eq!(seen.len(), 1);
    }
}

#[tokio::test]
async fn a_compare_and_swap_of_a_missing_object_creates_none() {
    let (outcome, _) = swap(vec![Reply::xml_error(404, "NoSuchKey")]).await;
    assert_eq!(outcome, Err(StoreError::NotFound { address: "s3://state/board.json".to_owned() }));
    let (outcome, _) = swap(vec![Reply::xml_error(404, "NoSuchBucket")]).await;
    assert!(matches!(outcome, Err(StoreError::Call(CallError::Refused { .. }))), "{outcome:?}");
}

#[tokio::test]
async fn an_object_is_returned_with_its_etag_time_and_version() {
    let stub = Stub::script(vec![Reply::object("e1", "hello")]).await;
    let stored = store(&stub).await.get(KEY).await.unwrap().unwrap();
    assert_eq!(stored.bytes, b"hello");
    assert_eq!(stored.etag, Etag::new("\"e1\""));
    assert_eq!(stored.last_modified.to_string(), "2026-11-22T17:14:17Z");
    assert_eq!(stored.version_id.as_deref(), Some("v1"));
}

#[tokio::test]
async fn a_missing_object_permission_and_bucket_are_different_errors() {
    let stub = Stub::script(vec![
        Reply::xml_error(404, "NoSuchKey"),
        Reply::xml_error(403, "AccessDenied"),
        Reply::xml_error(404, "NoSuchBucket"),
        Reply::Answer { status: 404, headers: Vec::new(), body: String::new() },
    ])
    .await;
    let store = store(&stub).await;
    assert_eq!(store.get(KEY).await, Ok(None));
    assert!(matches!(store.get(KEY).await, Err(StoreError::Call(CallError::PermissionDenied { .. }))));
    assert!(matches!(store.get(KEY).await, Err(StoreError::Call(CallError::Refused { .. }))));
    assert_eq!(store.head_last_modified(KEY).await, Ok(None));
}

#[tokio::test]
async fn a_hostile_key_stays_one_path() {
    let stub = Stub::script(vec![Reply::object("e1", "hello")]).await;
    store(&stub).await.get("a b/../+%\n\"?#\u{2603}").await.unwrap();
    let seen = stub.seen();
    let path = seen[0].target.split('?').next().unwrap();
    assert_eq!(path, "/state/a%20b/../%2B%25%0A%22%3F%23%E2%98%83");
}

#[tokio::test]
async fn a_listing_reads_pages_up_to_its_limit() {
    let page = |keys: &[&str], next: Option<&str>| {
        let object = |key: &&str| {
            format!(
                "<Contents><Key>{key}</Key><Size>3</Size><LastModified>2026-11-22T17:14:17.000Z</LastModified></Contents>"
            )
        };
        let objects = keys.iter().map(object).collect::<Vec<_>>().concat();
        let next =
            next.map_or(String::new(), |token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
        let body = format!("<ListBucketResult>{objects}{next}</ListBucketResult>");
        Reply::Answer { status: 200, headers: Vec::new(), body }
    };
    let stub = Stub::script(vec![page(&["l/1", "l/2"], Some("t1")), page(&["l/3"], Some("t2"))]).await;
    let found = store(&stub).await.list("l/", Some("l/0"), 3).await.unwrap();
    assert_eq!(found.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["l/1", "l/2", "l/3"]);
    assert_eq!(found[0].size, 3);
    let seen = stub.seen();
    assert_eq!(seen.len(), 2, "nothing is asked beyond the limit");
    assert!(seen[0].target.contains("start-after=l%2F0") && seen[0].target.contains("max-keys=3"));
    assert!(seen[1].target.contains("continuation-token=t1") && seen[1].target.contains("max-keys=1"));
}
