//! What the five functions share: start-up, errors, and the loop of the Lambda runtime. Each function is a handler and a `main` that passes it to
//! [`serve`].

mod error;

use std::ops::AsyncFn;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use landfall_aws::{clock, engine_ports::AwsEngine, logging};
use landfall_engine::{Deadline, EngineError, NextStep};
use serde::{Serialize, de::DeserializeOwned};

pub use error::HandlerError;

/// Sets up the log and the engine, then passes each event to the handler until Lambda ends the process.
///
/// # Errors
///
/// Fails if the environment is incomplete, or if the Lambda runtime API fails. Lambda then starts the function again.
pub async fn serve<T, R>(
    engine: impl Future<Output = Result<AwsEngine, EngineError>>,
    handler: impl AsyncFn(&AwsEngine, T, Deadline) -> Result<R, HandlerError>,
) -> Result<(), Error>
where
    T: DeserializeOwned,
    R: Serialize + Default,
{
    logging::init();
    let engine = engine.await?;
    let (engine, handler) = (&engine, &handler);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<T>| async move {
        let deadline = Deadline::of_lambda(clock::now(), event.context.deadline);
        // Boxed: the futures of compiling a release and of a sweep are large.
        answer(Box::pin(handler(engine, event.payload, deadline)).await)
    }))
    .await
}

/// Acknowledges an event whose work another event repeats later. Every other error fails the invocation: Lambda, or the queue, delivers the event
/// again, and after the last try it ends in a dead-letter queue, whose alarm notifies the operator. The Lambda runtime logs the error.
fn answer<R: Default>(outcome: Result<R, HandlerError>) -> Result<R, Diagnostic> {
    outcome.or_else(|error| match error.next_step() {
        NextStep::Drop => {
            tracing::info!(%error, "this event is acknowledged: a later event does the same work");
            Ok(R::default())
        }
        NextStep::Retry | NextStep::NotifyOperator => {
            Err(Diagnostic { error_type: error.name().to_owned(), error_message: error.to_string() })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_is_given_the_name_of_the_error() {
        let answered = answer::<()>(Err(EngineError::Contended { tries: 3 }.into())).unwrap_err();
        assert_eq!(answered.error_type, "BoardContended");
        assert!(answered.error_message.contains("3 times"), "{}", answered.error_message);
    }

    #[test]
    fn an_event_whose_work_is_repeated_later_is_acknowledged() {
        assert_eq!(answer::<u8>(Err(EngineError::DocsContended.into())), Ok(0));
    }
}
