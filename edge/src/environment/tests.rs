use super::*;
use brink_environment::{Kind, Level};

fn read(variables: &[(&str, &str)], development: bool) -> Environment {
    let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::read(pairs, None, development)
}

/// Each problem as `LEVEL VARIABLE CODE`.
fn said(environment: &Environment) -> Vec<String> {
    let one = |problem: &brink_environment::Problem| {
        let (level, variable) = (problem.level.as_str(), problem.variable.as_deref().unwrap_or("-"));
        format!("{level} {variable} {}", problem.code.as_str())
    };
    environment.settings.problems().iter().map(one).collect()
}

/// Section 3 of the old product's facts: each name with its default. Passwords have none any more.
const DEFAULTS: [(&str, &str); 45] = [
    ("BILLING_SERVICE_URL", "https://billing.brinkbyte.com/api/v1"),
    ("BILLING_API_KEY", "(empty)"),
    ("BILLING_TIMEOUT_MS", "5000"),
    ("BILLING_MAX_RETRIES", "3"),
    ("MOCK_BILLING_SERVICE", "false"),
    ("EDGE_DEVICE_ID", "auto"),
    ("TENANT_ID", "(empty)"),
    ("MANAGEMENT_TIER", "basic"),
    ("POSTGRES_HOST", "localhost"),
    ("POSTGRES_PORT", "5432"),
    ("POSTGRES_DATABASE", "tapi_edge"),
    ("POSTGRES_USER", "tapi_user"),
    ("POSTGRES_PASSWORD", "(empty)"),
    ("POSTGRES_POOL_SIZE", "10"),
    ("POSTGRES_CONNECTION_TIMEOUT_MS", "5000"),
    ("REDIS_HOST", "localhost"),
    ("REDIS_PORT", "6379"),
    ("REDIS_PASSWORD", "(empty)"),
    ("REDIS_MAX_MEMORY_MB", "256"),
    ("REDIS_CONNECTION_TIMEOUT_MS", "3000"),
    ("LICENSE_CACHE_TTL_SECONDS", "3600"),
    ("ENTITLEMENT_CACHE_TTL_SECONDS", "300"),
    ("ENABLE_OFFLINE_MODE", "true"),
    ("OFFLINE_GRACE_PERIOD_HOURS", "24"),
    ("USAGE_BATCH_SIZE", "1000"),
    ("USAGE_SYNC_INTERVAL_MINUTES", "5"),
    ("TRACK_API_CALLS", "true"),
    ("TRACK_LLM_TOKENS", "true"),
    ("TRACK_STORAGE", "true"),
    ("TRACK_AGENT_EXECUTIONS", "true"),
    ("TRACK_SMS", "true"),
    ("ENABLE_LICENSE_VALIDATION", "true"),
    ("ENABLE_USAGE_TRACKING", "true"),
    ("ENABLE_HEARTBEAT", "true"),
    ("HEARTBEAT_INTERVAL_MINUTES", "15"),
    ("BYPASS_LICENSE_CHECK", "false"),
    ("API_PORT", "8080"),
    ("API_THREADS", "4"),
    ("API_ENABLE_CORS", "true"),
    ("LOG_LEVEL", "INFO"),
    ("LOG_TO_FILE", "true"),
    ("LOG_FILE_PATH", "/var/log/tapi/tapi.log"),
    ("LOG_MAX_FILE_SIZE_MB", "100"),
    ("LOG_MAX_FILES", "10"),
    ("DEBUG_MODE", "false"),
];

#[test]
fn all_variables_of_before_are_there_with_their_defaults_and_none_is_a_problem() {
    let environment = read(&[], false);
    let settings = environment.settings.all();
    let shown: Vec<_> = settings.iter().map(|one| (one.variable.name, one.shown())).collect();
    let expected: Vec<_> = DEFAULTS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    assert_eq!(shown, expected);
    assert_eq!(said(&environment), [] as [String; 0]);
}

