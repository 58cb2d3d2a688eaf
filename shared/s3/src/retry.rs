//! Waiting between tries.

use std::time::Duration;

/// Sleeps for a random time of at most `limit`: full jitter.
pub async fn sleep_up_to(limit: Duration) {
    tokio::time::sleep(limit.mul_f64(fastrand::f64())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_no_longer_than_its_limit() {
        for _ in 0..100 {
            let start = tokio::time::Instant::now();
            sleep_up_to(Duration::from_secs(10)).await;
            // The timer rounds up to whole milliseconds.
            assert!(start.elapsed() <= Duration::from_millis(10_001));
        }
    }
}
