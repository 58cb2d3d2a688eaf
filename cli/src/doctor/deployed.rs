//! The stack in CloudFormation: its status, outputs, parameters and resources.

use std::collections::BTreeMap;

use aws_sdk_s3::error::DisplayErrorContext;

use super::{DoctorError, DoctorReport};
use crate::stack::{Stack, StackError};

/// The outputs that the commands read; a stack of this version has all of them.
const OUTPUTS: [&str; 5] =
    ["StateBucket", "LandingBucket", "DocsBucket", "LoadsDeadLetterQueueUrl", "FunctionDeadLetterQueueUrl"];
const STACK: &str = "stack";

/// The facts about the stack that later checks use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployed {
    /// The partition of the stack's ARN, such as `aws` or `aws-cn`.
    pub partition: String,
    /// The account of the stack's ARN.
    pub account: String,
    /// The Region of the stack's ARN.
    pub region: String,
    /// The parameters, given or default.
    pub parameters: BTreeMap<String, String>,
    /// The physical ids by logical ids; empty if the resources cannot be listed.
    pub resources: BTreeMap<String, String>,
}

impl Deployed {
    /// The value of a parameter, unless it is empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The ARN of a queue of the stack. The queue's URL ends with its name.
    pub fn arn_of_queue(&self, url: &str) -> String {
        let name = url.rsplit('/').next().unwrap_or(url);
        format!("arn:{}:sqs:{}:{}:{name}", self.partition, self.region, self.account)
    }

    /// The landing buckets: those of the parameter, else the stack's own.
    pub fn landing_buckets(&self, own: Option<&String>) -> Vec<String> {
        match self.parameter("LandingBuckets") {
            Some(names) => names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            None => own.cloned().into_iter().collect(),
        }
    }
}

/// Checks the status, the outputs and the network parameters.
///
/// # Errors
///
/// The stack does not exist, or CloudFormation does not answer.
pub async fn examine(report: &mut DoctorReport, stack: &Stack) -> Result<Deployed, DoctorError> {
    let client = aws_sdk_cloudformation::Client::new(stack.sdk());
    let answer = client.describe_stacks().stack_name(&stack.name).send().await.map_err(|error| StackError::Call {
        action: "cloudformation:DescribeStacks",
        on: stack.name.clone(),
        reason: DisplayErrorContext(&error).to_string(),
    })?;
    let found = answer.stacks.unwrap_or_default().into_iter().next();
    let found = found.ok_or_else(|| StackError::Missing(stack.name.clone()))?;
    check_status(report, found.stack_status().map_or("unknown", |status| status.as_str()));

    let missing: Vec<&str> = OUTPUTS.into_iter().filter(|name| !stack.outputs.contains_key(*name)).collect();
    if missing.is_empty() {
        report.good("outputs", "all present");
    } else {
        report.broken(
            "outputs",
            format!("{} missing", missing.join(", ")),
            "deploy this version of template.yaml (`make deploy`), or name another stack with --stack",
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
                report.not_checked("resources", "cloudformation:ListStackResources", &stack.name, &error);
                break;
            }
        }
    }
    check_network(report, &deployed);
    Ok(deployed)
}

fn check_status(report: &mut DoctorReport, status: &str) {
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => report.good(STACK, status),
        "UPDATE_ROLLBACK_COMPLETE" => report.warning(
            STACK,
            format!("{status}: the last update failed, and the stack is as before the update"),
            "read the first failure in the stack's events, and deploy again",
        ),
        _ if status.ends_with("_IN_PROGRESS") => report.note(STACK, format!("{status}: run the command again when it is complete")),
        _ => report.broken(
            STACK,
            status,
            "read the first failure in the stack's events; a stack in ROLLBACK_COMPLETE must be deleted and deployed again",
        ),
    }
}

/// Checks the network parameters. The routes of the user's own subnets are not checked.
fn check_network(report: &mut DoctorReport, deployed: &Deployed) {
    const NETWORK: &str = "network";
    match (deployed.parameter("SubnetIds"), deployed.parameter("AssignPublicIp")) {
        (None, Some("false")) => report.broken(
            NETWORK,
            "the stack's own subnets have no NAT and the task gets no public address, so it reaches neither its image nor its logs",
            "deploy with AssignPublicIp=auto, or set SubnetIds to subnets behind a NAT",
        ),
        (Some(subnets), Some("true")) => report.note(
            NETWORK,
            format!("the task gets a public address in {subnets}, which public subnets need and subnets behind a NAT do not"),
        ),
        (Some(subnets), _) => report.note(
            NETWORK,
            format!("the task runs in {subnets}; only a run shows whether S3, the image and the warehouse are reachable from there"),
        ),
        (None, _) => report.good(NETWORK, "the stack's own public subnets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingVerdict;

    fn deployed(parameters: &[(&str, &str)]) -> Deployed {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Deployed { parameters, ..Deployed::default() }
    }

    fn verdict(check: impl FnOnce(&mut DoctorReport)) -> FindingVerdict {
        let mut report = DoctorReport::default();
        check(&mut report);
        report.findings[0].verdict
    }

    #[test]
    fn each_stack_status_has_its_verdict() {
        for (status, expected) in [
            ("CREATE_COMPLETE", FindingVerdict::Good),
            ("UPDATE_IN_PROGRESS", FindingVerdict::Note),
            ("UPDATE_ROLLBACK_COMPLETE", FindingVerdict::Warning),
            ("ROLLBACK_COMPLETE", FindingVerdict::Broken),
            ("DELETE_FAILED", FindingVerdict::Broken),
        ] {
            assert_eq!(verdict(|report| check_status(report, status)), expected, "{status}");
        }
    }

    #[test]
    fn a_task_without_a_route_to_the_internet_is_broken() {
        let shut = deployed(&[("SubnetIds", ""), ("AssignPublicIp", "false")]);
        assert_eq!(verdict(|report| check_network(report, &shut)), FindingVerdict::Broken);
        let own = deployed(&[("SubnetIds", ""), ("AssignPublicIp", "auto")]);
        assert_eq!(verdict(|report| check_network(report, &own)), FindingVerdict::Good);
        let theirs = deployed(&[("SubnetIds", "subnet-1"), ("AssignPublicIp", "auto")]);
        assert_eq!(verdict(|report| check_network(report, &theirs)), FindingVerdict::Note);
    }

    #[test]
    fn landing_buckets_are_those_of_the_parameter_or_the_stacks_own() {
        let own = "shop-landing".to_owned();
        assert_eq!(deployed(&[("LandingBuckets", "a,b")]).landing_buckets(Some(&own)), ["a", "b"]);
        assert_eq!(deployed(&[("LandingBuckets", "")]).landing_buckets(Some(&own)), ["shop-landing"]);
    }
}
