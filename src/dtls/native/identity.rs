//! To be written.
use crate::dtls::certificate::Identity;
use crate::dtls::error::EngineError;
pub(super) struct ServerIdentity;
impl ServerIdentity {
    pub(super) fn load(_i: &Identity, _r: bool) -> Result<ServerIdentity, EngineError> {
        Ok(ServerIdentity)
    }
    pub(super) fn chain(&self) -> &[Vec<u8>] {
        &[]
    }
    pub(super) fn public_key(&self) -> &[u8] {
        &[]
    }
    pub(super) fn sign(&self, _m: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
