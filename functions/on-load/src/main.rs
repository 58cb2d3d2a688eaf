//! Objects landed, or a loader spoke: from the queue to the board.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use landfall_aws::{engine_ports, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::init();
    let engine = engine_ports::from_env().await?;
    let engine = &engine;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<_>| async move {
        landfall_on_load::handle(engine, event.payload, event.context.deadline).await.map_err(Error::from)
    }))
    .await
}
