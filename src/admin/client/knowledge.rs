//! What is known of clients: models, and what is to be forgotten.

use hyper::Method;

use super::{Client, ClientError};
use crate::admin::api::{List, Model, path_of, segment};
use crate::provision::DeviceDefinition;

impl Client {
    /// Forgets what is known of the client of a device.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is no such device.
    pub async fn forget_device(&self, endpoint: &str) -> Result<(), ClientError> {
        let path = format!("{}/forget", path_of::<DeviceDefinition>(endpoint));
        self.send(Method::POST, &path, None).await.map(|_| ())
    }

    /// The models of the config file.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn models(&self) -> Result<List<Model>, ClientError> {
        self.exchange(Method::GET, "/v1/models", None).await
    }

    /// One model.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is no such model.
    pub async fn model(&self, name: &str) -> Result<Model, ClientError> {
        self.exchange(Method::GET, &format!("/v1/models/{}", segment(name)), None).await
    }

    /// Forgets what was learned of a model.
    ///
    /// # Errors
    /// As [`Client::model`].
    pub async fn forget_model(&self, name: &str) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/v1/models/{}/forget", segment(name)), None).await.map(|_| ())
    }
}
