//! The options of `brink-edge run` that are the mirrors'.

use crate::command::Secret;
use crate::database::DatabaseError;
use crate::environment::{Environment, Mirrored};
use crate::error::EdgeError;
use crate::mirror::{MirrorOptions, PostgresOptions, RedisAddress, RedisOptions, Retention};
use crate::secret;
use brink_postgres::{DatabaseUrl, UrlError};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::PathBuf;

const DAYS: std::ops::RangeInclusive<i64> = 1..=36_500;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mirrors")]
pub(super) struct MirrorArguments {
    /// Copy licences and usage into this PostgreSQL for others to read: postgres://USER@HOST/DATABASE, without a password
    #[arg(long, value_name = "URL")]
    mirror_postgres: Option<String>,
    /// The file whose only line is its password; readable by its owner alone
    #[arg(long, value_name = "FILE", requires = "mirror_postgres")]
    mirror_postgres_password_file: Option<PathBuf>,
    /// Copy licences into this Redis on this machine for others to read: redis://HOST:PORT or unix:///PATH, without a password
    #[arg(long, value_name = "URL")]
    mirror_redis: Option<String>,
    /// The file whose only line is its password; readable by its owner alone
    #[arg(long, value_name = "FILE", requires = "mirror_redis")]
    mirror_redis_password_file: Option<PathBuf>,
    /// Drop months of telemetry_events that ended more than so many days ago; without it none is dropped
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(DAYS))]
    mirror_telemetry_days: Option<u32>,
    /// The same of frames
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(DAYS))]
    mirror_frames_days: Option<u32>,
    /// The same of usage_events
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(DAYS))]
    mirror_usage_days: Option<u32>,
    /// The same of license_validation_log
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(DAYS))]
    mirror_log_days: Option<u32>,
    /// Copy nowhere, whatever POSTGRES_HOST and REDIS_HOST say
    #[arg(long, conflicts_with_all = ["mirror_postgres", "mirror_redis"])]
    no_mirrors: bool,
}

impl MirrorArguments {
    /// As they were given; what no flag says the environment may say. A host that nobody named switches no mirror on.
    pub(super) fn options(&self, environment: &Environment) -> Result<MirrorOptions, EdgeError> {
        let tier = environment.management_tier.value;
        if self.no_mirrors {
            return Ok(MirrorOptions { postgres: None, redis: None, tier });
        }
        Ok(MirrorOptions {
            postgres: self.postgres(&environment.mirrored)?,
            redis: self.redis(&environment.mirrored)?,
            tier,
        })
    }

    fn postgres(&self, said: &Mirrored) -> Result<Option<Result<PostgresOptions, String>>, EdgeError> {
        // Parsed here and not by clap, which would show what is wrong with a password in it.
        let given = self.mirror_postgres.as_ref().map(|text| text.parse::<DatabaseUrl>());
        let url = match given.transpose().map_err(DatabaseError::from)? {
            Some(url) if url.has_password() => return Err(shown("--mirror-postgres")),
            Some(url) => Ok(url),
            // What stands in a file of before is no reason not to start.
            None => match said.postgres_host.set() {
                Some(host) => url_of(host, said),
                None => return Ok(None),
            },
        };
        let file = self.mirror_postgres_password_file.as_ref();
        let password = password(file, &said.postgres_password.value)?;
        Ok(Some(url.map(|url| PostgresOptions {
            url: password.map_or(url.clone(), |password| url.with_password(password.reveal())),
            connections: usize::from(said.postgres_pool_size.value),
            connect: said.postgres_connect.value,
            retention: Retention {
                telemetry_days: self.mirror_telemetry_days,
                frames_days: self.mirror_frames_days,
                usage_days: self.mirror_usage_days,
                log_days: self.mirror_log_days,
            },
        })))
    }

