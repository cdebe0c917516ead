//! The 45 variables that the old product's agent read, with its defaults.

use brink_environment::alike::{KNOWN_SECRET, LOG_LEVELS, MOCKED, POOL_SIZES, PORTS, any_text};
use brink_environment::{Bounds, Clash, Code, Group, Kind, Remark, Settings, Table, Variable, When};
use brink_license::TenantId;

/// What the old template says in the place of a tenant.
const TENANT_TEMPLATE: &str = "your_tenant_uuid_here";

/// The agent's variables.
pub static TABLE: Table = Table {
    program: "brink-edge",
    groups: &[
        Group { title: "Billing service", variables: BILLING },
        Group { title: "Device and tenant", variables: IDENTITY },
        Group { title: "PostgreSQL", variables: POSTGRES },
        Group { title: "Redis", variables: REDIS },
        Group { title: "Caches", variables: CACHES },
        Group { title: "Offline", variables: OFFLINE },
        Group { title: "Usage", variables: USAGE },
        Group { title: "What runs", variables: FEATURES },
        Group { title: "Local API", variables: API },
        Group { title: "Log", variables: LOG },
    ],
    rules: &[heartbeats_without_a_pause],
};

/// The old product divided milliseconds by 1000.
const WAITS: Bounds = Bounds::new(1000, 600_000, "ms")
    .since("the old product rounded less than 1000 ms down to 0, and waited for ever");

const EMPTY_KEY: Remark = Remark {
    when: When::Empty,
    code: Code::EmptyKey,
    why: "the billing service is then asked without a key, and answers nobody or everybody",
    mend: "give the key, or leave the variable out",
};

const EXPOSED: Remark = Remark {
    when: When::Exposed,
    code: Code::PlainHttp,
    why: "whoever is on the way reads the key and answers in the billing service's place",
    mend: "write https://, or an address on this machine",
};

const BILLING: &[Variable] = &[
    Variable::of(
        "BILLING_SERVICE_URL",
        Kind::Url,
        "https://billing.brinkbyte.com/api/v1",
        "Where the local API passes the console's questions on to and heartbeats go, where BILLING_API_KEY is set too and \
         --billing-url is not given. Licences come from the issuer that the device was activated at, whatever this says.",
    )
    .remarks(&[EXPOSED]),
    Variable::secret(
        "BILLING_API_KEY",
        "The bearer key for the billing service. Exchanges with the issuer need none: the device signs them with its own key.",
    )
    .remarks(&[EMPTY_KEY, KNOWN_SECRET]),
    Variable::whole(
        "BILLING_TIMEOUT_MS",
        "5000",
        WAITS,
        "How long one call may take. For an exchange with the issuer it counts where it is set, up to 30 s; else an exchange has \
         30 s.",
    ),
    Variable::whole(
        "BILLING_MAX_RETRIES",
        "3",
        Bounds::new(0, 10, ""),
        "An exchange is repeated until one succeeds, with pauses that grow to a quarter of an hour; what the issuer has taken \
         is never taken twice.",
    )
    .idle(),
    Variable::boolean(
        "MOCK_BILLING_SERVICE",
        false,
        "For development only: `run` starts brink-edge-mock in its place, which has a development issuer in the same program, and \
         makes and activates the device where it is not there.",
    )
    .remarks(&[MOCKED]),
];

const IDENTITY: &[Variable] = &[
    Variable::of(
        "EDGE_DEVICE_ID",
        Kind::Text(any_text),
        "auto",
        "The issuer names the device when it is activated. The old `auto` was another random name after each start where \
         /etc/machine-id was missing.",
    )
    .idle(),
    Variable::of(
        "TENANT_ID",
        Kind::Text(tenant),
        "",
        "The customer that brink-edge-mock makes. A licence names its tenant itself.",
    )
    .remarks(&[Remark {
        when: When::Among(&[TENANT_TEMPLATE]),
        code: Code::TemplateText,
        why: "it is the template's text, and no tenant's name",
        mend: "write the tenant's id, or leave the variable out",
    }]),
    Variable::of(
        "MANAGEMENT_TIER",
        Kind::Choice(&["basic", "managed"]),
        "basic",
        "What heartbeats say of the device. What it costs is the tier that was sold.",
    ),
];

const OF_POSTGRES: &str = "Of the PostgreSQL that POSTGRES_HOST names.";

