//! What CloudFormation says of the stack.

use std::collections::BTreeMap;

use aws_sdk_s3::error::DisplayErrorContext;

use super::{DoctorError, Report};
use crate::stack::{Stack, StackError};

/// Outputs that the commands read; a stack of this version has them all.
const OUTPUTS: [&str; 5] =
    ["StateBucket", "LandingBucket", "DocsBucket", "LoadsDeadLetterQueueUrl", "FunctionDeadLetterQueueUrl"];
const STACK: &str = "stack";

/// The stack's own facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployed {
    /// `aws`, or that of China or of a government: from the stack's ARN.
    pub partition: String,
    /// Of the stack itself: from its ARN.
    pub account: String,
    /// From its ARN.
    pub region: String,
    /// As they were given or defaulted.
    pub parameters: BTreeMap<String, String>,
    /// Physical by logical ids; empty if they could not be listed.
    pub resources: BTreeMap<String, String>,
}

impl Deployed {
    /// A parameter, unless it is empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Of one of the stack's queues, whose URL ends with its name.
    pub fn arn_of_queue(&self, url: &str) -> String {
        let name = url.rsplit('/').next().unwrap_or(url);
        format!("arn:{}:sqs:{}:{}:{name}", self.partition, self.region, self.account)
    }

    /// Every landing bucket: those that were named, else the stack's own.
    pub fn landing_buckets(&self, own: Option<&String>) -> Vec<String> {
        match self.parameter("LandingBuckets") {
            Some(names) => names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            None => own.cloned().into_iter().collect(),
        }
    }
}

/// Its status, its outputs, and what goes with its parameters.
pub async fn examine(report: &mut Report, stack: &Stack) -> Result<Deployed, DoctorError> {
    let client = aws_sdk_cloudformation::Client::new(stack.sdk());
    let answer = client.describe_stacks().stack_name(&stack.name).send().await.map_err(|error| StackError::Call {
        action: "cloudformation:DescribeStacks",
        on: stack.name.clone(),
        reason: DisplayErrorContext(&error).to_string(),
    })?;
    let found = answer.stacks.unwrap_or_default().into_iter().next();
    let found = found.ok_or_else(|| StackError::Missing(stack.name.clone()))?;
    judge_status(report, found.stack_status().map_or("unknown", |status| status.as_str()));

    let missing: Vec<&str> = OUTPUTS.into_iter().filter(|name| !stack.outputs.contains_key(*name)).collect();
    if missing.is_empty() {
        report.good("outputs", "all there");
    } else {
        report.broken(
            "outputs",
            format!("{} missing", missing.join(", ")),
            "deploy this version of template.yaml (`make deploy`), or name another stack",
        );
    }

    let arn: Vec<String> = found.stack_id().unwrap_or_default().split(':').map(str::to_owned).collect();
    let part = |at: usize| arn.get(at).cloned().unwrap_or_default();
    let parameters = found.parameters.unwrap_or_default().into_iter();
    let mut deployed = Deployed {
        partition: part(1),
        account: part(4),
        region: part(3),
        parameters: parameters.filter_map(|it| Some((it.parameter_key?, it.parameter_value?))).collect(),
        resources: BTreeMap::new(),
    };
    let mut pages = client.list_stack_resources().stack_name(&stack.name).into_paginator().items().send();
    while let Some(resource) = pages.next().await {
        match resource {
            Ok(it) => deployed.resources.extend(it.logical_resource_id.zip(it.physical_resource_id)),
            Err(error) => {
                report.unseen("resources", "cloudformation:ListStackResources", &stack.name, &error);
                break;
            }
        }
    }
    judge_network(report, &deployed);
    Ok(deployed)
}

fn judge_status(report: &mut Report, status: &str) {
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => report.good(STACK, status),
        "UPDATE_ROLLBACK_COMPLETE" => report.warning(
            STACK,
            format!("{status}: the last update failed, and the stack is as it was before it"),
            "read the stack's events for the first failure, and deploy again",
        ),
        _ if status.ends_with("_IN_PROGRESS") => report.note(STACK, format!("{status}: look again when it is over")),
        _ => report.broken(
            STACK,
            status,
            "read the stack's events for the first failure; a stack in ROLLBACK_COMPLETE must be deleted and deployed anew",
        ),
    }
}

/// What the parameters alone tell; the routes of the user's own subnets are not looked at.
fn judge_network(report: &mut Report, deployed: &Deployed) {
    const NETWORK: &str = "network";
    match (deployed.parameter("SubnetIds"), deployed.parameter("AssignPublicIp")) {
        (None, Some("false")) => report.broken(
            NETWORK,
            "the stack's own subnets are public and have no NAT, and the task gets no public address: it reaches neither its image nor its logs",
            "deploy with AssignPublicIp=auto, or name subnets behind a NAT in SubnetIds",
        ),
        (Some(subnets), Some("true")) => report.note(
            NETWORK,
            format!("the task gets a public address in {subnets}: right in public subnets, and useless behind a NAT"),
        ),
        (Some(subnets), _) => report.note(
            NETWORK,
            format!("the task runs in {subnets}; whether that reaches S3, the image and the warehouse only a run tells"),
        ),
        (None, _) => report.good(NETWORK, "the stack's own public subnets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn deployed(parameters: &[(&str, &str)]) -> Deployed {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Deployed { parameters, ..Deployed::default() }
    }

    fn verdict(judge: impl FnOnce(&mut Report)) -> Verdict {
        let mut report = Report::default();
        judge(&mut report);
        report.findings[0].verdict
    }

    #[test]
    fn a_status_is_judged_by_what_follows_from_it() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Verdict::Good),
            ("UPDATE_IN_PROGRESS", Verdict::Note),
            ("UPDATE_ROLLBACK_COMPLETE", Verdict::Warning),
            ("ROLLBACK_COMPLETE", Verdict::Broken),
            ("DELETE_FAILED", Verdict::Broken),
        ] {
            assert_eq!(verdict(|report| judge_status(report, status)), expected, "{status}");
        }
    }

    #[test]
    fn a_task_without_any_way_out_is_broken() {
        let shut = deployed(&[("SubnetIds", ""), ("AssignPublicIp", "false")]);
        assert_eq!(verdict(|report| judge_network(report, &shut)), Verdict::Broken);
        let own = deployed(&[("SubnetIds", ""), ("AssignPublicIp", "auto")]);
        assert_eq!(verdict(|report| judge_network(report, &own)), Verdict::Good);
        let theirs = deployed(&[("SubnetIds", "subnet-1"), ("AssignPublicIp", "auto")]);
        assert_eq!(verdict(|report| judge_network(report, &theirs)), Verdict::Note);
    }

    #[test]
    fn the_buckets_are_those_named_or_the_stacks_own() {
        let own = "shop-landing".to_owned();
        assert_eq!(deployed(&[("LandingBuckets", "a,b")]).landing_buckets(Some(&own)), ["a", "b"]);
        assert_eq!(deployed(&[("LandingBuckets", "")]).landing_buckets(Some(&own)), ["shop-landing"]);
    }
}