#[test]
fn what_counts_is_typed() {
    let unset = read(&[], false);
    assert_eq!(unset.billing.service_url.value.as_str(), "https://billing.brinkbyte.com/api/v1");
    assert_eq!(unset.billing.timeout, Given { value: Duration::from_secs(5), is_set: false });
    assert_eq!((unset.exchange_timeout(), &unset.tenant), (None, &None));
    assert!(unset.billing.api_key.value.is_empty() && !unset.billing.is_mocked.value);
    assert_eq!(unset.heartbeat.interval_minutes.value, 15);
    assert!(unset.heartbeat.is_enabled.value && unset.api.allows_cors.value);
    assert_eq!((unset.api.port.value, unset.api.threads.value), (8080, 4));
    assert_eq!((unset.log_level.value, unset.management_tier.value), ("info", ManagementTier::Basic));
    let set = read(
        &[
            ("BILLING_API_KEY", "k-1"),
            ("BILLING_TIMEOUT_MS", "45000"),
            ("TENANT_ID", "tenant-123"),
            ("MANAGEMENT_TIER", "managed"),
            ("HEARTBEAT_INTERVAL_MINUTES", "1"),
            ("API_PORT", "8090"),
            ("API_THREADS", "8"),
            ("API_ENABLE_CORS", "no"),
            ("ENABLE_HEARTBEAT", "false"),
            ("BILLING_SERVICE_URL", "https://b.example/api/v1/"),
            ("LOG_LEVEL", "warning"),
        ],
        false,
    );
    assert_eq!(said(&set), [] as [String; 0]);
    assert_eq!(set.billing.api_key.value.reveal(), "k-1");
    assert_eq!(set.exchange_timeout(), Some(NETWORK_TIMEOUT), "a verb waits no longer");
    assert_eq!(set.tenant.as_ref().map(TenantId::as_str), Some("tenant-123"));
    assert_eq!(set.management_tier.set(), Some(&ManagementTier::Managed));
    assert_eq!(set.heartbeat.interval_minutes.set(), Some(&1));
    assert_eq!((set.api.port.set(), set.log_level.set()), (Some(&8090), Some(&"warn")));
    assert_eq!((set.api.threads.set(), set.api.allows_cors.set()), (Some(&8), Some(&false)));
    assert_eq!(set.heartbeat.is_enabled.set(), Some(&false));
    assert_eq!(set.billing.service_url.set().map(Address::as_str), Some("https://b.example/api/v1"));
    assert_eq!(read(&[("MOCK_BILLING_SERVICE", "1")], true).billing.is_mocked.set(), Some(&true));
}

#[test]
fn what_cannot_be_is_an_error_everywhere() {
    for (name, value, code) in [
        ("API_PORT", "0", "OUT_OF_BOUNDS"),
        ("API_PORT", "65536", "OUT_OF_BOUNDS"),
        ("POSTGRES_PORT", "99999", "OUT_OF_BOUNDS"),
        ("REDIS_PORT", "0", "OUT_OF_BOUNDS"),
        ("POSTGRES_POOL_SIZE", "0", "OUT_OF_BOUNDS"),
        ("POSTGRES_CONNECTION_TIMEOUT_MS", "999", "OUT_OF_BOUNDS"),
        ("REDIS_CONNECTION_TIMEOUT_MS", "0", "OUT_OF_BOUNDS"),
        ("BILLING_TIMEOUT_MS", "500", "OUT_OF_BOUNDS"),
        ("BILLING_MAX_RETRIES", "-1", "OUT_OF_BOUNDS"),
        ("API_THREADS", "0", "OUT_OF_BOUNDS"),
        ("USAGE_BATCH_SIZE", "0", "OUT_OF_BOUNDS"),
        ("REDIS_MAX_MEMORY_MB", "lots", "NOT_A_NUMBER"),
        ("LOG_MAX_FILES", "", "NOT_A_NUMBER"),
        ("ENABLE_HEARTBEAT", "on", "NOT_A_BOOLEAN"),
        ("DEBUG_MODE", "ja", "NOT_A_BOOLEAN"),
        ("MANAGEMENT_TIER", "gold", "NOT_A_CHOICE"),
        ("LOG_LEVEL", "LOUD", "NOT_A_CHOICE"),
        ("BILLING_SERVICE_URL", "billing.example", "BAD_URL"),
        ("BILLING_SERVICE_URL", "https://key@billing.example", "BAD_URL"),
        ("TENANT_ID", "your_tenant_uuid_here", "TEMPLATE_TEXT"),
        ("TENANT_ID", "", "EMPTY"),
        ("TENANT_ID", &"x".repeat(256), "BAD_TEXT"),
        ("POSTGRES_HOST", "", "EMPTY"),
        ("REDIS_HOST", "", "EMPTY"),
        ("HEARTBEAT_INTERVAL_MINUTES", "0", "CONTRADICTION"),
    ] {
        for development in [false, true] {
            assert_eq!(
                said(&read(&[(name, value)], development)),
                [format!("error {name} {code}")],
                "{value}"
            );
        }
    }
    let silent = [("HEARTBEAT_INTERVAL_MINUTES", "0"), ("ENABLE_HEARTBEAT", "false")];
    assert_eq!(said(&read(&silent, false)), [] as [String; 0]);
}