const POSTGRES: &[Variable] = &[
    Variable::of(
        "POSTGRES_HOST",
        Kind::Text(any_text),
        "localhost",
        "Where it is set, and --mirror-postgres is not given, the agent copies licences and usage into the PostgreSQL there, for \
         others to read; a path is the directory of its socket. The device keeps its own state in its own directory.",
    ),
    Variable::whole("POSTGRES_PORT", "5432", PORTS, OF_POSTGRES),
    Variable::of("POSTGRES_DATABASE", Kind::Text(any_text), "tapi_edge", OF_POSTGRES),
    Variable::of("POSTGRES_USER", Kind::Text(any_text), "tapi_user", OF_POSTGRES),
    Variable::secret(
        "POSTGRES_PASSWORD",
        "What it is shown, where --mirror-postgres-password-file is not given. The default of before is none any more: it \
         stood in the code.",
    )
    .remarks(&[KNOWN_SECRET]),
    Variable::whole("POSTGRES_POOL_SIZE", "10", POOL_SIZES, "Connections of the mirror at most; it uses two."),
    Variable::whole("POSTGRES_CONNECTION_TIMEOUT_MS", "5000", WAITS, "How long it may take to answer at all."),
];

const REDIS: &[Variable] = &[
    Variable::of(
        "REDIS_HOST",
        Kind::Text(any_text),
        "localhost",
        "Where it is set, and --mirror-redis is not given, the agent copies licences into the Redis there, for others to read; it \
         has to be on this machine. A host decides from its own memory, by documents that it has verified itself.",
    ),
    Variable::whole("REDIS_PORT", "6379", PORTS, "Of the Redis that REDIS_HOST names."),
    Variable::secret("REDIS_PASSWORD", "What it is shown, where --mirror-redis-password-file is not given.")
        .remarks(&[KNOWN_SECRET]),
    Variable::whole(
        "REDIS_MAX_MEMORY_MB",
        "256",
        Bounds::new(1, 1_048_576, "MB"),
        "The server's own settings say how much it may hold.",
    )
    .idle(),
    Variable::whole("REDIS_CONNECTION_TIMEOUT_MS", "3000", WAITS, "How long it may take to answer at all."),
];

/// A year.
const LIVES: Bounds = Bounds::new(1, 31_536_000, "s").since("what lives for no time is never found");

const CACHES: &[Variable] = &[
    Variable::whole(
        "LICENSE_CACHE_TTL_SECONDS",
        "3600",
        LIVES,
        "How long a licence is kept in the mirror's Redis at most, after the agent wrote it last; never longer than it is good \
         for, which stands in it, signed.",
    ),
    Variable::whole("ENTITLEMENT_CACHE_TTL_SECONDS", "300", LIVES, "The same of entitlements and packs."),
];

const OFFLINE: &[Variable] = &[
    Variable::boolean(
        "ENABLE_OFFLINE_MODE",
        true,
        "A device is always good for as long offline as its licence says.",
    )
    .idle()
    .remarks(&[Remark {
        when: When::False,
        code: Code::Ignored,
        why: "the device goes on offline all the same, for as long as its licence says",
        mend: "leave it out; for a shorter time sell a licence with another --offline-max",
    }]),
    Variable::whole(
        "OFFLINE_GRACE_PERIOD_HOURS",
        "24",
        Bounds::new(0, 4320, "hours"),
        "The signed licence says how long a device may be offline and what grace follows.",
    )
    .idle(),
];

const RECORDED: &str = "Whatever a host records is recorded, and what it comes to the contract says.";

const STILL_RECORDED: Remark = Remark {
    when: When::False,
    code: Code::Ignored,
    why: "what hosts record is recorded all the same, as it was before, when nobody looked at this",
    mend: "leave it out; a host that must not record something does not call record",
};

const fn tracked(name: &'static str) -> Variable {
    Variable::boolean(name, true, RECORDED).idle().remarks(&[STILL_RECORDED])
}

const USAGE: &[Variable] = &[
    Variable::whole(
        "USAGE_BATCH_SIZE",
        "1000",
        Bounds::new(1, 100_000, ""),
        "An exchange carries what fits into it, and the next follows at once while there is more.",
    )
    .idle(),
    Variable::whole(
        "USAGE_SYNC_INTERVAL_MINUTES",
        "5",
        Bounds::new(1, 1440, "min"),
        "The issuer says how often a device exchanges, and usage waits five minutes at most while the network is there.",
    )
    .idle(),
    tracked("TRACK_API_CALLS"),
    tracked("TRACK_LLM_TOKENS"),
    tracked("TRACK_STORAGE"),
    tracked("TRACK_AGENT_EXECUTIONS"),
    tracked("TRACK_SMS"),
];

