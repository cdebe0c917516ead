//! The one table from a refusal to its stable code, for programs: the command line and the admin API say the same.

use crate::access::AccessError;
use crate::admin::AdminError;
use crate::assignment::AssignmentError;
use crate::catalog::CatalogError;
use crate::founding::FoundingError;
use crate::keyring::KeyringError;
use crate::keys::KeysError;
use crate::minting::MintError;
use crate::notices::IssueError;
use crate::reactivation::ReactivationError;
use crate::retirement::RetirementError;
use crate::rotation::RotationError;
use crate::standing::StandingError;
use crate::subscription::SubscriptionError;

/// The system gave no random numbers.
const NO_RANDOM: &str = "NO_RANDOM";

pub(crate) const fn of_access(error: &AccessError) -> &'static str {
    match error {
        AccessError::NoScope => "SCOPE_MISSING",
        AccessError::Name => "NAME",
        AccessError::Days(_) => "OUT_OF_BOUNDS",
        AccessError::BeyondScopes(_) => "BEYOND_SCOPES",
        AccessError::BeyondTenant(_) => "BEYOND_TENANT",
        AccessError::BeyondExpiry(_) => "BEYOND_EXPIRY",
        AccessError::LegacyTenant => "TENANT_MISSING",
        AccessError::ImportedScopes | AccessError::ImportedValue | AccessError::ImportedKnown => {
            "IMPORTED_KEY"
        }
        AccessError::ImportedBefore(_) => "API_KEY_EXISTS",
        AccessError::Unknown(_) => "UNKNOWN_API_KEY",
        AccessError::Already { .. } => "UNCHANGED",
        AccessError::Storage(error) => error.code(),
        AccessError::Random(_) => NO_RANDOM,
    }
}

pub(crate) const fn of_admin(error: &AdminError) -> &'static str {
    match error {
        AdminError::TenantName => "TENANT_NAME",
        AdminError::Zone(_) => "TIME_ZONE",
        AdminError::Currency(_) => "CURRENCY",
        AdminError::Timeline(error) => error.code(),
        AdminError::Assignment(error) => of_assignment(error),
        AdminError::Retirement(error) => of_retirement(error),
        AdminError::Reactivation(error) => of_reactivation(error),
        AdminError::Standing(error) => of_standing(error),
        AdminError::CodeBounds { .. } | AdminError::CodeUntil { .. } => "OUT_OF_BOUNDS",
        AdminError::NothingToChange => "NOTHING_TO_CHANGE",
        AdminError::Stale => "STALE",
        AdminError::Storage(error) => error.code(),
        AdminError::Random(_) => NO_RANDOM,
    }
}

pub(crate) fn of_issue(error: &IssueError) -> &'static str {
    match error {
        IssueError::NothingRevoked(_) => "NOTHING_REVOKED",
        IssueError::TooMany { .. } => "TOO_MANY",
        IssueError::Extension(error) => error.code(),
        IssueError::NotReady(refusal) => refusal.code(),
        IssueError::Sign(_) => "SIGN",
        IssueError::Claims(_) => "INTERNAL",
        IssueError::Storage(error) => error.code(),
    }
}

pub(crate) const fn of_reactivation(error: &ReactivationError) -> &'static str {
    match error {
        ReactivationError::NotActivated { .. } => "NOT_ACTIVATED",
        ReactivationError::Retired(_) => "RETIRED",
        ReactivationError::ReasonMissing => "REASON_MISSING",
        ReactivationError::Reason => "OUT_OF_BOUNDS",
        ReactivationError::OverlapBeyond { .. } => "OVERLAP_BEYOND",
    }
}

pub(crate) const fn of_standing(error: &StandingError) -> &'static str {
    match error {
        StandingError::Reason => "OUT_OF_BOUNDS",
        StandingError::NotActivated { .. } => "NOT_ACTIVATED",
        StandingError::Already { .. } => "UNCHANGED",
        StandingError::Revoked(_) => "REVOKED",
        StandingError::ReactivationDue(_) => "REACTIVATION_REQUIRED",
        StandingError::Retired(_) => "RETIRED",
    }
}

pub(crate) const fn of_subscription(error: &SubscriptionError) -> &'static str {
    match error {
        SubscriptionError::CamerasMissing => "CAMERAS_MISSING",
        SubscriptionError::CamerasMax(_) | SubscriptionError::Span { .. } => "OUT_OF_BOUNDS",
        SubscriptionError::TrialCameras { .. } => "TRIAL_CAMERAS",
        SubscriptionError::TrialOver(_) => "TRIAL_OVER",
        SubscriptionError::Pack(error) => of_catalog(error),
        SubscriptionError::Implied(_) => "PACK_IMPLIED",
        SubscriptionError::PackTwice(_) => "PACK_TWICE",
        SubscriptionError::PriceMissing(_) => "PRICE_MISSING",
        SubscriptionError::PriceDigits { .. } => "PRICE_DIGITS",
        SubscriptionError::Sold(error) => error.code(),
        SubscriptionError::BelowAssigned { .. } => "BELOW_ASSIGNED",
    }
}

