//! A fake S3 with one bucket, path-style addresses and conditional PUTs, and a fake task metadata endpoint of ECS. Both
//! run in the test's process. Unlike the emulator, this S3 can lose a reply.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

/// The name of the only bucket.
pub(crate) const BUCKET: &str = "state";

#[derive(Default)]
struct Inner {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The keys in the order of their successful PUTs.
    puts: Mutex<Vec<String>>,
    lost_replies: AtomicU32,
}

/// A running fake. Its threads end with the test's process.
pub(crate) struct Bucket {
    inner: Arc<Inner>,
    address: String,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner::default());
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = shared.clone();
                std::thread::spawn(move || inner.serve(&stream));
            }
        });
        Self { inner, address }
    }

    /// Returns the value for `AWS_ENDPOINT_URL`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the value for `ECS_CONTAINER_METADATA_URI_V4`.
    pub(crate) fn metadata_uri(&self, task: &str) -> String {
        format!("{}/metadata/{task}", self.address)
    }

    pub(crate) fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.inner.objects.lock().unwrap().insert(key.to_owned(), body.into());
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.objects.lock().unwrap().get(key).cloned()
    }

    /// Returns the keys in the order in which tasks wrote them.
    pub(crate) fn puts(&self) -> Vec<String> {
        self.inner.puts.lock().unwrap().clone()
    }

    /// Makes the next `n` conditional PUTs succeed without a reply.
    pub(crate) fn lose_replies(&self, n: u32) {
        self.inner.lost_replies.store(n, Ordering::SeqCst);
    }
}

/// Returns the ARN that the metadata endpoint gives a task of this name.
pub(crate) fn arn(task: &str) -> landfall_planner::TaskArn {
    landfall_planner::TaskArn::parse(format!("arn:aws:ecs:eu-west-1:111122223333:task/landfall/{task}")).unwrap()
}

impl Inner {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((method, path, headers, body)) = request(&mut reader) {
            let Some((status, body)) = self.answer(&method, &path, &headers, body) else { return };
            let mut stream = stream;
            // The S3 client requires both `etag` and `last-modified`.
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: \"e\"\r\nlast-modified: Sun, 22 Nov 2026 17:14:17 GMT\r\n\r\n",
                body.len()
            );
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    }

    /// Returns the status and the body, or `None` if the reply is lost.
    fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Option<(String, Vec<u8>)> {
        let error = |status: &str, code: &str| {
            Some((status.to_owned(), format!("<Error><Code>{code}</Code></Error>").into_bytes()))
        };
        let path = path.split('?').next().unwrap_or_default();
        if let Some(task) = path.strip_prefix("/metadata/").and_then(|rest| rest.strip_suffix("/task")) {
            return Some(("200 OK".to_owned(), format!(r#"{{"TaskARN":"{}","Family":"x"}}"#, arn(task)).into_bytes()));
        }
        let Some(key) = path.strip_prefix(&format!("/{BUCKET}/")) else {
            return error("404 Not Found", "NoSuchBucket");
        };
        let mut objects = self.objects.lock().unwrap();
        match method {
            "GET" => match objects.get(key) {
                Some(body) => Some(("200 OK".to_owned(), body.clone())),
                None => error("404 Not Found", "NoSuchKey"),
            },
            "PUT" => {
                let conditional = headers.get("if-none-match").is_some_and(|value| value == "*");
                if conditional && objects.contains_key(key) {
                    return error("412 Precondition Failed", "PreconditionFailed");
                }
                objects.insert(key.to_owned(), body);
                self.puts.lock().unwrap().push(key.to_owned());
                let lost = |n: u32| n.checked_sub(1);
                if conditional && self.lost_replies.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost).is_ok() {
                    return None;
                }
                Some(("200 OK".to_owned(), Vec::new()))
            }
            _ => error("405 Method Not Allowed", "MethodNotAllowed"),
        }
    }
}

type Request = (String, String, BTreeMap<String, String>, Vec<u8>);

fn request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = if headers.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        chunks(reader)?
    } else {
        let length = headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body
    };
    // The SDK sends a streamed body in its own chunks, with a checksum after the last one.
    if headers.contains_key("x-amz-decoded-content-length") {
        body = chunks(&mut BufReader::new(body.as_slice()))?;
    }
    Some((method, path, headers, body))
}

fn chunks(reader: &mut impl std::io::BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk).ok()?;
        body.extend(chunk);
        reader.read_line(&mut String::new()).ok()?;
    }
    // Trailers end with an empty line, or with the body if these chunks are inside other chunks.
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            return Some(body);
        }
    }
}
