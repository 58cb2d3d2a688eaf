//! Publishes pending docs.

use landfall_aws::engine_ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    Box::pin(landfall_function_runtime::serve(engine_ports::recording_from_env(), landfall_publish_docs::handle)).await
}
