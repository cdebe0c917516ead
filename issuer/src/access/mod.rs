//! Who may do what through the admin API: keys, what they may do, and for whom.

mod credential;
mod key;
mod keys;
mod scope;

pub use credential::{Credential, Denied, authenticate};
pub use key::{ApiKey, KeyId};
pub use keys::{AccessError, EXPIRES_DAYS, Grantor, KeyOrder, MadeKey};
pub use scope::{Scope, Scopes, UnknownScope};
