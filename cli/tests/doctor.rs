//! `landfall doctor` on a stubbed AWS.

// Makes clippy treat the helper functions as test code.
#![cfg(test)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use landfall::{
    doctor::{DoctorReport, Finding, FindingVerdict, examine, landing_buckets::Fix},
    stack::{LocalState, Stack},
    terminal::Terminal,
};
use landfall_aws::clock;
use landfall_planner::Board;
use serde_json::json;

#[path = "../../shared/aws/tests/wire/stub.rs"]
#[expect(dead_code, reason = "the wire tests use more of it")]
mod stub;

use stub::{Reply, Request, Stub};

const QUEUE: &str = "<QueueConfiguration><Id>q</Id><Queue>arn:aws:sqs:eu-west-1:111122223333:theirs</Queue>\
    <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule></S3Key></Filter></QueueConfiguration>";
const EVENT_BRIDGE: &str = "<EventBridgeConfiguration></EventBridgeConfiguration>";
const IMAGE: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/dbt@sha256:0a0a";

/// The answers of the stubbed AWS.
#[derive(Debug, Clone)]
struct Answers {
    status: &'static str,
    versioning: &'static str,
    /// The content of the landing bucket's notification configuration.
    notifications: String,
    /// The status of HEAD of the landing bucket: with the expected owner, and without.
    landing: (u16, u16),
    image: &'static str,
    image_exists: bool,
    sweep: &'static str,
    dead_letters: u32,
    /// Whether S3 ignores conditions of writes.
    ignores_conditions: bool,
    board: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            status: "CREATE_COMPLETE",
            versioning: "<Status>Enabled</Status>",
            notifications: format!("{QUEUE}{EVENT_BRIDGE}"),
            landing: (200, 200),
            image: IMAGE,
            image_exists: true,
            sweep: "ENABLED",
            dead_letters: 0,
            ignores_conditions: false,
            board: true,
        }
    }
}

fn xml(status: u16, body: &str) -> Reply {
    Reply::Answer { status, headers: vec![("content-type", "application/xml".to_owned())], body: body.to_owned() }
}

impl Answers {
    fn answer(&mut self, request: &Request) -> Reply {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let target = request.target.as_str();
        match request.operation() {
            "DescribeTaskDefinition" => {
                return Reply::json(
                    200,
                    &json!({ "taskDefinition": { "taskDefinitionArn": "arn:td", "status": "ACTIVE",
                    "containerDefinitions": [{ "name": "dbt", "image": self.image }] } }),
                );
            }
            "DescribeImages" if self.image_exists => return Reply::json(200, &json!({ "imageDetails": [{}] })),
            "DescribeImages" => return Reply::error(400, "ImageNotFoundException", "no such image"),
            "GetQueueAttributes" => {
                let depth = self.dead_letters.to_string();
                return Reply::json(200, &json!({ "Attributes": { "ApproximateNumberOfMessages": depth } }));
            }
            _ => {}
        }
        if body.contains("Action=DescribeStacks") {
            return self.stacks();
        }
        if body.contains("Action=ListStackResources") {
            return resources();
        }
        if target.starts_with("/schedules/sweep") {
            return Reply::json(200, &json!({ "Name": "sweep", "State": self.sweep }));
        }
        self.s3(request, &body)
    }

    fn s3(&mut self, request: &Request, body: &str) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
        match (request.method.as_str(), path.trim_end_matches('/')) {
            ("GET", _) if has("versioning") => {
                xml(200, &format!("<VersioningConfiguration>{}</VersioningConfiguration>", self.versioning))
            }
            ("GET", _) if has("publicAccessBlock") => xml(
                200,
                "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
                 <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
            ),
            ("GET", _) if has("notification") => {
                xml(200, &format!("<NotificationConfiguration>{}</NotificationConfiguration>", self.notifications))
            }
            ("PUT", _) if has("notification") => {
                let inside = body.split_once('>').map_or(body, |(_, rest)| rest);
                self.notifications = inside.replace("</NotificationConfiguration>", "");
                xml(200, "")
            }
            ("HEAD", "/acme-landing") => {
                let owned = request.header("x-amz-expected-bucket-owner").is_some();
                let status = if owned { self.landing.0 } else { self.landing.1 };
                xml(status, "")
            }
            ("GET", "/shop-state/board.json") if self.board => {
                let board = Board::new(clock::now()).to_json().unwrap();
                Reply::object("b", &String::from_utf8(board).unwrap())
            }
            ("PUT", _) if request.header("if-match").is_some() => Reply::xml_error(412, "PreconditionFailed"),
            ("PUT", _) if body.starts_with('1') || self.ignores_conditions => Reply::written("d"),
            ("PUT", _) => Reply::xml_error(412, "PreconditionFailed"),
            ("DELETE", _) => xml(204, ""),
            // The adapter reads the object after a 412.
            ("GET", path) if path.starts_with("/shop-state/doctor/") => Reply::object("d", "1"),
            _ => Reply::xml_error(404, "NoSuchKey"),
        }
    }

    fn stacks(&self) -> Reply {
        let parameter = |name: &str, value: &str| {
            format!("<member><ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue></member>")
        };
        let parameters = [parameter("LandingBuckets", "acme-landing"), parameter("SubnetIds", "subnet-1")].concat();
        xml(
            200,
            &format!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>shop</StackName>\
                 <StackId>arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1</StackId>\
                 <CreationTime>2026-11-22T17:00:00Z</CreationTime><StackStatus>{}</StackStatus>\
                 <Parameters>{parameters}</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
                self.status
            ),
        )
    }
}

