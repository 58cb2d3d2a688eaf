use landfall_aws::{
    Store, StoreError,
    store::{CompareAndSwap, PutNew},
};

use crate::launched::{Emulator, launch};

async fn bucket(emulator: &Emulator) -> Store {
    let sdk = emulator.sdk().await;
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build());
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuWest1)
        .build();
    s3.create_bucket().bucket("state").create_bucket_configuration(place).send().await.unwrap();
    let versioning = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning().bucket("state").versioning_configuration(versioning).send().await.unwrap();
    emulator.clients().await.store("state")
}

/// One emulator for all: it takes longer to start than all of this to run.
#[tokio::test]
async fn the_store_keeps_the_contract_of_s3() {
    let Some(emulator) = launch() else { return };
    let store = bucket(&emulator).await;
    an_object_is_created_once(&store).await;
    a_compare_and_swap_needs_the_newest_etag(&store).await;
    a_missing_value_is_none(&store).await;
    of_many_creators_one_wins(&store).await;
    no_increment_is_lost_between_writers(&store).await;
    listings_are_in_order_and_bounded(&store).await;
    a_hostile_key_reads_back(&store).await;
}

async fn an_object_is_created_once(store: &Store) {
    let first = store.put_new("once", b"mine", "text/plain").await.unwrap();
    let PutNew::Created { etag } = first else { panic!("{first:?}") };
    assert_eq!(store.put_new("once", b"mine", "text/plain").await, Ok(PutNew::Exists));
    let stored = store.get("once").await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.etag), (b"mine".as_slice(), etag));
    assert!(stored.version_id.is_some());
    assert_eq!(store.head_last_modified("once").await.unwrap(), Some(stored.last_modified));
}

async fn a_compare_and_swap_needs_the_newest_etag(store: &Store) {
    let first = store.put("board.json", b"{\"seq\":1}", "application/json").await.unwrap();
    let CompareAndSwap::Written { etag: second } = store.swap("board.json", &first, b"{\"seq\":2}").await.unwrap()
    else {
        panic!("there is one writer")
    };
    assert_eq!(store.swap("board.json", &first, b"{\"seq\":3}").await, Ok(CompareAndSwap::Conflict));
    assert!(matches!(store.swap("board.json", &second, b"{\"seq\":3}").await, Ok(CompareAndSwap::Written { .. })));
    store.delete("board.json").await.unwrap();
    let gone = store.swap("board.json", &second, b"{}").await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(store.get("board.json").await, Ok(None), "a compare-and-swap never creates");
}

async fn a_missing_value_is_none(store: &Store) {
    assert_eq!(store.get("nothing").await, Ok(None));
    assert_eq!(store.head_last_modified("nothing").await, Ok(None));
    assert_eq!(store.delete("nothing").await, Ok(()));
}

async fn of_many_creators_one_wins(store: &Store) {
    let tries: Vec<_> = (0..8)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(
                async move { store.put_new("claim", format!("writer {writer}").as_bytes(), "text/plain").await },
            )
        })
        .collect();
    let mut winners = Vec::new();
    for (writer, attempt) in tries.into_iter().enumerate() {
        if matches!(attempt.await.unwrap().unwrap(), PutNew::Created { .. }) {
            winners.push(format!("writer {writer}").into_bytes());
        }
    }
    assert_eq!(winners, [store.get("claim").await.unwrap().unwrap().bytes]);
}

async fn no_increment_is_lost_between_writers(store: &Store) {
    store.put("count", b"0", "text/plain").await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    loop {
                        let read = store.get("count").await.unwrap().unwrap();
                        let count: u32 = String::from_utf8(read.bytes).unwrap().parse().unwrap();
                        let next = (count + 1).to_string();
                        if matches!(
                            store.swap("count", &read.etag, next.as_bytes()).await,
                            Ok(CompareAndSwap::Written { .. })
                        ) {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.get("count").await.unwrap().unwrap().bytes, b"20");
}

async fn listings_are_in_order_and_bounded(store: &Store) {
    for key in ["ledger/b/1", "ledger/a/2", "ledger/a/1", "ledger/top"] {
        store.put(key, b"x", "text/plain").await.unwrap();
    }
    let keys = |found: Vec<landfall_aws::store::Listed>| found.into_iter().map(|it| it.key).collect::<Vec<_>>();
    assert_eq!(keys(store.list("ledger/", None, 2).await.unwrap()), ["ledger/a/1", "ledger/a/2"]);
    assert_eq!(keys(store.list("ledger/", Some("ledger/a/2"), 100).await.unwrap()), ["ledger/b/1", "ledger/top"]);
    assert_eq!(store.list_prefixes("ledger/", "/").await.unwrap(), ["ledger/a/", "ledger/b/"]);
    assert!(store.list("none/", None, 10).await.unwrap().is_empty());
}

async fn a_hostile_key_reads_back(store: &Store) {
    let key = "runs/a b+%20\"'?#\u{2603}";
    store.put(key, b"x", "text/plain").await.unwrap();
    assert_eq!(store.get(key).await.unwrap().unwrap().bytes, b"x");
}
