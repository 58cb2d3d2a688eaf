//! A deployed stack, in AWS or on this machine: the outputs of its template, and AWS clients for it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use landfall_aws::{Clients, ConnectError, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    emulated_account,
    home::{Home, HomeNotFound},
};

/// Errors of reaching a stack.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No stack was named, and no local stack runs.
    #[error(
        "no local stack is running: start one with `landfall local --project DIR`, or name a stack in AWS with --stack NAME"
    )]
    NoneRunning,
    /// The local stack does not answer.
    #[error(
        "the local stack {name} does not answer at {endpoint}: start it again with `landfall local`, or name a stack in AWS with --stack NAME"
    )]
    Gone {
        /// The name of the local stack.
        name: String,
        /// The address of its emulator.
        endpoint: String,
    },
    /// The state file of the local stack is not valid.
    #[error("{} cannot be read ({reason}): end the local stack and start it again", file.display())]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error of the file system or the parser.
        reason: String,
    },
    /// The stack does not exist.
    #[error(
        "stack {0} does not exist in this AWS account and Region: deploy it with `sam deploy`, check your AWS profile and Region, or name another stack with --stack"
    )]
    Missing(String),
    /// The stack is not Landfall's, or of another version.
    #[error(
        "stack {stack} has no output {output}, so it is not a Landfall stack or was deployed with another version of template.yaml: name another stack with --stack, or deploy this version"
    )]
    Output {
        /// The name of the stack.
        stack: String,
        /// The name of the output.
        output: &'static str,
    },
    /// Landfall's own files are missing.
    #[error(transparent)]
    Home(#[from] HomeNotFound),
    /// The AWS clients cannot be made, for example without a Region.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A request to AWS failed.
    #[error("{action} on {on} failed: {reason}")]
    Call {
        /// The IAM action of the request.
        action: &'static str,
        /// The resource of the request.
        on: String,
        /// The error of AWS.
        reason: String,
    },
    /// A request to S3 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The choice of a stack on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StackChoice {
    /// Stack in AWS, in the account and Region of your AWS profile
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    pub stack: Option<String>,
    /// Local stack that runs on this machine (the default without --stack)
    #[arg(long)]
    pub local: bool,
}

/// The running local stack, as .landfall/local/current.json describes it for the other commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalState {
    /// The name of the local stack.
    pub name: String,
    /// The name of the stack in `CloudFormation`.
    pub stack: String,
    /// The address of the emulator.
    pub endpoint: String,
    /// The outputs of the template.
    pub outputs: BTreeMap<String, String>,
    /// Every landing bucket; relative locations are in the first.
    pub landing_buckets: Vec<String>,
    /// The folder of the stack.
    pub folder: PathBuf,
    /// The dbt of the project that it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbt: Option<crate::dbt::Dbt>,
    /// The address of its docs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A deployed stack, and AWS clients for it.
#[derive(Debug)]
pub struct Stack {
    /// The name of the stack in `CloudFormation`.
    pub name: String,
    /// The outputs of the template.
    pub outputs: BTreeMap<String, String>,
    /// The state of the local stack; `None` for a stack in AWS.
    pub local: Option<LocalState>,
    clients: Clients,
    sdk: SdkConfig,
}

impl Stack {
    /// Opens the chosen stack.
    ///
    /// # Errors
    ///
    /// The stack does not exist or does not answer.
    pub async fn open(choice: &StackChoice) -> Result<Self, StackError> {
        match &choice.stack {
            Some(name) => Self::in_aws(name).await,
            None => Self::running_here(&Home::find()?).await,
        }
    }

    /// Opens a stack in the account and Region of the user's AWS profile.
    ///
    /// # Errors
    ///
    /// The stack does not exist, or the credentials or the Region are missing.
    pub async fn in_aws(name: &str) -> Result<Self, StackError> {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(landfall_aws::http_client()).load().await;
        let path_style = sdk.endpoint_url().is_some();
        let outputs = outputs(&sdk, name).await?;
        Ok(Self { name: name.to_owned(), outputs, local: None, clients: Clients::new(sdk.clone(), path_style)?, sdk })
    }

