//! The SDK's clients, each made when it is first used: a function that only reads S3 completes nothing for ECS at start-up.

use std::{sync::OnceLock, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

use crate::{Bus, Config, ConfigError, Queue, Schedules, Store, Tasks, http_client, task_definitions::TaskDefinitions};

/// The clients could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No region: Lambda and ECS set it, elsewhere an operator does. It is never guessed, for a guess would act in the wrong place.
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
    pub async fn connect(config: &Config) -> Result<Self, ConnectError> {
        // A connection that cannot be made in three seconds will not be made; an answer's own time is bounded call by call.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(20))
            .build();
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client())
            .timeout_config(timeouts)
            .load()
            .await;
        Self::new(sdk, config.path_style())
    }

    /// From settings that are already there, as tests and the CLI have them.
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

    /// A bucket.
    pub fn store(&self, bucket: &str) -> Store {
        let settings = || aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(self.path_style);
        let s3 = self.s3.get_or_init(|| aws_sdk_s3::Client::from_conf(settings().build()));
        // A conditional write that the SDK repeats after a lost reply is told 412 by its own success: no retries there.
        let once = self
            .s3_once
            .get_or_init(|| aws_sdk_s3::Client::from_conf(settings().retry_config(RetryConfig::disabled()).build()));
        Store::new(s3.clone(), once.clone(), bucket)
    }

    /// The tasks of the configured cluster.
    pub fn tasks(&self, config: &Config) -> Result<Tasks, ConfigError> {
        Ok(Tasks::new(self.ecs().clone(), config.cluster()?, config.container()?))
    }

    /// Task definition revisions.
    pub fn task_definitions(&self) -> TaskDefinitions {
        TaskDefinitions::new(self.ecs().clone())
    }

    /// The configured queue of loads.
    pub fn loads_queue(&self, config: &Config) -> Result<Queue, ConfigError> {
        Ok(self.queue(config.loads_queue_url()?))
    }

    /// Any queue.
    pub fn queue(&self, url: &str) -> Queue {
        Queue::new(self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.sdk)).clone(), url)
    }

    /// The account's default event bus.
    pub fn bus(&self) -> Bus {
        Bus::new(self.eventbridge.get_or_init(|| aws_sdk_eventbridge::Client::new(&self.sdk)).clone())
    }

    /// Job schedules.
    pub fn schedules(&self) -> Schedules {
        Schedules::new(self.scheduler.get_or_init(|| aws_sdk_scheduler::Client::new(&self.sdk)).clone())
    }

    fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs.get_or_init(|| aws_sdk_ecs::Client::new(&self.sdk))
    }
}
