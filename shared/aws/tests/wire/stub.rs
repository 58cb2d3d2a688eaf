//! An HTTP server on a free port of this machine that answers as a test says, and keeps what it was asked.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, timeout::TimeoutConfig};
use aws_sdk_s3::config::Credentials;
use landfall_aws::Clients;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, still encoded.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `RunTask` of `X-Amz-Target: AmazonEC2ContainerServiceV20141113.RunTask`.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The request was read whole; then the line goes dead.
    Cut,
    /// The request was read whole; the line stays open, and nothing ever comes.
    Silence,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type", "application/x-amz-json-1.1".to_owned())],
            body: body.to_string(),
        }
    }

    /// An error of a JSON service.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "__type": code, "message": message }))
    }

    /// An error of S3.
    pub(crate) fn xml_error(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>says S3</Message></Error>");
        Self::Answer { status, headers: vec![("content-type", "application/xml".to_owned())], body }
    }

    pub(crate) fn written(etag: &str) -> Self {
        Self::Answer { status: 200, headers: vec![("etag", format!("\"{etag}\""))], body: String::new() }
    }

    pub(crate) fn object(etag: &str, body: &str) -> Self {
        let headers = vec![
            ("etag", format!("\"{etag}\"")),
            ("last-modified", "Sun, 22 Nov 2026 17:14:17 GMT".to_owned()),
            ("x-amz-version-id", "v1".to_owned()),
        ];
        Self::Answer { status: 200, headers, body: body.to_owned() }
    }
}

type Handler = Box<dyn FnMut(&Request) -> Reply + Send>;

/// The server; it ends with the test.
pub(crate) struct Stub {
    endpoint: String,
    seen: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stub {
    pub(crate) async fn start(handler: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let kept = Arc::clone(&seen);
        let server = tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                tokio::spawn(serve(line, Arc::clone(&handler), Arc::clone(&kept)));
            }
        });
        Self { endpoint, seen, server }
    }

    /// Answers in this order; a request too many gets an answer that fails the test.
    pub(crate) async fn script(replies: Vec<Reply>) -> Self {
        let mut replies = replies.into_iter();
        Self::start(move |_| replies.next().unwrap_or_else(|| Reply::error(418, "TooManyCalls", "the script is over")))
            .await
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The address of the stub, `http://127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) async fn clients(&self) -> Clients {
        clients(self.endpoint(), TimeoutConfig::disabled()).await
    }

    /// Clients that wait for an answer no longer than that.
    pub(crate) async fn hasty_clients(&self, time_limit: Duration) -> Clients {
        clients(self.endpoint(), TimeoutConfig::builder().operation_attempt_timeout(time_limit).build()).await
    }
}

/// Clients that speak to this endpoint alone.
async fn clients(endpoint: &str, timeouts: TimeoutConfig) -> Clients {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .http_client(landfall_aws::http_client())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(endpoint)
        .timeout_config(timeouts)
        .load()
        .await;
    Clients::new(sdk, true).unwrap()
}

async fn serve(line: TcpStream, handler: Arc<Mutex<Handler>>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut line = BufReader::new(line);
    while let Some(request) = read(&mut line).await {
        let reply = (handler.lock().unwrap())(&request);
        let head_only = request.method == "HEAD";
        seen.lock().unwrap().push(request);
        let (status, headers, body) = match reply {
            Reply::Answer { status, headers, body } => (status, headers, body),
            Reply::Cut => return,
            Reply::Silence => std::future::pending().await,
        };
        let mut answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            let _ = write!(answer, "{name}: {value}\r\n");
        }
        answer.push_str("\r\n");
        if !head_only {
            answer.push_str(&body);
        }
        if line.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(line: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(line.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut rows = head.lines();
    let mut first = rows.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = rows
        .filter_map(|row| row.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    line.read_exact(&mut body).await.ok()?;
    Some(Request { method, target, headers, body })
}
