//! A web server on 127.0.0.1 for the published docs. It reads the private docs bucket with the user's own AWS
//! credentials.

use std::{convert::Infallible, net::SocketAddr};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use landfall_aws::Store;
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinHandle};

/// The error that the web server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on 127.0.0.1:{port} ({source}): end the program that uses the port, or choose another port (0 picks a free one)"
)]
pub struct DocsError {
    port: u16,
    source: std::io::Error,
}

/// A web server for the docs. Dropping the value ends it.
#[derive(Debug)]
pub struct DocsServer {
    /// The address of the server: `http://127.0.0.1:PORT/`.
    pub address: String,
    accepting: JoinHandle<()>,
}

/// The published version of the docs, from current.json of the docs bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DocsPointer {
    /// The published version.
    pub version: String,
    /// The release of the version.
    #[serde(default)]
    pub release: Option<String>,
    /// The time at which it was published.
    #[serde(default)]
    pub published_at: Option<String>,
}

impl DocsServer {
    /// Starts the server on a port; 0 picks a free one.
    ///
    /// # Errors
    ///
    /// The port is in use.
    pub async fn start(store: Store, port: u16) -> Result<Self, DocsError> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind(address).await.map_err(|source| DocsError { port, source })?;
        let address = listener.local_addr().map_err(|source| DocsError { port, source })?;
        let accepting = tokio::spawn(accept(listener, store));
        Ok(Self { address: format!("http://{address}/"), accepting })
    }

    /// Serves until the program ends.
    pub async fn run(mut self) {
        // The task ends only with the program.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for DocsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, store: Store) {
    loop {
        // A connection that fails before it is accepted concerns only its browser.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let store = store.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let store = store.clone();
                async move { Ok::<_, Infallible>(answer(&store, &request).await) }
            });
            let _ =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(store: &Store, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are supported");
    }
    // DNS rebinding: a page of another site could resolve its own name to 127.0.0.1 and read the docs.
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    if !matches!(host, "127.0.0.1" | "localhost") {
        return text(StatusCode::FORBIDDEN, "use the address 127.0.0.1");
    }
    match request.uri().path() {
        "/" => current(store).await,
        path => object(store, path.trim_start_matches('/')).await,
    }
}

/// Redirects to the address of the published version, so that its page, manifest and catalog stay of one version.
async fn current(store: &Store) -> Response<Full<Bytes>> {
    match pointer(store).await {
        Ok(Some(pointer)) => {
            let mut response = text(StatusCode::FOUND, "");
            match HeaderValue::from_str(&format!("/versions/{}/index.html", pointer.version)) {
                Ok(location) => response.headers_mut().insert(LOCATION, location),
                Err(_) => return text(StatusCode::BAD_GATEWAY, "current.json names no valid version"),
            };
            response
        }
        Ok(None) => page(StatusCode::OK, NOTHING_YET),
        Err(reason) => text(StatusCode::BAD_GATEWAY, &reason),
    }
}

/// Reads the published version; `None` before the first one.
///
/// # Errors
///
/// S3 fails, or current.json is not valid. The text of the error says which.
pub async fn pointer(store: &Store) -> Result<Option<DocsPointer>, String> {
    let stored = store.get("current.json").await.map_err(|error| error.to_string())?;
    let pointer = stored.map(|stored| serde_json::from_slice(&stored.bytes));
    pointer.transpose().map_err(|error| format!("{} is not valid: {error}", store.address("current.json")))
}

async fn object(store: &Store, key: &str) -> Response<Full<Bytes>> {
    match store.get(key).await {
        Ok(Some(stored)) => {
            let mut response = Response::new(Full::from(stored.bytes));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(key)));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Ok(None) => text(StatusCode::NOT_FOUND, "no such page"),
        Err(error) => text(StatusCode::BAD_GATEWAY, &error.to_string()),
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

const NOTHING_YET: &str = "<!doctype html><meta http-equiv=refresh content=2><title>Landfall docs</title>\
    <p style='font-family:sans-serif;margin:3em'>No docs are published yet. The first run publishes them, and this page reloads every 2 s.";

fn page(status: StatusCode, html: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(status, html);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    response
}
