//! The task definition of the release in place, and its image if it is in ECR.

use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_ecs::types::{TaskDefinition, TaskDefinitionStatus};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use landfall_planner::Release;

use super::{Deployed, DoctorReport, state_bucket::FIRST_RELEASE};
use crate::{stack::Stack, text::list};

const DEFINITION: &str = "task definition";
const IMAGE: &str = "image";
/// The name of the container that runs dbt.
const CONTAINER: &str = "dbt";

/// The address of an image in ECR.
#[derive(Debug, Clone, PartialEq)]
struct EcrImage {
    account: String,
    region: String,
    repository: String,
    /// The repository's address without tag and digest, as in the stack's parameters.
    uri: String,
    /// The digest or the tag.
    id: ImageIdentifier,
}

/// Checks the task definition of the next run, and its image.
pub async fn examine(report: &mut DoctorReport, stack: &Stack, deployed: &Deployed, release: Option<&Release>) {
    let pinned = release.and_then(|release| release.compiled.task_definition.as_ref());
    let Some(name) = pinned.or_else(|| deployed.resources.get("TaskDefinition")) else {
        return report.note(DEFINITION, "not checked, because the stack's resources cannot be listed");
    };
    let client = aws_sdk_ecs::Client::new(stack.sdk());
    let describe = async |name: &str| client.describe_task_definition().task_definition(name).send().await;
    let answer = match describe(name).await {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(|error| error.code() == Some("ClientException")) => {
            return report.broken(DEFINITION, format!("{name} does not exist"), "release the project again");
        }
        Err(error) => return report.not_checked(DEFINITION, "ecs:DescribeTaskDefinition", name, &error),
    };
    let Some(definition) = answer.task_definition else {
        return report.broken(DEFINITION, format!("{name} does not exist"), "release the project again");
    };
    if definition.status() == Some(&TaskDefinitionStatus::Active) {
        report.good(DEFINITION, format!("{name} is active"));
    } else {
        let says = format!("{name} was deregistered");
        report.broken(DEFINITION, says, "release the project again, which registers a new task definition");
    }
    if let Some(base) = deployed.resources.get("TaskDefinition").filter(|base| *base != name)
        && let Ok(answer) = describe(base).await
    {
        check_age(report, &definition, &answer.task_definition.unwrap_or_else(|| definition.clone()));
    }
    let container = definition.container_definitions().iter().find(|it| it.name() == Some(CONTAINER));
    match container.and_then(|container| container.image()) {
        Some(image) => self::image(report, stack, image).await,
        None => report.broken(
            DEFINITION,
            format!("{name} has no container {CONTAINER}"),
            "deploy this version of template.yaml (`make deploy`)",
        ),
    }
}

/// Compares the release's task definition with the stack's. A release keeps the revision of its time, so later
/// changes of the stack are not in it.
fn check_age(report: &mut DoctorReport, pinned: &TaskDefinition, base: &TaskDefinition) {
    let secrets = |definition: &TaskDefinition| {
        definition
            .container_definitions()
            .iter()
            .find(|it| it.name() == Some(CONTAINER))
            .map(|it| it.secrets().to_vec())
    };
    let same = [
        ("CPU", pinned.cpu() == base.cpu()),
        ("memory", pinned.memory() == base.memory()),
        ("processor", pinned.runtime_platform() == base.runtime_platform()),
        ("task role", pinned.task_role_arn() == base.task_role_arn()),
        ("execution role", pinned.execution_role_arn() == base.execution_role_arn()),
        ("secrets", secrets(pinned) == secrets(base)),
    ];
    let other: Vec<String> = same.iter().filter(|(_, same)| !same).map(|(what, _)| (*what).to_owned()).collect();
    if !other.is_empty() {
        report.warning(
            DEFINITION,
            format!(
                "the release in place was made before the stack was changed, so it runs with another {}",
                list(&other, 6)
            ),
            "release the project again, so that it uses the stack's current settings",
        );
    }
}

