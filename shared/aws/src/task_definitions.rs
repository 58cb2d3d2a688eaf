//! Task definition revisions that pin one image by its digest.

use aws_sdk_ecs::{
    operation::register_task_definition::builders::RegisterTaskDefinitionInputBuilder,
    types::{ContainerDefinition, Tag, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus},
};

use crate::CallError;

/// Task definition revisions.
#[derive(Debug, Clone)]
pub struct TaskDefinitions {
    ecs: aws_sdk_ecs::Client,
}

/// An image could not be pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// ECS did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The stack's own revision and its parameter for the container's name do not fit.
    #[error("task definition {base} has no container {container:?}: check LANDFALL_CONTAINER against template.yaml")]
    NoContainer {
        /// The revision.
        base: String,
        /// The container's name.
        container: String,
    },
    /// ECS answered without something that it always gives.
    #[error("the answer of ECS about task definition {base} lacks its {what}: is this endpoint ECS?")]
    Incomplete {
        /// The revision.
        base: String,
        /// What is lacking.
        what: &'static str,
    },
}

impl TaskDefinitions {
    pub(crate) fn new(ecs: aws_sdk_ecs::Client) -> Self {
        Self { ecs }
    }

    /// The ARN of a revision that is the base in everything but the container's image. The family's newest revision if it is just that, else
    /// a new one. Two callers at once may register two equal revisions; that harms nothing.
    ///
    /// Needs `ecs:DescribeTaskDefinition`, `ecs:RegisterTaskDefinition`, `ecs:TagResource`, and `iam:PassRole` for the task's two roles.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
    pub async fn pin(&self, base_arn: &str, container: &str, image: &str) -> Result<String, PinError> {
        let incomplete = |what| PinError::Incomplete { base: base_arn.to_owned(), what };
        let (base, tags) = self.describe(base_arn).await?;
        let mut containers = base.container_definitions().to_vec();
        let ours = containers
            .iter_mut()
            .find(|it| it.name() == Some(container))
            .ok_or_else(|| PinError::NoContainer { base: base_arn.to_owned(), container: container.to_owned() })?;
        ours.image = Some(image.to_owned());
        let wanted = registration(&base, containers, tags);

        let family = base.family().ok_or_else(|| incomplete("family"))?;
        let (newest, newest_tags) = self.describe(family).await?;
        let is_active = newest.status() == Some(&TaskDefinitionStatus::Active);
        if is_active && registration(&newest, newest.container_definitions().to_vec(), newest_tags) == wanted {
            return newest.task_definition_arn.ok_or_else(|| incomplete("ARN"));
        }
        let answer = wanted
            .send_with(&self.ecs)
            .await
            .map_err(|error| CallError::of("ecs:RegisterTaskDefinition", family, &error))?;
        answer.task_definition.and_then(|made| made.task_definition_arn).ok_or_else(|| incomplete("ARN"))
    }

    async fn describe(&self, name: &str) -> Result<(TaskDefinition, Vec<Tag>), PinError> {
        let answer = self
            .ecs
            .describe_task_definition()
            .task_definition(name)
            .include(TaskDefinitionField::Tags)
            .send()
            .await
            .map_err(|error| CallError::of("ecs:DescribeTaskDefinition", name, &error))?;
        let definition = answer
            .task_definition
            .ok_or_else(|| PinError::Incomplete { base: name.to_owned(), what: "task definition" })?;
        Ok((definition, answer.tags.unwrap_or_default()))
    }
}

/// The call that would register the revision again: all of it but what ECS itself makes (ARN, number, status, times, attributes).
/// Inference accelerators are left out: AWS ended them. Tags that begin with `aws:` are `CloudFormation`'s, and nobody else may set them.
fn registration(
    definition: &TaskDefinition,
    containers: Vec<ContainerDefinition>,
    mut tags: Vec<Tag>,
) -> RegisterTaskDefinitionInputBuilder {
    tags.retain(|tag| tag.key().is_none_or(|key| !key.starts_with("aws:")));
    tags.sort_by(|one, other| one.key().cmp(&other.key()));
    RegisterTaskDefinitionInputBuilder::default()
        .set_family(definition.family.clone())
        .set_task_role_arn(definition.task_role_arn.clone())
        .set_execution_role_arn(definition.execution_role_arn.clone())
        .set_network_mode(definition.network_mode.clone())
        .set_container_definitions(Some(containers))
        .set_volumes(unless_empty(definition.volumes()))
        .set_placement_constraints(unless_empty(definition.placement_constraints()))
        .set_requires_compatibilities(unless_empty(definition.requires_compatibilities()))
        .set_cpu(definition.cpu.clone())
        .set_memory(definition.memory.clone())
        .set_tags(unless_empty(&tags))
        .set_pid_mode(definition.pid_mode.clone())
        .set_ipc_mode(definition.ipc_mode.clone())
        .set_proxy_configuration(definition.proxy_configuration.clone())
        .set_ephemeral_storage(definition.ephemeral_storage.clone())
        .set_runtime_platform(definition.runtime_platform.clone())
        .set_enable_fault_injection(definition.enable_fault_injection)
}

/// ECS refuses some lists that are there but empty.
fn unless_empty<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}
