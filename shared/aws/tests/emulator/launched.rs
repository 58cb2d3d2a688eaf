//! The emulator as a child of the test: a free port, a folder that goes with it, and an end when the test ends.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::types::{Compatibility, ContainerDefinition, NetworkMode};
use aws_sdk_s3::config::Credentials;
use landfall_aws::Clients;
use serde_json::Value;

/// A busy machine of two cores needs some seconds.
const STARTS_WITHIN: Duration = Duration::from_mins(1);

pub(crate) struct Emulator {
    launcher: Child,
    endpoint: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Its stdin closes with this, upon which it ends its own children and itself.
        drop(self.launcher.stdin.take());
        let _ = self.launcher.wait();
    }
}

/// Starts an emulator. `None` if it is not installed, which the end of `make test` repeats; a failure where `CI` is set.
#[expect(clippy::disallowed_methods, reason = "a test that is skipped in silence is no test")]
pub(crate) fn launch() -> Option<Emulator> {
    // Python finds a venv by the text of its own path, which must have no `..` in it.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let python = root.join(".landfall/venv/emulator/bin/python");
    if !python.exists() {
        let advice = format!("{} is missing: `make test` installs it", python.display());
        assert!(std::env::var("CI").is_err(), "{advice}");
        println!("SKIPPED: the adapters on the emulator: {advice}");
        return None;
    }
    Some(start(&root, &python))
}

fn start(root: &Path, python: &Path) -> Emulator {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images.json");
    let argv = ["/bin/sh", "-c", "echo \"$LANDFALL_PLAN\"; exit 3"];
    std::fs::write(&images, serde_json::json!({ "dbt@sha256:1": { "argv": argv, "env": {} } }).to_string()).unwrap();
    let launch: PathBuf = root.join("cli/emulator/launch.py");
    let mut launcher = Command::new(python)
        .args([launch.as_os_str(), "--port".as_ref(), "0".as_ref(), "--no-iam".as_ref(), "--exit-with-stdin".as_ref()])
        .args(["--data".as_ref(), folder.path().as_os_str(), "--images".as_ref(), images.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = launcher.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(STARTS_WITHIN).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let endpoint = ready["endpoint"].as_str().unwrap().to_owned();
    Emulator { launcher, endpoint, folder }
}

impl Emulator {
    /// Settings for clients of the SDK itself.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .http_client(landfall_aws::http_client())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(&self.endpoint)
            .load()
            .await
    }

    pub(crate) async fn clients(&self) -> Clients {
        Clients::new(self.sdk().await, true).unwrap()
    }

    /// A cluster, and a task definition of this image: their ARNs.
    pub(crate) async fn cluster_and_definition(&self, image: &str) -> (String, String) {
        let ecs = aws_sdk_ecs::Client::new(&self.sdk().await);
        let cluster = ecs.create_cluster().cluster_name("shop").send().await.unwrap().cluster.unwrap();
        let container = ContainerDefinition::builder().name("dbt").image(image).essential(true).build();
        let definition = ecs
            .register_task_definition()
            .family("shop")
            .cpu("256")
            .memory("512")
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(Compatibility::Fargate)
            .container_definitions(container)
            .send()
            .await
            .unwrap();
        (cluster.cluster_arn.unwrap(), definition.task_definition.unwrap().task_definition_arn.unwrap())
    }
}