    fn redis(&self, said: &Mirrored) -> Result<Option<Result<RedisOptions, String>>, EdgeError> {
        let given = self.mirror_redis.as_ref().map(|text| text.parse::<RedisAddress>());
        let address = match given.transpose().map_err(EdgeError::Usage)? {
            Some(address) if address.has_password() => return Err(shown("--mirror-redis")),
            Some(address) => Ok(address),
            None => match said.redis_host.set() {
                Some(host) => RedisAddress::of(host, said.redis_port.value),
                None => return Ok(None),
            },
        };
        let password = password(self.mirror_redis_password_file.as_ref(), &said.redis_password.value)?;
        Ok(Some(address.map(|address| RedisOptions {
            address: password.map_or(address.clone(), |password| address.with_password(password.reveal())),
            connect: said.redis_connect.value,
            licence_ttl: said.licence_ttl.value,
            entitlement_ttl: said.entitlement_ttl.value,
        })))
    }
}

fn shown(flag: &str) -> EdgeError {
    EdgeError::Usage(format!(
        "{flag} holds a password, which the list of processes shows to everybody: leave it out and give {flag}-password-file"
    ))
}

fn password(file: Option<&PathBuf>, said: &brink_environment::Secret) -> Result<Option<Secret>, EdgeError> {
    match file {
        Some(file) => Ok(Some(secret::read_password(file)?)),
        None if said.is_empty() => Ok(None),
        None => Ok(Some(Secret::new(said.reveal()))),
    }
}

