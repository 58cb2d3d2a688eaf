//! One HTTP client for all services, whose TLS is set up once.
//!
//! Left alone, each of the SDK's clients makes an HTTP client of its own and, to fail early, sets up TLS when it is built: the system's
//! certificates are read once for all, but parsed anew each time, and the result is thrown away. Five clients did so before a function had asked for
//! its first event: two thirds of what starting took (see `functions/README.md`). Here the first client does it for all, still before the first
//! event, where Lambda grants a whole CPU, and connections are shared.

use std::sync::Once;

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// A client for all of a process's services and credentials: make one and give it to whatever builds an `SdkConfig`.
///
/// The SDK is built without a client of its own, so whoever forgets this is told so with the first call. It is the SDK's default but for the library
/// of ciphers, which is ring: smaller than aws-lc, but without key exchange that withstands quantum computers.
pub fn http_client() -> SharedHttpClient {
    let inner = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    SharedHttpClient::new(Shared { inner, validated: Once::new() })
}

#[derive(Debug)]
struct Shared {
    inner: SharedHttpClient,
    validated: Once,
}

impl HttpClient for Shared {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.inner.http_connector(settings, components)
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        let mut valid = Ok(());
        self.validated.call_once(|| valid = self.inner.validate_base_client_config(components, config));
        valid
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}
