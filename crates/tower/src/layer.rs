//! The tower layer.

use std::sync::Arc;

use tower_layer::Layer;

use crate::connector::Shared;
use crate::service::ConnectorService;

/// Puts the connector in front of a service. Made by [`Connector::layer`](crate::Connector::layer); cloning is
/// cheap, and all clones follow the same policy.
#[derive(Clone, Debug)]
pub struct ConnectorLayer {
    shared: Arc<Shared>,
}

impl ConnectorLayer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl<S> Layer<S> for ConnectorLayer {
    type Service = ConnectorService<S>;

    fn layer(&self, inner: S) -> ConnectorService<S> {
        ConnectorService::new(inner, Arc::clone(&self.shared))
    }
}
