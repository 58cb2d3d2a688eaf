//! A stub of the Lambda Runtime API: a function asks for work, receives an event and posts its answer.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

/// The shortest timeout of a function in the template.
const FUNCTION_TIMEOUT: Duration = Duration::from_mins(1);
const PREFIX: &str = "/2018-06-01/runtime/";

/// The reason why the stub got no answer.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeApiError {
    /// No port was free.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Listen(#[from] std::io::Error),
    /// The function did not ask for work, or gave no answer.
    #[error("the function {what} within {waited:?}")]
    Silent {
        /// The missing reaction.
        what: &'static str,
        /// The time limit.
        waited: Duration,
    },
}

/// The outcome of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The function succeeded, with this response body.
    Done(String),
    /// The function failed, with this error body.
    Failed(String),
    /// The function reported that it cannot start.
    NotStarted(String),
}

#[derive(Debug)]
struct Shared {
    /// Receives the time whenever a function asks for work.
    requests: mpsc::UnboundedSender<Instant>,
    work: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<Answer>,
}

/// The stub, on a free port of 127.0.0.1, for one function at a time. Dropping it ends it.
#[derive(Debug)]
pub struct RuntimeApi {
    address: String,
    requests: mpsc::UnboundedReceiver<Instant>,
    work: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<Answer>,
    accepting: JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl RuntimeApi {
    /// Starts to listen on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Fails if no port is free.
    pub async fn start() -> Result<Self, RuntimeApiError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (send_request, requests) = mpsc::unbounded_channel();
        let (work, take_work) = mpsc::unbounded_channel();
        let (send_answer, answers) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { requests: send_request, work: Mutex::new(take_work), answers: send_answer });
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
                    });
                    // A function that is killed breaks its connection.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, requests, work, answers, accepting })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the function asks for work, and returns the time of that request. The function then waits for
    /// [`RuntimeApi::invoke`].
    ///
    /// # Errors
    ///
    /// Fails if the function does not ask within the time limit.
    pub async fn ready(&mut self, time_limit: Duration) -> Result<Instant, RuntimeApiError> {
        let silent = RuntimeApiError::Silent { what: "did not ask for work", waited: time_limit };
        tokio::time::timeout(time_limit, self.requests.recv()).await.ok().flatten().ok_or(silent)
    }

    /// Gives the function an event and waits for its answer.
    ///
    /// # Errors
    ///
    /// Fails if the function does not answer within the time limit.
    pub async fn invoke(&mut self, event: &Value, time_limit: Duration) -> Result<Answer, RuntimeApiError> {
        let silent = || RuntimeApiError::Silent { what: "gave no answer", waited: time_limit };
        self.work.send(event.to_string()).map_err(|_| silent())?;
        tokio::time::timeout(time_limit, self.answers.recv()).await.ok().flatten().ok_or_else(silent)
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    if request.method() == Method::GET && path == "invocation/next" {
        return next(shared).await;
    }
    let body = match request.into_body().collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => return empty(StatusCode::BAD_REQUEST),
    };
    let outcome = match path.as_str() {
        "init/error" => Answer::NotStarted(body),
        path if path.ends_with("/response") => Answer::Done(body),
        path if path.ends_with("/error") => Answer::Failed(body),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let _ = shared.answers.send(outcome);
    empty(StatusCode::ACCEPTED)
}

#[expect(clippy::disallowed_methods, reason = "the clock of Lambda, not of Landfall")]
async fn next(shared: &Shared) -> Response<Full<Bytes>> {
    let _ = shared.requests.send(Instant::now());
    let Some(event) = shared.work.lock().await.recv().await else { return empty(StatusCode::GONE) };
    let deadline = SystemTime::now() + FUNCTION_TIMEOUT;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let response = Response::builder()
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:111122223333:function:shop")
        .body(Full::from(event));
    response.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("{}"));
    *response.status_mut() = status;
    response
}