fn resources() -> Reply {
    let one = |logical: &str, physical: &str| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>x</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
             <LastUpdatedTimestamp>2026-11-22T17:00:00Z</LastUpdatedTimestamp></member>"
        )
    };
    let all = [one("TaskDefinition", "arn:td"), one("SweepSchedule", "sweep"), one("SweepScheduleGroup", "group")];
    xml(
        200,
        &format!(
            "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{}</StackResourceSummaries>\
             </ListStackResourcesResult></ListStackResourcesResponse>",
            all.concat()
        ),
    )
}

/// The report, and the requests that were made.
async fn report(answers: Answers, fix: bool) -> (DoctorReport, Vec<Request>) {
    let answers = Arc::new(Mutex::new(answers));
    let stub = Stub::start(move |request| answers.lock().unwrap().answer(request)).await;
    let url = |name: &str| format!("{}/111122223333/{name}", stub.endpoint());
    let outputs: BTreeMap<String, String> = [
        ("StateBucket", "shop-state".to_owned()),
        ("LandingBucket", "acme-landing".to_owned()),
        ("DocsBucket", "shop-docs".to_owned()),
        ("Repository", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/dbt".to_owned()),
        ("LoadsQueueUrl", url("loads")),
        ("LoadsDeadLetterQueueUrl", url("loads-dead")),
        ("FunctionDeadLetterQueueUrl", url("function-dead")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let stack = Stack::emulated(LocalState {
        name: "shop".to_owned(),
        stack: "shop".to_owned(),
        endpoint: stub.endpoint().to_owned(),
        outputs,
        landing_buckets: Vec::new(),
        folder: PathBuf::new(),
        dbt: None,
        docs: None,
    })
    .unwrap();
    let terminal = Terminal::silent();
    let report = examine(&stack, fix.then_some(Fix { terminal: &terminal, yes: true })).await.unwrap();
    (report, stub.seen())
}

fn only(report: &DoctorReport, verdict: FindingVerdict) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.verdict == verdict).collect()
}

/// Asserts that the report has one finding with this verdict, text and fix.
async fn assert_finding(answers: Answers, verdict: FindingVerdict, says: &str, fix: &str) {
    let (report, _) = report(answers, false).await;
    let found = only(&report, verdict);
    assert_eq!(found.len(), 1, "{found:#?}");
    let text = found[0].to_string();
    assert!(found[0].says.contains(says), "{text}");
    assert!(found[0].fix.as_ref().unwrap().contains(fix), "{text}");
}

#[tokio::test]
async fn a_healthy_stack_is_good_and_not_changed() {
    let (report, seen) = report(Answers::default(), false).await;
    assert_eq!(only(&report, FindingVerdict::Broken), Vec::<&Finding>::new());
    assert_eq!(only(&report, FindingVerdict::Warning), Vec::<&Finding>::new());
    let written: Vec<&str> =
        seen.iter().filter(|it| matches!(it.method.as_str(), "PUT" | "DELETE")).map(|it| it.target.as_str()).collect();
    assert!(written.iter().all(|target| target.starts_with("/shop-state/doctor/")), "{written:?}");
    assert!(written.len() == 4, "a write, two refused ones, and a deletion: {written:?}");
}

#[tokio::test]
async fn each_broken_part_is_found_with_its_fix() {
    let good = Answers::default;
    assert_finding(
        Answers { status: "ROLLBACK_COMPLETE", ..good() },
        FindingVerdict::Broken,
        "ROLLBACK",
        "deleted and deployed again",
    )
    .await;
    assert_finding(
        Answers { versioning: "", ..good() },
        FindingVerdict::Broken,
        "not versioned",
        "switch on versioning",
    )
    .await;
    assert_finding(
        Answers { ignores_conditions: true, ..good() },
        FindingVerdict::Broken,
        "that it should refuse",
        "If-None-Match",
    )
    .await;
    assert_finding(
        Answers { image_exists: false, ..good() },
        FindingVerdict::Broken,
        "does not exist",
        "push the image",
    )
    .await;
    assert_finding(Answers { sweep: "DISABLED", ..good() }, FindingVerdict::Broken, "is disabled", "enable it").await;
    assert_finding(
        Answers { landing: (404, 404), ..good() },
        FindingVerdict::Broken,
        "does not exist",
        "LandingBuckets",
    )
    .await;
    let without_events = Answers { notifications: QUEUE.to_owned(), ..good() };
    assert_finding(without_events, FindingVerdict::Broken, "does not send its events", "--fix").await;
}

#[tokio::test]
async fn parts_that_the_user_must_check_are_warnings() {
    let good = Answers::default;
    let (letters, _) = report(Answers { dead_letters: 3, ..good() }, false).await;
    let letters = only(&letters, FindingVerdict::Warning);
    assert_eq!(letters.len(), 2, "one for each queue: {letters:#?}");
    assert!(letters.iter().all(|it| it.says.starts_with("3 messages")), "{letters:#?}");
    let fix = |at: usize| letters[at].fix.clone().unwrap();
    assert!(
        fix(0).contains(
            "start-message-move-task --source-arn arn:aws:sqs:eu-west-1:111122223333:loads-dead \
             --destination-arn arn:aws:sqs:eu-west-1:111122223333:loads`"
        ),
        "{}",
        fix(0)
    );
    assert!(
        fix(1).contains("purge-queue") && !fix(1).contains("move-task"),
        "SQS moves none of a function's: {}",
        fix(1)
    );
    assert_finding(
        Answers { landing: (403, 200), ..good() },
        FindingVerdict::Warning,
        "another account",
        "events/cross-account",
    )
    .await;
    assert_finding(
        Answers { landing: (403, 403), ..good() },
        FindingVerdict::Warning,
        "you may not see it",
        "s3:ListBucket",
    )
    .await;
    let tagged = "ghcr.io/acme/dbt:latest";
    assert_finding(
        Answers { image: tagged, ..good() },
        FindingVerdict::Warning,
        "which may point to another image",
        "sha256",
    )
    .await;
    let elsewhere = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/dbt@sha256:0a0a";
    assert_finding(
        Answers { image: elsewhere, ..good() },
        FindingVerdict::Warning,
        "the task's execution role may pull",
        "EcrRepositoryUri=4444",
    )
    .await;
}

#[tokio::test]
async fn before_the_first_release_the_next_steps_are_named() {
    let first = Answers { board: false, image: "image.invalid/landfall/no-image-yet", ..Answers::default() };
    let (report, _) = report(first, false).await;
    assert_eq!(
        only(&report, FindingVerdict::Broken),
        Vec::<&Finding>::new(),
        "a stack without a release is not broken"
    );
    let next: Vec<&Finding> = report.findings.iter().filter(|it| it.about == "board" || it.about == "image").collect();
    assert_eq!(next.len(), 2);
    assert!(next.iter().all(|it| it.fix.as_ref().unwrap().contains("landfall release")), "{next:#?}");
}

#[tokio::test]
async fn fix_switches_on_events_and_keeps_the_notifications_of_the_bucket() {
    let without_events = Answers { notifications: QUEUE.to_owned(), ..Answers::default() };
    let (report, seen) = report(without_events, true).await;
    assert_eq!(only(&report, FindingVerdict::Broken), Vec::<&Finding>::new());
    let puts: Vec<&Request> =
        seen.iter().filter(|it| it.method == "PUT" && it.target.contains("notification")).collect();
    assert_eq!(puts.len(), 1);
    let body = String::from_utf8_lossy(&puts[0].body).into_owned();
    for part in [
        "arn:aws:sqs:eu-west-1:111122223333:theirs",
        "<Value>in/</Value>",
        "s3:ObjectCreated:*",
        "EventBridgeConfiguration",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
}