pub(crate) const fn of_assignment(error: &AssignmentError) -> &'static str {
    match error {
        AssignmentError::NoCamera => "CAMERAS_MISSING",
        AssignmentError::TooMany(_) => "OUT_OF_BOUNDS",
        AssignmentError::Twice(_) => "CAMERA_TWICE",
        AssignmentError::PacksOfRemoved => "PACKS_OF_REMOVED",
        AssignmentError::PriceOfSubscription { .. } => "PRICE_OF_SUBSCRIPTION",
        AssignmentError::Pack(error) => of_catalog(error),
        AssignmentError::TenantScoped { .. } => "PACK_OF_TENANT",
        AssignmentError::OtherMode { .. } => "PACK_OF_OTHER_MODE",
        AssignmentError::NoneInForce(error) => error.code(),
        AssignmentError::NotSubscribed { .. } => "NOT_SUBSCRIBED",
        AssignmentError::OnOtherDevice { .. } => "ON_OTHER_DEVICE",
        AssignmentError::Retired(_) => "RETIRED",
        AssignmentError::NotThere { .. } => "NOT_ON_DEVICE",
        AssignmentError::BeyondSubscription { .. } => "BEYOND_SUBSCRIPTION",
    }
}

pub(crate) const fn of_retirement(error: &RetirementError) -> &'static str {
    match error {
        RetirementError::Already { .. } | RetirementError::SuccessorRetired(_) => "RETIRED",
        RetirementError::ReasonMissing => "REASON_MISSING",
        RetirementError::Reason => "REASON",
        RetirementError::Itself(_) => "SAME_DEVICE",
        RetirementError::OtherTenant { .. } => "OTHER_TENANT",
        RetirementError::SameTenant { .. } => "SAME_TENANT",
        RetirementError::OverlapBeyond { .. } => "OVERLAP_BEYOND",
    }
}

pub(crate) const fn of_catalog(error: &CatalogError) -> &'static str {
    match error {
        CatalogError::TooLarge
        | CatalogError::Toml(_)
        | CatalogError::Invalid { .. }
        | CatalogError::Versions(_) => "BAD_CATALOGUE",
        CatalogError::UnknownPack { .. } => "UNKNOWN_PACK",
    }
}

pub(crate) fn of_founding(error: &FoundingError) -> &'static str {
    match error {
        FoundingError::NotDevelopment(_) => "NOT_DEVELOPMENT",
        FoundingError::NoPassphrase(_) => PASSPHRASE_MISSING,
        FoundingError::Exists(_) => "ISSUER_EXISTS",
        FoundingError::Io { .. } => "FILE",
        FoundingError::Keys(error) => of_keys(error),
        FoundingError::Trust(error) => error.code().as_str(),
        FoundingError::Storage(error) => error.code(),
        FoundingError::Random(_) => NO_RANDOM,
    }
}

/// Keys that are encrypted, and nothing to open them with.
const PASSPHRASE_MISSING: &str = "PASSPHRASE_MISSING";

pub(crate) fn of_keys(error: &KeysError) -> &'static str {
    match error {
        KeysError::File(error) => error.code(),
        KeysError::Io { .. } => "FILE",
        KeysError::Trust { error, .. } => error.code().as_str(),
        KeysError::OtherIssuer { .. } | KeysError::OtherRoots { .. } => "OTHER_ISSUER",
        KeysError::Manifest(error) => error.code().as_str(),
        KeysError::NoActiveKey { .. } => "NO_ACTIVE_KEY",
        KeysError::PassphraseMissing(_) => PASSPHRASE_MISSING,
        KeysError::Sign(error) => error.code(),
        KeysError::Encode(_) => "INTERNAL",
    }
}

pub(crate) fn of_keyring(error: &KeyringError) -> &'static str {
    match error {
        KeyringError::Rotation(RotationError::UseTwice(_)) => "USE_TWICE",
        KeyringError::Rotation(RotationError::UnknownKey(_)) => "UNKNOWN_KID",
        KeyringError::Rotation(RotationError::RootKey(_)) => "ROOT_KEY",
        KeyringError::Rotation(RotationError::AlreadyRevoked(_)) => "UNCHANGED",
        KeyringError::Rotation(RotationError::TooManyKeys(_)) => "OUT_OF_BOUNDS",
        KeyringError::Keys(error) => of_keys(error),
        KeyringError::Storage(error) => error.code(),
        KeyringError::RootsElsewhere(_) => "ROOTS_ELSEWHERE",
        KeyringError::NotDevelopment(_) => "NOT_DEVELOPMENT",
        KeyringError::NotAManifest { error, .. } | KeyringError::NotNext(error, _) => error.code().as_str(),
        KeyringError::Different => "OTHER_MANIFEST",
        KeyringError::TooFew { .. } => brink_license::Code::ManifestThreshold.as_str(),
        KeyringError::TooLate { .. } => "TOO_LATE",
        KeyringError::Root(error) => error.code().as_str(),
        KeyringError::Sign(error) => error.code(),
        KeyringError::KeyFile(error) => error.code(),
        KeyringError::Io { .. } => "FILE",
    }
}

pub(crate) const fn of_mint(error: &MintError) -> &'static str {
    match error {
        MintError::Unmintable(_) | MintError::TooLarge { .. } => "UNLICENSABLE",
        MintError::Sign(error) => error.code(),
        MintError::Unverifiable { .. } | MintError::Encoder(_) => "INTERNAL",
        MintError::Random(_) => NO_RANDOM,
    }
}
