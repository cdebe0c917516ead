//! The variables that the old billing server read, with its defaults.

use brink_environment::alike::{KNOWN_SECRET, LOG_LEVELS, MOCKED, POOL_SIZES, PORTS, any_text};
use brink_environment::{Code, Group, Kind, Remark, Table, Variable, When};

/// The issuer's variables.
pub static TABLE: Table = Table {
    program: "brink-issuer",
    groups: &[
        Group { title: "Listening", variables: LISTENING },
        Group { title: "Database", variables: DATABASE },
        Group { title: "Authentication", variables: AUTHENTICATION },
        Group { title: "Development", variables: DEVELOPMENT },
        Group { title: "Log", variables: LOG },
    ],
    rules: &[],
};

const LISTENING: &[Variable] = &[Variable::whole(
    "PORT",
    "8081",
    PORTS,
    "The port on 127.0.0.1 that `serve` listens on, where --listen does not say it.",
)];

const SERVER: &str = "Where the database is was said once, with `init --database-url`, and stands in D/database.url. What is \
                      set here and says something else is refused.";

const DATABASE: &[Variable] = &[
    Variable::boolean(
        "USE_POSTGRES",
        true,
        "Whether the database is on a PostgreSQL server, which D/database.url says; without one it is SQLite, in D/issuer.db, \
         and never memory. What is set here and says something else is refused.",
    )
    .compared(),
    Variable::of("POSTGRES_HOST", Kind::Text(any_text), "localhost", SERVER).compared(),
    Variable::whole("POSTGRES_PORT", "5432", PORTS, SERVER).compared(),
    Variable::of("POSTGRES_DATABASE", Kind::Text(any_text), "billing", SERVER).compared(),
    Variable::of("POSTGRES_USER", Kind::Text(any_text), "billing_user", SERVER).compared(),
    Variable::secret(
        "POSTGRES_PASSWORD",
        "A password is read from a file that nobody else may read, D/database.url or --database-password-file. The default of \
         before is none any more: it stood in the code.",
    )
    .idle()
    .remarks(&[KNOWN_SECRET]),
    Variable::whole(
        "POSTGRES_POOL_SIZE",
        "10",
        POOL_SIZES,
        "The issuer chooses how many connections it keeps.",
    )
    .idle(),
];

const NOBODY_ASKED: Remark = Remark {
    when: When::False,
    code: Code::AuthenticationOff,
    why: "it asks for a server that lets everybody in, which this program never is: authentication is always on",
    mend: "leave it out",
};

const AUTHENTICATION: &[Variable] = &[
    Variable::boolean(
        "REQUIRE_AUTH",
        true,
        "Authentication is always on: a device signs what it sends. It was off before, unless this said true.",
    )
    .idle()
    .remarks(&[NOBODY_ASKED]),
    Variable::boolean(
        "REQUIRE_ADMIN_AUTH",
        true,
        "Authentication is always on: the admin API asks for a key of `init` or `key create`. It was off before, unless this \
         said true.",
    )
    .idle()
    .remarks(&[NOBODY_ASKED]),
    Variable::secret(
        "ADMIN_API_KEY",
        "The admin API knows its own keys, each with scopes and an end, and of each only its digest.",
    )
    .idle()
    .remarks(&[EMPTY_KEY, KNOWN_SECRET]),
];

const EMPTY_KEY: Remark = Remark {
    when: When::Empty,
    code: Code::EmptyKey,
    why: "the old server let everybody in where it was empty",
    mend: "leave it out: the keys of init and key create serve",
};

const DEVELOPMENT: &[Variable] =
    &[Variable::boolean("MOCK_BILLING_SERVICE", false, "For development only.").remarks(&[MOCKED])];

const LOG: &[Variable] = &[Variable::of(
    "LOG_LEVEL",
    LOG_LEVELS,
    "INFO",
    "What `serve` logs of itself on standard error, where --log does not say it.",
)];
