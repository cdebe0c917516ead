//! PostgreSQL and Redis for tests: a server that is there already, or one that this process starts and that ends with it;
//! and in PostgreSQL a database of its own for each test. README.md says where they come from.

#![allow(clippy::panic, reason = "called by tests only, and a database that cannot be had is a failed test")]

#[cfg(feature = "docker")]
mod docker;
mod found;
mod postgres;
mod redis;
mod watched;

pub use found::docker_engine;
pub use postgres::Server;
pub use redis::{REDIS_VARIABLE, RedisServer, redis_url};

use found::variable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// One server for a whole run of tests, so that not every test program starts its own: `postgres://USER@HOST:PORT`, without a
/// database. The user may create databases.
pub const SERVER_VARIABLE: &str = "BRINK_TEST_POSTGRES_URL";

/// Which database the issuer's own tests stand on: `sqlite`, which is the default, or `postgres`.
pub const STORAGE_VARIABLE: &str = "BRINK_TEST_STORAGE";

/// Whether the issuer's own tests are to stand on PostgreSQL.
///
/// # Panics
/// At a word that is neither.
#[must_use]
pub fn is_wanted() -> bool {
    match variable(STORAGE_VARIABLE).as_deref() {
        Some("postgres") => true,
        Some("sqlite") | None => false,
        Some(other) => panic!("{STORAGE_VARIABLE} is {other:?}; set it to sqlite or postgres"),
    }
}

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
}

/// The server of this process, as `postgres://USER@HOST:PORT`: named in the environment, or started now, by programs of this
/// machine or in a container.
///
/// # Panics
/// Where there is none, with what to do about it.
#[must_use]
pub fn server_url() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    static STARTED: OnceLock<Server> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        if let Some(url) = variable(SERVER_VARIABLE) {
            return url.trim_end_matches('/').to_owned();
        }
        #[cfg(feature = "docker")]
        if postgres::programs().is_none()
            && let Some(url) = docker::postgres()
        {
            return url;
        }
        STARTED.get_or_init(Server::start).url()
    })
}

/// A name that no other test has, of this run or of one that was cut off.
fn fresh_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = getrandom::u64().unwrap_or_else(|e| panic!("no random number: {e}"));
    format!("brink_{number:x}_{}", MADE.fetch_add(1, Ordering::Relaxed))
}

impl Database {
    /// An empty one.
    #[must_use]
    pub fn empty() -> Self {
        let name = fresh_name();
        on_server(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"));
        Self { name }
    }

    /// One with all that is in the template of this name. Whoever comes first makes the template, others wait: `make` gets
    /// the address of an empty database.
    #[must_use]
    pub fn from_template(template: &str, make: impl FnOnce(&str)) -> Self {
        let is_there = format!("SELECT 1 FROM pg_database WHERE datname = '{template}'");
        if ask(&url_of("postgres"), &is_there).is_empty() {
            let lock = Held::by(&url_of("postgres"), "SELECT pg_advisory_lock(1)");
            if ask(&url_of("postgres"), &is_there).is_empty() {
                let unfinished = Self::empty();
                make(&unfinished.url());
                cut_off(unfinished.name());
                on_server(&format!("ALTER DATABASE {} RENAME TO {template}", unfinished.name()));
                on_server(&format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false"));
            }
            drop(lock);
        }
        let name = fresh_name();
        on_server(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"));
        Self { name }
    }

    /// One with all that another has, which nobody may be connected to.
    #[must_use]
    pub fn copy_of(other: &str) -> Self {
        let name = fresh_name();
        cut_off(other);
        on_server(&format!("CREATE DATABASE {name} TEMPLATE {other}"));
        Self { name }
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is: `postgres://USER@HOST:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that failed may have taken the server with it.
        let _ = std::panic::catch_unwind(|| {
            on_server(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        });
    }
}

/// A connection that holds what it was told to take, until it is dropped.
#[derive(Debug)]
pub struct Held {
    /// Both at once: `None` only while it is dropped.
    held: Option<(tokio_postgres::Client, tokio::runtime::Runtime)>,
}

impl Held {
    /// Runs statements and stays connected.
    ///
    /// # Panics
    /// When the server does not do it; its words say why.
    #[must_use]
    pub fn by(url: &str, sql: &str) -> Self {
        let taken = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let runtime =
                        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                    let runtime = runtime.unwrap_or_else(|e| panic!("no runtime for PostgreSQL: {e}"));
                    let client = runtime.block_on(async {
                        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                        tokio::spawn(connection);
                        client.batch_execute(sql).await.map(|()| client)
                    });
                    (client.unwrap_or_else(|e| panic!("PostgreSQL did not run {sql:?}: {e}")), runtime)
                })
                .join()
        });
        Self { held: Some(taken.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((client, runtime)) = self.held.take() {
            drop(client);
            // It may be dropped inside another runtime, which waits for nobody.
            runtime.shutdown_background();
        }
    }
}

/// Where a database with this name is.
#[must_use]
pub fn url_of(name: &str) -> String {
    let address = server_url();
    match address.split_once('?') {
        Some((server, query)) => format!("{}/{name}?{query}", server.trim_end_matches('/')),
        None => format!("{address}/{name}"),
    }
}

/// Ends every connection to a database.
pub fn cut_off(name: &str) {
    on_server(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    ));
}

/// Runs statements on the server itself, outside of the databases of tests.
///
/// # Panics
/// When the server does not do it; its words say why.
pub fn on_server(sql: &str) {
    run(&url_of("postgres"), sql);
}

/// Runs statements on a database.
///
/// # Panics
/// When the server does not do it; its words say why.
pub fn run(url: &str, sql: &str) {
    let _ = ask(url, sql);
}

/// Runs statements on a database, and answers the rows that come, as the server writes them: a NULL is `None`, a `bytea` is
/// `\x` and hexadecimal.
///
/// # Panics
/// When the server does not do it; its words say why.
#[must_use]
pub fn ask(url: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    match try_ask(url, sql) {
        Ok(rows) => rows,
        Err(why) => panic!("PostgreSQL did not run {sql:?}: {why}"),
    }
}

/// The same, where the server may refuse: with its words.
pub fn try_ask(url: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let driven = tokio::spawn(connection);
        let done = client.simple_query(sql).await;
        drop(client);
        let _ = driven.await;
        done
    };
    // In a thread of its own: the caller may be inside a runtime.
    let done =
        std::thread::scope(|scope| scope.spawn(|| Ok::<_, std::io::Error>(runtime()?.block_on(work))).join());
    match done {
        Ok(Ok(Ok(messages))) => Ok(messages.iter().filter_map(texts).collect()),
        Ok(Ok(Err(error))) => Err(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)),
        Ok(Err(error)) => panic!("no runtime for PostgreSQL: {error}"),
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}

fn texts(message: &SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
