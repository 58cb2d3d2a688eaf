//! Every sample in `events/` goes to the function that its README names: the real binary, through the Lambda Runtime
//! API, on emulated S3, SQS and Scheduler. The template's tests show that no rule sends the samples without a
//! receiver.

// Tells clippy that helpers are tests too.
#![cfg(test)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use landfall::{
    emulated_account,
    home::Home,
    ledger::{self, Chain},
    local::{self, Emulator, EmulatorOptions},
    stack,
    terminal::Terminal,
};
use landfall_aws::{Clients, Store, clock};
use landfall_planner::{Announcement, BOARD_KEY, Board, LedgerLine, LedgerOutcome, LedgerSubject, RunTrigger};
use landfall_startup::{Answer, RuntimeApi, functions};
use serde_json::{Value, json};

/// The longest call of a function, on a busy machine and built without optimising.
const DEADLINE: Duration = Duration::from_mins(1);
const STATE: &str = "shop-statebucket-1a2b3c4d";
const DOCS: &str = "shop-docsbucket-1a2b3c4d";
/// The release of release-offered.json.
const RELEASE: &str = "releases/20261122t170500z-5f5f5f5f";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

fn sample(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(root().join("events").join(name)).unwrap()).unwrap()
}

/// The file and the receiver of each row of the README's table.
fn samples() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("events/README.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name.to_owned(), cells.next()?.to_owned()))
    });
    rows.filter(|(name, _)| std::path::Path::new(name).extension().is_some_and(|extension| extension == "json"))
        .collect()
}

/// The event as the queue delivers it.
fn as_message(name: &str, event: &Value) -> Value {
    json!({ "Records": [{ "messageId": name, "receiptHandle": "r", "body": event.to_string(), "eventSource": "aws:sqs",
        "attributes": { "ApproximateReceiveCount": "1" }, "awsRegion": "eu-west-1" }] })
}

struct World {
    emulator: Emulator,
    state: Store,
    queue: String,
    running: BTreeMap<String, (RuntimeApi, tokio::process::Child)>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let home = Home::at(&root());
        let environments = local::prepare(&Terminal::silent(), &home, false).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images.json");
        std::fs::write(&images, "{}").unwrap();
        let emulator = Emulator::start(&EmulatorOptions {
            python: &environments.emulator.program("python"),
            launcher: &home.join("cli/emulator/launch.py"),
            data: &folder.path().join("emulator"),
            images: &images,
            port: 0,
        })
        .await
        .unwrap();
        let sdk = stack::emulated_sdk(&emulator.endpoint);
        let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let place = aws_sdk_s3::types::BucketLocationConstraint::from(emulated_account::REGION);
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(place).build();
        for bucket in [STATE, DOCS, "shop-landing"] {
            s3.create_bucket().bucket(bucket).create_bucket_configuration(place.clone()).send().await.unwrap();
        }
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        let queue = sqs.create_queue().queue_name("shop-LoadsQueue").send().await.unwrap().queue_url.unwrap();
        let scheduler = aws_sdk_scheduler::Client::new(&sdk);
        scheduler.create_schedule_group().name("shop-ScheduleGroup-AbCdEfGhIjKl").send().await.unwrap();

        let state = Clients::new(sdk, true).unwrap().store(STATE);
        let manifest = std::fs::read(root().join("shared/planner/fixtures/example-manifest.json.zst")).unwrap();
        let manifest = String::from_utf8(zstd::decode_all(manifest.as_slice()).unwrap()).unwrap();
        // The bucket of the samples.
        let manifest = manifest.replace("landing-bucket", "shop-landing").into_bytes();
        let settings = std::fs::read(root().join("example/landfall.yml")).unwrap();
        state.put(&format!("{RELEASE}/manifest.json"), &manifest, "application/json").await.unwrap();
        state.put(&format!("{RELEASE}/landfall.yml"), &settings, "application/yaml").await.unwrap();
        let document = json!({ "version": 2, "release": RELEASE.trim_start_matches("releases/"), "created_at": "2026-11-22T17:05:00Z" });
        state
            .put(&format!("{RELEASE}/release.json"), document.to_string().as_bytes(), "application/json")
            .await
            .unwrap();
        state.put(BOARD_KEY, &Board::new(clock::now()).to_json().unwrap(), "application/json").await.unwrap();
        Self { emulator, state, queue, running: BTreeMap::new(), _folder: folder }
    }

    /// Calls a function and returns its answer. A function that runs already is used again, as Lambda does.
    async fn call(&mut self, function: &str, event: &Value) -> Answer {
        if !self.running.contains_key(function) {
            let api = RuntimeApi::start().await.unwrap();
            let test = std::env::current_exe().unwrap();
            let program = test.ancestors().nth(2).unwrap().join(format!("landfall-{function}"));
            let mut command = functions::command(&program, api.address());
            command.env("AWS_ENDPOINT_URL", &self.emulator.endpoint).env_remove("AWS_SESSION_TOKEN");
            command.env("LANDFALL_LOADS_QUEUE_URL", &self.queue);
            let child = command.spawn().unwrap();
            self.running.insert(function.to_owned(), (api, child));
        }
        let (api, _) = self.running.get_mut(function).unwrap();
        api.invoke(event, DEADLINE).await.unwrap()
    }

    async fn board(&self) -> Board {
        ledger::board(&self.state).await.unwrap()
    }

    /// Every line of the ledger, oldest first.
    async fn ledger_lines(&self) -> Vec<LedgerLine> {
        let board = self.board().await;
        let mut chain = Chain::new(&self.state, &board);
        let mut objects = Vec::new();
        while let Some(object) = chain.next().await.unwrap() {
            objects.push(object);
        }
        objects.into_iter().rev().flat_map(|object| object.lines).collect()
    }
}

