//! Variables that say where the database is, held against where it is. Only one of both can be meant, and quietly taking
//! another database than was asked for loses what is in it.

use crate::place::DatabasePlace;
use crate::storage::postgres::DatabaseUrl;
use brink_environment::{Clash, Code, Settings};
use std::path::Path;

/// The port of PostgreSQL where its address has none.
const PORT_DEFAULT: u16 = 5432;

/// Adds what contradicts the place.
pub(super) fn compare(settings: &mut Settings, place: &DatabasePlace) {
    let clashes = match place {
        DatabasePlace::File(path) => with_file(settings, path),
        DatabasePlace::Server(url) => with_server(settings, url),
    };
    for clash in clashes {
        settings.add(clash);
    }
}

fn with_file(settings: &Settings, path: &Path) -> Vec<Clash> {
    let path = path.display();
    match settings.boolean("USE_POSTGRES").set() {
        Some(true) => vec![Clash {
            variable: "USE_POSTGRES",
            code: Code::Contradiction,
            what: format!(
                "it says that the database is on a PostgreSQL server, and this issuer's is the file {path}"
            ),
            mend: "leave it out, or found the issuer with init --database-url postgres://USER@HOST/DATABASE"
                .to_owned(),
        }],
        Some(false) => Vec::new(),
        None => {
            let names = ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE", "POSTGRES_USER"];
            let set = names.into_iter().filter(|name| settings.is_set(name));
            set.map(|variable| Clash {
                variable,
                code: Code::Ignored,
                what: format!("this issuer's database is the file {path}, and on no server"),
                mend: "leave it out".to_owned(),
            })
            .collect()
        }
    }
}

fn with_server(settings: &Settings, url: &DatabaseUrl) -> Vec<Clash> {
    if settings.boolean("USE_POSTGRES").set() == Some(&false) {
        return vec![Clash {
            variable: "USE_POSTGRES",
            code: Code::Contradiction,
            what: format!("it says that the database is no PostgreSQL server's, and this issuer's is {url}"),
            mend: "leave it out; with SQLite it is another issuer, which init makes in another directory"
                .to_owned(),
        }];
    }
    let ports = match url.ports() {
        [] => &[PORT_DEFAULT],
        ports => ports,
    };
    let host = settings.text("POSTGRES_HOST");
    let port = settings.number::<u16>("POSTGRES_PORT");
    let (database, user) = (settings.text("POSTGRES_DATABASE"), settings.text("POSTGRES_USER"));
    let differs = [
        ("POSTGRES_HOST", host.set().is_some_and(|host| !url.hosts().contains(host))),
        ("POSTGRES_PORT", port.set().is_some_and(|port| !ports.contains(port))),
        ("POSTGRES_DATABASE", database.set().is_some_and(|database| database != url.database())),
        ("POSTGRES_USER", user.set().is_some_and(|user| user != url.user())),
    ];
    let clash = |variable| Clash {
        variable,
        code: Code::Contradiction,
        what: format!("this issuer's database is {url}"),
        mend: "leave it out, or write what is said there".to_owned(),
    };
    differs.into_iter().filter(|(_, differs)| *differs).map(|(variable, _)| clash(variable)).collect()
}