async fn image(report: &mut DoctorReport, stack: &Stack, image: &str) {
    if image.starts_with("image.invalid/") {
        return report.next(IMAGE, "no image was named yet", FIRST_RELEASE.replace("STACK", &stack.name));
    }
    if !image.contains("@sha256:") {
        report.warning(
            IMAGE,
            format!("{image} is named by a tag, which may point to another image later"),
            "release with --image REPOSITORY@sha256:..., with the digest that `docker push` prints",
        );
    }
    let Some(in_ecr) = parse_ecr_image(image) else {
        return report.note(IMAGE, format!("{image} is not in ECR, so only a run shows whether it can be pulled"));
    };
    let pulled = stack.outputs.get("Repository").filter(|uri| !uri.is_empty());
    if let Some(uri) = pulled.filter(|uri| **uri != in_ecr.uri) {
        report.warning(
            IMAGE,
            format!("{image} is not in {uri}, the only ECR repository from which the task's execution role may pull"),
            format!("push it to {uri}, or deploy with EcrRepositoryUri={}", in_ecr.uri),
        );
    }
    let region = aws_sdk_ecr::config::Region::new(in_ecr.region.clone());
    let ecr = aws_sdk_ecr::Client::from_conf(aws_sdk_ecr::config::Builder::from(stack.sdk()).region(region).build());
    let request = ecr.describe_images().registry_id(&in_ecr.account).repository_name(&in_ecr.repository);
    match request.image_ids(in_ecr.id).send().await {
        Ok(_) => report.good(IMAGE, format!("{image} is in its repository")),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("ImageNotFoundException" | "RepositoryNotFoundException") => report.broken(
                IMAGE,
                format!("{image} does not exist, so no task can start"),
                "push the image, or release with an image that exists; make sure that lifecycle rules of the repository keep the images of releases",
            ),
            _ => report.not_checked(IMAGE, "ecr:DescribeImages", &in_ecr.repository, &error),
        },
    }
}

/// Parses `111122223333.dkr.ecr.eu-west-1.amazonaws.com/dbt@sha256:...` or `:tag`; `None` for other registries.
fn parse_ecr_image(image: &str) -> Option<EcrImage> {
    let (host, rest) = image.split_once('/')?;
    let mut parts = host.split('.');
    let account = parts.next().filter(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if (parts.next(), parts.next()) != (Some("dkr"), Some("ecr")) {
        return None;
    }
    let region = parts.next()?;
    let id = ImageIdentifier::builder();
    let (repository, id) = match rest.split_once('@') {
        Some((name, digest)) => (name.split_once(':').map_or(name, |(name, _)| name), id.image_digest(digest)),
        None => match rest.split_once(':') {
            Some((name, tag)) => (name, id.image_tag(tag)),
            None => (rest, id.image_tag("latest")),
        },
    };
    Some(EcrImage {
        uri: format!("{host}/{repository}"),
        account: account.to_owned(),
        region: region.to_owned(),
        repository: repository.to_owned(),
        id: id.build(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_in_ecr_is_recognized() {
        let image = parse_ecr_image("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/dbt@sha256:0a").unwrap();
        assert_eq!((image.account.as_str(), image.region.as_str()), ("111122223333", "eu-west-1"));
        assert_eq!((image.repository.as_str(), image.id.image_digest()), ("team/dbt", Some("sha256:0a")));
        let tagged = parse_ecr_image("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/dbt:v7").unwrap();
        assert_eq!((tagged.repository.as_str(), tagged.id.image_tag()), ("dbt", Some("v7")));
        let both = parse_ecr_image("111122223333.dkr.ecr.eu-west-1.amazonaws.com/dbt:v7@sha256:0a").unwrap();
        assert_eq!((both.repository.as_str(), both.id.image_digest()), ("dbt", Some("sha256:0a")));
        assert_eq!(both.uri, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/dbt");
        assert_eq!(parse_ecr_image("ghcr.io/acme/dbt@sha256:0a"), None);
        assert_eq!(parse_ecr_image("dbt:latest"), None);
    }

    #[test]
    fn a_release_older_than_the_stack_is_named_with_the_settings_that_differ() {
        let definition = |memory: &str| TaskDefinition::builder().cpu("1024").memory(memory).build();
        let mut report = DoctorReport::default();
        check_age(&mut report, &definition("2048"), &definition("2048"));
        assert_eq!(report.findings, []);
        check_age(&mut report, &definition("2048"), &definition("4096"));
        assert!(report.findings[0].says.ends_with("it runs with another memory"), "{:?}", report.findings);
    }
}