    /// Opens the local stack that runs on this machine.
    ///
    /// # Errors
    ///
    /// No local stack runs, or it does not answer.
    pub async fn running_here(home: &Home) -> Result<Self, StackError> {
        let file = home.current();
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(StackError::NoneRunning),
            Err(error) => return Err(StackError::Unreadable { file, reason: error.to_string() }),
        };
        let state: LocalState = serde_json::from_slice(&text)
            .map_err(|error| StackError::Unreadable { file, reason: error.to_string() })?;
        let address = state.endpoint.trim_start_matches("http://").to_owned();
        let answer = tokio::time::timeout(Duration::from_secs(3), tokio::net::TcpStream::connect(address)).await;
        if !matches!(answer, Ok(Ok(_))) {
            return Err(StackError::Gone { name: state.name, endpoint: state.endpoint });
        }
        Self::emulated(state)
    }

    /// Opens a stack on the emulator.
    ///
    /// # Errors
    ///
    /// The AWS clients cannot be made.
    pub fn emulated(state: LocalState) -> Result<Self, StackError> {
        let sdk = emulated_sdk(&state.endpoint);
        Ok(Self {
            name: state.stack.clone(),
            outputs: state.outputs.clone(),
            local: Some(state),
            clients: Clients::new(sdk.clone(), true)?,
            sdk,
        })
    }

    /// An output of the template.
    ///
    /// # Errors
    ///
    /// The stack has no such output.
    pub fn output(&self, output: &'static str) -> Result<&str, StackError> {
        self.outputs
            .get(output)
            .map(String::as_str)
            .ok_or_else(|| StackError::Output { stack: self.name.clone(), output })
    }

    /// The state bucket: board, ledger, plans and releases.
    ///
    /// # Errors
    ///
    /// The stack has no such output.
    pub fn state(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("StateBucket")?))
    }

    /// The bucket of the docs.
    ///
    /// # Errors
    ///
    /// The stack has no such output.
    pub fn docs(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("DocsBucket")?))
    }

    /// The landing bucket of relative locations.
    ///
    /// # Errors
    ///
    /// The stack has no such output.
    pub fn landing(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("LandingBucket")?))
    }

    /// A bucket with this name.
    pub fn store(&self, bucket: &str) -> Store {
        self.clients.store(bucket)
    }

    /// An S3 client, for requests about a bucket and not its objects.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let path_style = self.sdk.endpoint_url().is_some();
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(path_style).build())
    }

    /// The AWS clients of Landfall's adapters.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The configuration of the AWS SDK.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }
}

/// The SDK configuration of the emulated account. It reads neither the environment nor a profile.
pub fn emulated_sdk(endpoint: &str) -> SdkConfig {
    let credentials =
        Credentials::new(emulated_account::ACCESS_KEY, emulated_account::SECRET_KEY, None, None, "landfall-local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(landfall_aws::http_client())
        .region(Region::new(emulated_account::REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Reads the outputs of a stack.
///
/// # Errors
///
/// The stack does not exist, or the request fails.
pub async fn outputs(sdk: &SdkConfig, stack: &str) -> Result<BTreeMap<String, String>, StackError> {
    if sdk.region().is_none() {
        return Err(ConnectError::Region.into());
    }
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let answer = client.describe_stacks().stack_name(stack).send().await.map_err(|error| {
        let message = error.as_service_error().and_then(|error| error.message());
        if message.is_some_and(|message| message.contains("does not exist")) {
            StackError::Missing(stack.to_owned())
        } else {
            StackError::Call {
                action: "cloudformation:DescribeStacks",
                on: stack.to_owned(),
                reason: DisplayErrorContext(&error).to_string(),
            }
        }
    })?;
    let found =
        answer.stacks.unwrap_or_default().into_iter().next().ok_or_else(|| StackError::Missing(stack.to_owned()))?;
    Ok(found
        .outputs
        .unwrap_or_default()
        .into_iter()
        .filter_map(|output| Some((output.output_key?, output.output_value?)))
        .collect())
}
