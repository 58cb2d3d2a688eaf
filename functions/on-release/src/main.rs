//! Compiles an uploaded release and puts it in place.

use landfall_aws::engine_ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    Box::pin(landfall_function_runtime::serve(engine_ports::from_env(), landfall_on_release::handle)).await
}
