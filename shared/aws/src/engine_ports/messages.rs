//! Messages, events and calls of other functions.

use jiff::Timestamp;
use landfall_engine::{DeadLetterCounts, ports::Messages};
use landfall_planner::ReleaseId;
use serde_json::Value;

use super::{Acting, Aws, EngineError, failed_call};
use crate::clock;

impl Messages for Aws {
    async fn wake(&self, at: Timestamp) -> Result<(), EngineError> {
        let Acting { queue, wakes, .. } = self.acting()?;
        let Some(chain) = wakes.next() else {
            tracing::warn!(%at, "no wake is sent: too many followed one another. The sweep does what is due");
            return Ok(());
        };
        queue.wake(at, clock::s3_now(), chain).await.map_err(failed_call)
    }

    async fn put_event(&self, detail_type: &str, detail: &Value) -> Result<(), EngineError> {
        self.bus.put(detail_type, detail).await.map(|_| ()).map_err(failed_call)
    }

    async fn offer_again(&self, release: &ReleaseId) -> Result<(), EngineError> {
        self.put_event(crate::event_bus::RELEASE_OFFERED, &self.offered(release, false)).await
    }

    async fn ask_for_schedules(&self, release: &ReleaseId) -> Result<(), EngineError> {
        self.put_event(crate::event_bus::RELEASE_OFFERED, &self.offered(release, true)).await
    }

    /// Relies on the order in template.yaml: the dead-letter queue of loads comes first.
    async fn dead_letters(&self) -> Result<Option<DeadLetterCounts>, EngineError> {
        let (Some(acting), Some((loads, functions))) =
            (&self.acting, self.config.dead_letter_queue_urls().split_first())
        else {
            return Ok(None);
        };
        let depth = async |url: &str| acting.queue.depth(url).await.map(|depth| depth.waiting).map_err(failed_call);
        let mut counts = DeadLetterCounts { loads: depth(loads).await?, functions: 0 };
        for url in functions {
            counts.functions += depth(url).await?;
        }
        Ok(Some(counts))
    }
}