/// The outcomes of every line about the object with this key.
fn outcomes(lines: &[LedgerLine], wanted: &str) -> Vec<LedgerOutcome> {
    let of = |line: &&LedgerLine| matches!(&line.about, LedgerSubject::Object { key, .. } if key == wanted);
    lines.iter().filter(of).map(|line| line.outcome).collect()
}

#[tokio::test]
async fn each_function_accepts_the_samples_that_it_receives() {
    let mut world = World::start().await;
    let offered = world.call("on-release", &sample("release-offered.json")).await;
    assert!(matches!(&offered, Answer::Done(_)), "{offered:?}");
    let board = world.board().await;
    assert_eq!(board.release.as_ref().map(|release| format!("releases/{release}")).as_deref(), Some(RELEASE));

    let mut called = 0;
    for (name, receiver) in samples() {
        let event = sample(&name);
        let (function, event) = match receiver.as_str() {
            "none" => continue,
            "LoadsQueue" => ("on-load", as_message(&name, &event)),
            function => (function, event),
        };
        let answer = world.call(function, &event).await;
        let Answer::Done(output) = &answer else { panic!("{name} to {function}: {answer:?}") };
        if function == "on-load" {
            let output: Value = serde_json::from_str(output).unwrap();
            let failed = output["batchItemFailures"].as_array().unwrap().len();
            assert_eq!(failed, if name == "sqs-loads-with-malformed.json" { 3 } else { 0 }, "{name}: {output}");
        }
        called += 1;
    }
    assert!(called >= 29, "only {called} samples were found in the README");

    // The ledger has each object under its exact key, hostile keys included.
    let lines = world.ledger_lines().await;
    for (name, _) in samples().iter().filter(|(name, _)| name.starts_with("object-created")) {
        let event = sample(name);
        let key = event["detail"]["object"]["key"].as_str().unwrap();
        let outcomes = outcomes(&lines, key);
        let expected = if key.starts_with("orders/") { LedgerOutcome::Mapped } else { LedgerOutcome::Unmapped };
        assert_eq!(outcomes.first(), Some(&expected), "{name}: {outcomes:?}");
    }
    let malformed = lines.iter().filter(|line| line.outcome == LedgerOutcome::Malformed).count();
    assert_eq!(malformed, 3, "each malformed message is recorded, also beside one that is tried again: {lines:#?}");
    let board = world.board().await;
    let backlog: Vec<String> = board.backlog.keys().map(ToString::to_string).collect();
    assert!(backlog.iter().any(|trigger| trigger.contains("jaffle.raw_orders")), "{backlog:?}");
    assert!(backlog.iter().any(|trigger| trigger.contains("crm.accounts")), "{backlog:?}");
    assert!(board.jobs.keys().any(|job| job.as_str() == "nightly-qa"), "the job of schedule-job.json came due");
}

#[test]
fn the_event_about_a_settled_run_is_the_sample() {
    let sample = sample("run-settled.json");
    let triggers: Vec<RunTrigger> = serde_json::from_value(sample["detail"]["triggers"].clone()).unwrap();
    let mut on_the_board = sample["detail"].clone();
    on_the_board["triggers"] = json!([]);
    let announcement: Announcement = serde_json::from_value(on_the_board).unwrap();
    let mut again = Announcement { triggers, ..announcement }.detail().unwrap();
    again["stack"] = "shop".into();
    assert_eq!(again, sample["detail"]);
}

#[test]
fn the_policies_for_another_account_name_their_principals_and_actions() {
    let folder = root().join("events/cross-account");
    let read = |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut policies = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "{name} is not described");
        if name == "README.md" || name == "owner-rule-pattern.json" {
            continue;
        }
        policies += 1;
        for statement in read(&name)["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow", "{name}");
            assert_ne!(statement["Principal"], "*", "{name}");
            assert!(!statement["Action"].to_string().contains('*'), "{name}");
            // In a key policy `*` means that key alone.
            assert!(statement["Resource"] != "*" || name == "key-policy.json", "{name}");
        }
    }
    assert_eq!(policies, 5);
    let pattern = read("owner-rule-pattern.json");
    let event = sample("object-created.json");
    assert_eq!(pattern["source"], json!([event["source"]]));
    assert_eq!(pattern["detail-type"], json!([event["detail-type"]]));
    assert_eq!(pattern["detail"]["bucket"]["name"], json!(["acme-landing"]));
}
