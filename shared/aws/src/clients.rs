//! The SDK's clients. Each is created when it is first used, so a function that only reads S3 sets up nothing for ECS at start-up.

use std::sync::OnceLock;

use aws_config::{SdkConfig, retry::RetryConfig};

use landfall_s3::RecordS3Time;

use crate::{Bus, Config, ConfigError, Queue, Schedules, Store, Tasks, sdk_config, task_definitions::TaskDefinitions};

/// The clients could not be created.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No region is set. Lambda and ECS set it; elsewhere an operator must. A default would act in the wrong region.
    #[error("no AWS region: set AWS_REGION, or a region in the AWS profile")]
    Region,
    /// The environment lacks what an adapter needs.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// All clients of one process. They share credentials and connections, and so do clones.
#[derive(Debug, Clone)]
pub struct Clients {
    sdk: SdkConfig,
    path_style: bool,
    s3: OnceLock<aws_sdk_s3::Client>,
    s3_once: OnceLock<aws_sdk_s3::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
}

impl Clients {
    /// Reads region, credentials' source and endpoints by the SDK's own rules
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>); calls nothing yet.
    ///
    /// # Errors
    ///
    /// Fails if no region is set.
    pub async fn connect(config: &Config) -> Result<Self, ConnectError> {
        Self::new(sdk_config().await, config.path_style())
    }

    /// Creates clients from existing settings, as tests and the CLI do.
    ///
    /// # Errors
    ///
    /// Fails if no region is set.
    pub fn new(sdk: SdkConfig, path_style: bool) -> Result<Self, ConnectError> {
        if sdk.region().is_none() {
            return Err(ConnectError::Region);
        }
        Ok(Self {
            sdk,
            path_style,
            s3: OnceLock::new(),
            s3_once: OnceLock::new(),
            ecs: OnceLock::new(),
            sqs: OnceLock::new(),
            eventbridge: OnceLock::new(),
            scheduler: OnceLock::new(),
        })
    }

    /// Returns a bucket.
    pub fn store(&self, bucket: &str) -> Store {
        let settings =
            || aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(self.path_style).interceptor(RecordS3Time);
        let s3 = self.s3.get_or_init(|| aws_sdk_s3::Client::from_conf(settings().build()));
        // No retries: if the SDK repeats a conditional write after a lost reply, S3 answers 412 because of the first one.
        let once = self
            .s3_once
            .get_or_init(|| aws_sdk_s3::Client::from_conf(settings().retry_config(RetryConfig::disabled()).build()));
        Store::new(s3.clone(), once.clone(), bucket)
    }

    /// Returns the tasks of the configured cluster.
    ///
    /// # Errors
    ///
    /// Fails if the environment names no cluster or no container.
    pub fn tasks(&self, config: &Config) -> Result<Tasks, ConfigError> {
        Ok(Tasks::new(self.ecs().clone(), config.cluster()?, config.container()?, config.stack()))
    }

    /// Returns the task definition revisions.
    pub fn task_definitions(&self) -> TaskDefinitions {
        TaskDefinitions::new(self.ecs().clone())
    }

    /// Returns the configured queue of loads.
    ///
    /// # Errors
    ///
    /// Fails if the environment names no queue.
    pub fn loads_queue(&self, config: &Config) -> Result<Queue, ConfigError> {
        Ok(self.queue(config.loads_queue_url()?))
    }

    /// Returns the queue with that URL.
    pub fn queue(&self, url: &str) -> Queue {
        Queue::new(self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.sdk)).clone(), url)
    }

    /// Returns the account's default event bus.
    pub fn bus(&self) -> Bus {
        Bus::new(self.eventbridge.get_or_init(|| aws_sdk_eventbridge::Client::new(&self.sdk)).clone())
    }

    /// Returns the job schedules.
    pub fn schedules(&self) -> Schedules {
        Schedules::new(self.scheduler.get_or_init(|| aws_sdk_scheduler::Client::new(&self.sdk)).clone())
    }

    fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs.get_or_init(|| aws_sdk_ecs::Client::new(&self.sdk))
    }
}
