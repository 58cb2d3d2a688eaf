//! The command line on a deployed stack: it is found by its name, and the credentials come from the environment, as
//! in a real account.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
};

use aws_sdk_scheduler::types::ScheduleState;
use serde_json::{Value, json};

use crate::world::{World, binaries};

/// The access key of a user of the emulated account.
pub(crate) struct Operator {
    key: String,
    secret: String,
}

impl World {
    /// Makes an IAM user with these rights alone.
    fn operator(&self, name: &str, statements: &Value) -> Operator {
        let code = "import boto3, json, sys\n\
            iam = boto3.client('iam')\n\
            iam.create_user(UserName=sys.argv[1])\n\
            iam.put_user_policy(UserName=sys.argv[1], PolicyName='p', PolicyDocument=sys.argv[2])\n\
            key = iam.create_access_key(UserName=sys.argv[1])['AccessKey']\n\
            print(key['AccessKeyId'], key['SecretAccessKey'])";
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        let output = self.boto3(code, &[name, &policy.to_string()]);
        let (key, secret) = output.split_once(' ').unwrap();
        Operator { key: key.to_owned(), secret: secret.to_owned() }
    }

    pub(crate) fn landfall(&self, operator: &Operator, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries().join("landfall"));
        command.args(arguments).args(["--stack", &self.stack.state.stack]);
        command.env_clear().envs([
            ("AWS_ENDPOINT_URL", self.stack.state.endpoint.as_str()),
            ("AWS_REGION", landfall::emulated_account::REGION),
            ("AWS_ACCESS_KEY_ID", &operator.key),
            ("AWS_SECRET_ACCESS_KEY", &operator.secret),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command
    }
}

/// The account's root user, who may do everything.
pub(crate) fn root() -> Operator {
    Operator { key: "test".to_owned(), secret: "test".to_owned() }
}

/// What a command printed.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A running `landfall docs`. Dropping it ends the process.
struct Docs {
    child: Child,
    address: String,
}

impl Drop for Docs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Docs {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Asserts that a stack without a release is not reported as broken, and that the next step is named.
fn assert_only_deployed(world: &World) {
    let output = world.landfall(&root(), &["status"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    for part in ["nothing was released to it yet", "container/Dockerfile", "landfall release --project"] {
        assert!(text(&output).contains(part), "{}", text(&output));
    }
    let output = world.landfall(&root(), &["doctor"]).output().unwrap();
    assert!(output.status.success(), "not broken, only new: {}", text(&output));
    assert!(text(&output).contains("landfall release --project"), "{}", text(&output));
}

#[tokio::test]
async fn operators_with_different_rights_examine_repair_and_read_a_stack() {
    let world = World::deployed("operate", "example").await;
    let output = world.landfall(&root(), &["doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("is disabled"), "{}", text(&output));
    world.set_schedules("Sweep", &ScheduleState::Enabled).await;
    assert_only_deployed(&world);
    world.release_first(world.variables()).await;
    world.set_schedules("Sweep", &ScheduleState::Enabled).await;
    let bucket = world.stack.stack.output("LandingBucket").unwrap().to_owned();
    world.upload("landing/orders/2026-11-01.csv", "orders/2026-11-01.csv").await;
    world.settled(1).await;

    let output = world.landfall(&root(), &["doctor", "--output", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] != "broken"), "{findings:#?}");
    let good = |about: &str| findings.iter().any(|it| it["about"] == about && it["verdict"] == "good");
    for about in
        ["stack", "outputs", "state bucket", "board", "release", "sweep", "task definition", "dead letters of loads"]
    {
        assert!(good(about), "{about}: {findings:#?}");
    }

    // The bucket's events to EventBridge are switched off, and another queue gets notifications.
    let code = "import boto3, sys\n\
        s3 = boto3.client('s3')\n\
        queue = boto3.client('sqs').create_queue(QueueName='other')['QueueUrl']\n\
        arn = boto3.client('sqs').get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']\n\
        other = [{'Id': 'other', 'QueueArn': arn, 'Events': ['s3:ObjectCreated:*'],\n\
                   'Filter': {'Key': {'FilterRules': [{'Name': 'prefix', 'Value': 'in/'}]}}}]\n\
        s3.put_bucket_notification_configuration(Bucket=sys.argv[1], NotificationConfiguration={'QueueConfigurations': other},\n\
                                                 SkipDestinationValidation=True)";
    world.boto3(code, &[&bucket]);
    let output = world.landfall(&root(), &["doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("does not send its events to EventBridge"), "{}", text(&output));
    let output = world.landfall(&root(), &["doctor", "--fix"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "no terminal to confirm on: {}", text(&output));
    let output = world.landfall(&root(), &["doctor", "--fix", "--yes"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let code = "import boto3, sys\n\
        found = boto3.client('s3').get_bucket_notification_configuration(Bucket=sys.argv[1])\n\
        queue, = found['QueueConfigurations']\n\
        print(queue['Filter']['Key']['FilterRules'][0]['Value'], 'EventBridgeConfiguration' in found)";
    assert_eq!(world.boto3(code, &[&bucket]), "in/ True");
    world.upload("landing/customers/2026-11-01.csv", "customers/2026-11-01.csv").await;
    world.settled(2).await;

    // An operator who may only read the docs.
    let docs_bucket = world.stack.stack.output("DocsBucket").unwrap();
    let describe = json!({ "Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*" });
    let read = json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [format!("arn:aws:s3:::{docs_bucket}"), format!("arn:aws:s3:::{docs_bucket}/*")] });
    let reader = world.operator("reader", &json!([describe.clone(), read]));
    let docs = Docs::start(world.landfall(&reader, &["docs"]));
    assert!(docs.address.starts_with("127.0.0.1:"), "{}", docs.address);
    let first = docs.get("/", "127.0.0.1");
    let page = first.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_else(|| panic!("{first}"));
    assert!(docs.get(page.trim(), "localhost").starts_with("HTTP/1.1 200"));
    let catalog = page.trim().replace("index.html", "catalog.json");
    assert!(docs.get(&catalog, "127.0.0.1").contains("stg_orders"));
    assert!(docs.get("/", "evil.example").starts_with("HTTP/1.1 403"), "a page of another site must not read it");
    drop(docs);

    let stranger = world.operator("stranger", &json!([describe]));
    let docs = Docs::start(world.landfall(&stranger, &["docs"]));
    let refused = docs.get("/", "127.0.0.1");
    assert!(refused.starts_with("HTTP/1.1 502") && refused.contains("s3:GetObject"), "{refused}");
    let output = world.landfall(&stranger, &["doctor"]).output().unwrap();
    for right in ["s3:GetBucketVersioning", "cloudformation:ListStackResources"] {
        assert!(text(&output).contains(right), "{right}: {}", text(&output));
    }
}