const FEATURES: &[Variable] = &[
    Variable::boolean("ENABLE_LICENSE_VALIDATION", true, "Licences are always verified.").idle().remarks(&[
        Remark {
            when: When::False,
            code: Code::ChecksOff,
            why: "it asks for licences that nobody verifies, which this program does not do",
            mend: "leave it out",
        },
    ]),
    Variable::boolean("ENABLE_USAGE_TRACKING", true, RECORDED).idle().remarks(&[STILL_RECORDED]),
    Variable::boolean("ENABLE_HEARTBEAT", true, "Whether heartbeats are sent."),
    Variable::whole(
        "HEARTBEAT_INTERVAL_MINUTES",
        "15",
        Bounds::new(0, 1440, "min"),
        "The pause between two heartbeats; 0 only where ENABLE_HEARTBEAT is false.",
    ),
    Variable::boolean("BYPASS_LICENSE_CHECK", false, "No check is ever left out, in development neither.")
        .idle()
        .remarks(&[Remark {
            when: When::True,
            code: Code::ChecksOff,
            why: "it asks for cameras that run without a licence, which this program does not do",
            mend: "leave it out; to try things, found an issuer with init --dev",
        }]),
];

const API: &[Variable] = &[
    Variable::whole("API_PORT", "8080", PORTS, "The port of the local API on 127.0.0.1, where --api-token-file is given and --api-listen is not."),
    Variable::whole(
        "API_THREADS",
        "4",
        Bounds::new(1, 256, "").since("without a thread nobody is answered"),
        "The local API bounds what it works on at once by itself.",
    )
    .idle(),
    Variable::boolean(
        "API_ENABLE_CORS",
        true,
        "Pages of one origin may call the local API, the one that --cors-origin names, and never those of any.",
    )
    .idle(),
];

const LOG: &[Variable] = &[
    Variable::of(
        "LOG_LEVEL",
        LOG_LEVELS,
        "INFO",
        "What `run` logs on standard error, where --log does not say it.",
    ),
    Variable::boolean(
        "LOG_TO_FILE",
        true,
        "The log goes to standard error, and whatever runs the agent keeps and rotates it.",
    )
    .idle()
    .remarks(&[Remark {
        when: When::True,
        code: Code::Ignored,
        why: "no file is written: the log goes to standard error",
        mend: "write LOG_TO_FILE=false, and let systemd's journal or the container's log keep it",
    }]),
    Variable::of("LOG_FILE_PATH", Kind::Text(any_text), "/var/log/tapi/tapi.log", "No file is written.").idle().remarks(&[
        Remark {
            when: When::Set,
            code: Code::Ignored,
            why: "no file is written: the log goes to standard error",
            mend: "leave it out, or send standard error there",
        },
    ]),
    Variable::whole("LOG_MAX_FILE_SIZE_MB", "100", Bounds::new(1, 102_400, "MB"), "No file is written.").idle(),
    Variable::whole("LOG_MAX_FILES", "10", Bounds::new(1, 10_000, ""), "No file is written.").idle(),
    Variable::boolean(
        "DEBUG_MODE",
        false,
        "LOG_LEVEL=DEBUG says more. The old one printed the bearer key; no level of this program prints a key.",
    )
    .idle(),
];

fn tenant(text: &str) -> Result<(), String> {
    TenantId::parse(text).map(drop).map_err(|error| error.to_string())
}

fn heartbeats_without_a_pause(settings: &Settings) -> Option<Clash> {
    let pause = settings.number::<u32>("HEARTBEAT_INTERVAL_MINUTES");
    let clashes = settings.boolean("ENABLE_HEARTBEAT").value && pause.set() == Some(&0);
    clashes.then(|| Clash {
        variable: "HEARTBEAT_INTERVAL_MINUTES",
        code: Code::Contradiction,
        what: "heartbeats are on, and 0 is no pause between two of them".to_owned(),
        mend: "write ENABLE_HEARTBEAT=false, or a pause of at least 1".to_owned(),
    })
}
