//! A deployed stack, in AWS or on this machine: what its template gave out, and the clients to speak to it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use landfall_aws::{Clients, ConnectError, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    home::{Home, NoHome},
    local::aws,
};

/// A stack that cannot be reached or isn't what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No stack was named, and none runs here.
    #[error(
        "no local stack is running: start one (`landfall local --project DIR --target NAME`), or name one in AWS (`--stack NAME`)"
    )]
    NoneRunning,
    /// The stack that ran here is gone.
    #[error(
        "the local stack {name} does not answer at {endpoint}: start it again (`landfall local`), or name one in AWS (`--stack NAME`)"
    )]
    Gone {
        /// Its name.
        name: String,
        /// Where it was.
        endpoint: String,
    },
    /// Its state file says something else.
    #[error("{} is unreadable ({reason}): end the local stack and start it again", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// No such stack.
    #[error("there is no stack {0} in this account and region: `sam deploy` it, or name another by --stack")]
    Missing(String),
    /// The stack is not one of Landfall's, or of another version.
    #[error(
        "the stack {stack} has no output {output}: is it Landfall's, and deployed by this version of template.yaml?"
    )]
    Output {
        /// The stack.
        stack: String,
        /// The output.
        output: &'static str,
    },
    /// Landfall's own files are not found.
    #[error(transparent)]
    Home(#[from] NoHome),
    /// The SDK has no region.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// AWS said no.
    #[error("{action} on {on} failed: {reason}")]
    Call {
        /// The IAM action.
        action: &'static str,
        /// What it was tried on.
        on: String,
        /// What AWS said.
        reason: String,
    },
    /// S3 said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which stack a command means.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StackChoice {
    /// The stack in AWS, by its name there; credentials and region are found as the AWS CLI finds them
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    pub stack: Option<String>,
    /// The stack that `landfall local` runs on this machine (also meant if no stack is named)
    #[arg(long)]
    pub local: bool,
}

/// What the running local stack tells the other commands, in .landfall/local/current.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalState {
    /// The local stack's name.
    pub name: String,
    /// `CloudFormation`'s name for it.
    pub stack: String,
    /// The emulator.
    pub endpoint: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// Every landing bucket; the first is the one of relative locations.
    pub landing_buckets: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// How its releases run dbt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbt: Option<crate::dbt::Dbt>,
    /// Where its docs are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A stack that answers.
#[derive(Debug)]
pub struct Stack {
    /// `CloudFormation`'s name for it.
    pub name: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// Present if it runs on this machine.
    pub local: Option<LocalState>,
    clients: Clients,
    sdk: SdkConfig,
}

impl Stack {
    /// The stack that the choice means.
    pub async fn open(choice: &StackChoice) -> Result<Self, StackError> {
        match &choice.stack {
            Some(name) => Self::in_aws(name).await,
            None => Self::running_here(&Home::find()?).await,
        }
    }

    /// A stack in the account and region of the user's own credentials.
    pub async fn in_aws(name: &str) -> Result<Self, StackError> {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(landfall_aws::http_client()).load().await;
        let path_style = sdk.endpoint_url().is_some();
        let outputs = outputs(&sdk, name).await?;
        Ok(Self { name: name.to_owned(), outputs, local: None, clients: Clients::new(sdk.clone(), path_style)?, sdk })
    }

    /// The stack that runs on this machine.
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

    /// A stack on the emulator.
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

    /// One of the template's outputs.
    pub fn output(&self, output: &'static str) -> Result<&str, StackError> {
        self.outputs
            .get(output)
            .map(String::as_str)
            .ok_or_else(|| StackError::Output { stack: self.name.clone(), output })
    }

    /// Board, ledger, plans and releases.
    pub fn state(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("StateBucket")?))
    }

    /// The docs site.
    pub fn docs(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("DocsBucket")?))
    }

    /// The landing bucket of relative locations.
    pub fn landing(&self) -> Result<Store, StackError> {
        Ok(self.clients.store(self.output("LandingBucket")?))
    }

    /// Any bucket.
    pub fn store(&self, bucket: &str) -> Store {
        self.clients.store(bucket)
    }

    /// S3 itself, for what concerns a bucket rather than its objects.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let path_style = self.sdk.endpoint_url().is_some();
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(path_style).build())
    }

    /// All clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// What the clients are made of.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }
}

/// Settings that read neither environment nor profile: the emulated account's own.
pub fn emulated_sdk(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(aws::ACCESS_KEY, aws::SECRET_KEY, None, None, "landfall-local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(landfall_aws::http_client())
        .region(Region::new(aws::REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// The outputs of a stack.
pub async fn outputs(sdk: &SdkConfig, stack: &str) -> Result<BTreeMap<String, String>, StackError> {
    if sdk.region().is_none() {
        return Err(ConnectError::Region.into());
    }
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let answer = client.describe_stacks().stack_name(stack).send().await.map_err(|error| {
        let words = error.as_service_error().and_then(|error| error.message());
        if words.is_some_and(|words| words.contains("does not exist")) {
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