#[test]
fn what_is_unsafe_is_refused_outside_of_development_and_warned_of_in_it() {
    for (name, value, code) in [
        ("BYPASS_LICENSE_CHECK", "true", "CHECKS_OFF"),
        ("ENABLE_LICENSE_VALIDATION", "false", "CHECKS_OFF"),
        ("BILLING_API_KEY", "", "EMPTY_KEY"),
        ("BILLING_API_KEY", "your_api_key_here", "KNOWN_SECRET"),
        ("BILLING_API_KEY", "dev-api-key-123", "KNOWN_SECRET"),
        ("POSTGRES_PASSWORD", "tapi_dev_password", "KNOWN_SECRET"),
        ("POSTGRES_PASSWORD", "change_me_in_production", "KNOWN_SECRET"),
        ("REDIS_PASSWORD", "change_me_in_production", "KNOWN_SECRET"),
        ("BILLING_SERVICE_URL", "http://billing.example/api/v1", "PLAIN_HTTP"),
        ("MOCK_BILLING_SERVICE", "yes", "DEVELOPMENT_ONLY"),
    ] {
        assert_eq!(said(&read(&[(name, value)], false)), [format!("error {name} {code}")], "{value}");
        assert_eq!(said(&read(&[(name, value)], true)), [format!("warning {name} {code}")], "{value}");
    }
    let near = [("BILLING_SERVICE_URL", "http://localhost:8081/api/v1")];
    assert_eq!(said(&read(&near, false)), [] as [String; 0]);
}

#[test]
fn what_is_asked_for_and_does_not_happen_is_warned_of() {
    for (name, value) in [
        ("LOG_TO_FILE", "true"),
        ("LOG_FILE_PATH", "/var/log/x.log"),
        ("ENABLE_OFFLINE_MODE", "no"),
        ("ENABLE_USAGE_TRACKING", "0"),
        ("TRACK_SMS", "off"),
    ] {
        assert_eq!(said(&read(&[(name, value)], false)), [format!("warning {name} IGNORED")]);
    }
}

/// What the setup script of before wrote for development.
#[test]
fn the_file_of_before_is_read() {
    let text = "BILLING_SERVICE_URL=http://localhost:8081/api/v1\nBILLING_API_KEY=dev-api-key-123\n\
                TENANT_ID=tenant-123\nMANAGEMENT_TIER=basic\nPOSTGRES_PASSWORD=tapi_dev_password\nAPI_PORT=8090\n\
                LOG_TO_FILE=false\nLOG_LEVEL=DEBUG\nDEBUG_MODE=true\n";
    let file = EnvFile { name: ".env", bytes: text.as_bytes(), is_open: false };
    let environment = Environment::read([], Some(&file), true);
    assert_eq!(
        said(&environment),
        ["warning BILLING_API_KEY KNOWN_SECRET", "warning POSTGRES_PASSWORD KNOWN_SECRET"]
    );
    assert_eq!(environment.settings.refusal(), None);
    let outside = Environment::read([], Some(&file), false).settings.refusal().unwrap();
    assert_eq!(outside.errors.iter().filter(|error| error.level == Level::Error).count(), 2);
}

#[test]
fn every_meaning_is_a_sentence_and_every_secret_is_a_secret() {
    for variable in TABLE.variables() {
        assert!(variable.meaning.ends_with('.'), "{}", variable.name);
        let sounds_secret = ["PASSWORD", "_KEY"].iter().any(|word| variable.name.ends_with(word));
        assert_eq!(matches!(variable.kind, Kind::Secret), sounds_secret, "{}", variable.name);
    }
}
