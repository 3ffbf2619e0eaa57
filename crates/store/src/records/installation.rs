//! What belongs to the installation as a whole: which accounts there are, who may sign in, and who has.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::time::Timestamp;
use tokio::sync::watch;

use super::{Operator, RecordError, Records, Rewritten, Session, encode, keys, limits};

impl Records {
    /// All accounts, by name.
    ///
    /// # Errors
    /// When the store does not answer, or the list cannot be read.
    pub async fn accounts(&self) -> Result<Vec<CustomerId>, RecordError> {
        let key = keys::accounts();
        match self.load(&key).await? {
            Some(document) => encode::read_accounts(&key, &document.bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Follows whatever is saved of the installation (list of accounts, operators, sessions).
    pub(crate) fn watch_installation(&self) -> watch::Receiver<u64> {
        self.backend.watch(keys::INSTALLATION)
    }

    /// Puts an account on the list, where it may stand already.
    pub(super) async fn list_account(&self, customer: &CustomerId) -> Result<(), RecordError> {
        let key = keys::accounts();
        let add = |current: Option<&[u8]>| {
            let mut names =
                current.map_or_else(|| Ok(Vec::new()), |bytes| encode::read_accounts(&key, bytes))?;
            let Err(place) = names.binary_search(customer) else { return Ok(None) };
            names.insert(place, customer.clone());
            Ok(Some(Rewritten { bytes: encode::accounts(&names), expires_at: None }))
        };
        self.rewrite(&key, add).await
    }

    /// An operator, by the name typed at sign-in.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read.
    pub async fn operator(&self, name: &str) -> Result<Option<Operator>, RecordError> {
        let key = keys::operators();
        let Some(document) = self.load(&key).await? else { return Ok(None) };
        let operators = encode::read_operators(&key, &document.bytes)?;
        Ok(operators.into_iter().find(|operator| operator.name == name))
    }

    /// Adds or replaces an operator.
    ///
    /// # Errors
    /// When a limit is passed, the store does not answer, or the record cannot be read.
    pub async fn save_operator(&self, operator: &Operator) -> Result<(), RecordError> {
        limits::check_operator(operator)?;
        let key = keys::operators();
        let put = |current: Option<&[u8]>| {
            let found = current.map_or_else(|| Ok(Vec::new()), |bytes| encode::read_operators(&key, bytes));
            let mut operators = found?;
            match operators.iter_mut().find(|found| found.name == operator.name) {
                Some(found) => *found = operator.clone(),
                None => operators.push(operator.clone()),
            }
            limits::check("operators", operators.len(), limits::OPERATORS_MAX)?;
            Ok(Some(Rewritten { bytes: encode::operators(&operators), expires_at: None }))
        };
        self.rewrite(&key, put).await
    }

    /// A session that has not expired. `token_hash` is SHA-256 of the session cookie.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read.
    pub async fn session(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, RecordError> {
        let key = keys::session(token_hash);
        let Some(document) = self.load(&key).await? else { return Ok(None) };
        let session = encode::read_session(&key, &document.bytes)?;
        // The store may sweep later: the moment in the record is what counts.
        Ok((session.expires_at > self.now()).then_some(session))
    }

    /// Adds a session, or renews it. The store forgets it some time after it expired.
    ///
    /// # Errors
    /// When a limit is passed or the store does not answer.
    pub async fn save_session(&self, token_hash: &[u8; 32], session: &Session) -> Result<(), RecordError> {
        limits::check("bytes in an operator's name", session.operator.len(), limits::NAME_BYTES_MAX)?;
        let put = |_: Option<&[u8]>| {
            let bytes = encode::session(session);
            Ok(Some(Rewritten { bytes, expires_at: Some(session.expires_at) }))
        };
        self.rewrite(&keys::session(token_hash), put).await
    }

    /// Ends a session, if there is one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_session(&self, token_hash: &[u8; 32]) -> Result<(), RecordError> {
        let remove = |current: Option<&[u8]>| {
            Ok(current.map(|_| Rewritten { bytes: Vec::new(), expires_at: Some(Timestamp::EPOCH) }))
        };
        self.rewrite(&keys::session(token_hash), remove).await
    }
}