/// The address that the variables come to, or why it is none.
fn url_of(host: &str, said: &Mirrored) -> Result<DatabaseUrl, String> {
    // The driver's own words would be about parts that nobody wrote.
    if !host.starts_with('/') && host.contains(['/', '?', '@', '#']) {
        return Err("POSTGRES_HOST is no host: it has a character that only a URL has".to_owned());
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let host = match host {
        path if path.starts_with('/') => encoded(path),
        v6 if v6.contains(':') && !v6.starts_with('[') => format!("[{v6}]"),
        name => name.to_owned(),
    };
    let (user, database) = (encoded(&said.postgres_user.value), encoded(&said.postgres_database.value));
    let url = format!("postgres://{user}@{host}:{}/{database}", said.postgres_port.value);
    url.parse().map_err(|error: UrlError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        mirrors: MirrorArguments,
    }

    fn options(flags: &[&str], variables: &[(&str, &str)]) -> Result<MirrorOptions, EdgeError> {
        let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = Environment::read(pairs, None, true);
        let line = Line::try_parse_from(["run"].iter().chain(flags)).unwrap();
        line.mirrors.options(&environment)
    }

    #[test]
    fn nobody_who_named_no_server_has_a_mirror() {
        for variables in [
            &[][..],
            &[
                ("POSTGRES_PASSWORD", "pw-1"),
                ("REDIS_PASSWORD", "pw-2"),
                ("POSTGRES_PORT", "5433"),
                ("REDIS_PORT", "1"),
            ],
        ] {
            let none = options(&[], variables).unwrap();
            assert!(none.postgres.is_none() && none.redis.is_none());
        }
    }

    #[test]
    fn a_host_that_was_named_is_one_and_flags_go_before_it() {
        let variables = [
            ("POSTGRES_HOST", "127.0.0.1"),
            ("POSTGRES_PORT", "5433"),
            ("POSTGRES_USER", "a b"),
            ("POSTGRES_PASSWORD", "pw-1"),
            ("POSTGRES_POOL_SIZE", "3"),
            ("REDIS_HOST", "localhost"),
            ("REDIS_PASSWORD", "pw-2"),
            ("LICENSE_CACHE_TTL_SECONDS", "60"),
        ];
        let said = options(&[], &variables).unwrap();
        let (postgres, redis) = (said.postgres.unwrap().unwrap(), said.redis.unwrap().unwrap());
        assert_eq!(postgres.url.config().get_user(), Some("a b"));
        assert_eq!(postgres.url.config().get_ports(), [5433]);
        assert_eq!((postgres.connections, postgres.url.has_password()), (3, true));
        assert!(redis.address.has_password() && !format!("{postgres:?} {redis:?}").contains("pw-"));
        assert_eq!((redis.licence_ttl.as_secs(), redis.entitlement_ttl.as_secs()), (60, 300));
        let flags = [
            "--mirror-postgres",
            "postgres://brink@localhost/edge",
            "--mirror-redis",
            "unix:///run/r",
            "--mirror-usage-days",
            "90",
        ];
        let given = options(&flags, &variables).unwrap();
        let postgres = given.postgres.unwrap().unwrap();
        assert_eq!(postgres.url.config().get_dbname(), Some("edge"));
        assert_eq!(postgres.retention.tables(), [("usage_events", 90)]);
        assert_eq!(given.redis.unwrap().unwrap().address.to_string(), "unix:///run/r");
        let socket = options(&[], &[("POSTGRES_HOST", "/var/run/postgresql")]).unwrap();
        assert!(socket.postgres.unwrap().is_ok());
    }

    #[test]
    fn nothing_is_copied_where_somebody_says_so() {
        let variables = [("POSTGRES_HOST", "localhost"), ("REDIS_HOST", "localhost")];
        assert!(options(&[], &variables).unwrap().postgres.is_some());
        let none = options(&["--no-mirrors"], &variables).unwrap();
        assert!(none.postgres.is_none() && none.redis.is_none());
        let both = ["run", "--no-mirrors", "--mirror-redis", "redis://localhost"];
        assert!(Line::try_parse_from(both).is_err());
    }

    #[test]
    fn a_redis_elsewhere_is_no_reason_not_to_start_and_a_password_on_the_line_is() {
        assert!(options(&[], &[("REDIS_HOST", "tapi-redis")]).unwrap().redis.unwrap().is_err());
        for flags in [
            ["--mirror-postgres", "postgres://brink:pw@localhost/edge"],
            ["--mirror-redis", "redis://:pw@localhost"],
        ] {
            let refused = options(&flags, &[]).unwrap_err();
            assert_eq!((refused.code().as_ref(), refused.exit_code()), ("USAGE", 2));
            assert!(!refused.to_string().contains("pw"), "{refused}");
        }
        for flags in [
            ["--mirror-redis", "redis://:pw@10.0.0.7"],
            ["--mirror-postgres", "postgres://brink:pw@[bad/edge"],
        ] {
            let refused = options(&flags, &[]).unwrap_err();
            assert!(refused.exit_code() == 2 && !refused.to_string().contains("pw"), "{refused}");
        }
        assert!(Line::try_parse_from(["run", "--mirror-redis-password-file", "f"]).is_err());
    }

    #[test]
    fn variables_that_come_to_no_postgres_are_no_reason_not_to_start_and_a_flag_is() {
        for host in ["postgres://db", "postgres://brink:secret@db", "db?x=1", "db/edge", "[::1"] {
            let why = options(&[], &[("POSTGRES_HOST", host)]).unwrap().postgres.unwrap().unwrap_err();
            assert!(!why.contains("secret"), "{host}: {why}");
        }
        let flags = ["--mirror-postgres", "postgres://brink@localhost/edge?x=1"];
        let refused = options(&flags, &[("POSTGRES_HOST", "db")]).unwrap_err();
        assert_eq!((refused.code().as_ref(), refused.exit_code()), ("DATABASE_URL", 2));
        let flags = [
            "--mirror-postgres",
            "postgres://brink@localhost/edge",
            "--mirror-postgres-password-file",
            "/nowhere/pw",
        ];
        assert!(options(&flags, &[]).is_err());
    }

    #[test]
    fn a_password_comes_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw");
        std::fs::write(&path, "from-file\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let path = path.to_str().unwrap();
        let flags =
            ["--mirror-postgres", "postgres://brink@localhost/edge", "--mirror-postgres-password-file", path];
        let given = options(&flags, &[("POSTGRES_PASSWORD", "pw-1")]).unwrap().postgres.unwrap().unwrap();
        assert_eq!(given.url.config().get_password(), Some(&b"from-file"[..]));
    }
}
