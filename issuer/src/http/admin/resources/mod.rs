//! What the routes show and take: one file for each kind of thing.

pub(super) mod audit;
pub(super) mod cameras;
pub(super) mod changes;
pub(super) mod codes;
pub(super) mod corrections;
pub(super) mod devices;
pub(super) mod documents;
pub(super) mod keys;
pub(super) mod licences;
pub(super) mod oneself;
pub(super) mod quarantine;
pub(super) mod retirement;
pub(super) mod sold;
pub(super) mod subscriptions;
pub(super) mod tenants;
pub(super) mod usage;

use serde::Deserialize;
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    /// Rows of the page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}
