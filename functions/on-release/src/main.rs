//! A release was offered: compile it and put it into place.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use landfall_aws::{engine_ports, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::init();
    let engine = engine_ports::from_env().await?;
    let engine = &engine;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<_>| async move {
        // Boxed: compiling a release keeps much at hand.
        Box::pin(landfall_on_release::handle(engine, event.payload, event.context.deadline)).await.map_err(Error::from)
    }))
    .await
}
