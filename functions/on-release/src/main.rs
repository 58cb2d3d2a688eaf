//! A release was offered: compile it and put it into place.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use landfall_cloud::{conductor, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::init();
    let conductor = conductor::from_env().await?;
    let conductor = &conductor;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<_>| async move {
        // Boxed: compiling a release keeps much at hand.
        Box::pin(landfall_on_release::handle(conductor, event.payload, event.context.deadline))
            .await
            .map_err(Error::from)
    }))
    .await
}
