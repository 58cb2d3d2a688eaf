//! One HTTP client for all services, whose TLS is set up once.
//!
//! By default each of the SDK's clients creates an HTTP client and, to fail early, sets up TLS when it is built: the system's certificates are
//! parsed each time, and the result is discarded. Five clients did so before the first event, which was two thirds of the start-up time (see
//! `functions/README.md`). Here the first client does it for all, before the first event, where Lambda grants a whole CPU. Connections are
//! shared.

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

/// Creates the HTTP client for all services and credentials of a process. Pass it to every `SdkConfig`.
///
/// The SDK is built without a client of its own, so a missing one fails with the first call. The client is the SDK's default except for the
/// library of ciphers, which is ring: smaller than aws-lc, but without post-quantum key exchange.
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
