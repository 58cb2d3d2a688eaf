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

/// An image could not be pinned in a task definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A call to ECS failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The stack's own revision has no container of the configured name.
    #[error("task definition {base} has no container {container:?}: check LANDFALL_CONTAINER against template.yaml")]
    NoContainer {
        /// The revision's name.
        base: String,
        /// The container's name.
        container: String,
    },
    /// A field is missing in the answer that ECS always sends.
    #[error("the answer of ECS about task definition {base} lacks its {what}: is this endpoint ECS?")]
    Incomplete {
        /// The revision's name.
        base: String,
        /// The missing field.
        what: &'static str,
    },
}

impl TaskDefinitions {
    pub(crate) fn new(ecs: aws_sdk_ecs::Client) -> Self {
        Self { ecs }
    }

    /// Returns the ARN of a revision that equals the base except for the container's image: the family's newest revision if it does, else a new one.
    /// Two callers at once may register two equal revisions, which is harmless.
    ///
    /// Needs `ecs:DescribeTaskDefinition`, `ecs:RegisterTaskDefinition`, `ecs:TagResource`, and `iam:PassRole` for the task's two roles.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
    ///
    /// # Errors
    ///
    /// Fails if a call fails, or if the base has no container of that name.
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

/// Returns the call that would register the revision again: all of its fields except those that ECS sets (ARN, number, status, times, attributes).
/// AWS ended inference accelerators, so they are left out. Only CloudFormation may set tags that begin with `aws:`.
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

/// Returns none for an empty list, because ECS refuses some empty lists.
fn unless_empty<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}
