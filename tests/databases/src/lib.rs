//! PostgreSQL for tests: a server that is there already, or one that this process starts and that ends with it; and in
//! it a database of its own for each test.

mod server;

pub use server::Server;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::NoTls;

/// One server for a whole run of tests, so that not every test program starts its own: `postgres://USER@HOST:PORT`, without a
/// database. The user may create databases.
pub const SERVER_VARIABLE: &str = "BRINK_TEST_POSTGRES_URL";

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
}

/// The server of this process: named in the environment, or started now.
fn address() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    static STARTED: OnceLock<Server> = OnceLock::new();
    ADDRESS.get_or_init(|| match std::env::var(SERVER_VARIABLE) {
        Ok(url) => url.trim_end_matches('/').to_owned(),
        Err(_) => STARTED.get_or_init(Server::start).url(),
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

/// Where a database with this name is.
#[must_use]
pub fn url_of(name: &str) -> String {
    let address = address();
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
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let driven = tokio::spawn(connection);
        let done = client.batch_execute(sql).await;
        drop(client);
        let _ = driven.await;
        done
    };
    // In a thread of its own: the caller may be inside a runtime.
    let done =
        std::thread::scope(|scope| scope.spawn(|| Ok::<_, std::io::Error>(runtime()?.block_on(work))).join());
    match done {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => {
            let why = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            panic!("PostgreSQL did not run {sql:?}: {why}")
        }
        Ok(Err(error)) => panic!("no runtime for PostgreSQL: {error}"),
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
