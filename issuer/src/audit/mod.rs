//! The audit: who did what, in chains that show every line that was changed, moved or taken away, and the list of every
//! document that was ever signed for a device. Adapters call [`ChainHead::after`] where they write a line; everything
//! else here reads.

mod chain;
mod check;
mod seal;
mod shown;

pub use chain::{ChainHead, Earlier, LineHash, LineText, chain_name};
pub use check::{Checked, FINDINGS_LISTED_MAX, Finding, check};
pub use seal::{Due, SealError};
pub use shown::{export, shown, shown_document};
