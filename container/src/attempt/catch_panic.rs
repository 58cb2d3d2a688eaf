//! A panic of landfall-task itself as an error, so that the attempt still gets a result.json.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// Returns the future's output, or the message of its panic.
///
/// # Errors
///
/// Fails if the future panics.
pub(super) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
            Poll::Ready(Err(message.unwrap_or_else(|| "a panic without a message".to_owned())))
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_message() {
        let caught = catch_panic(async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "no way");
        });
        assert!(caught.await.unwrap_err().contains("no way"));
    }
}
