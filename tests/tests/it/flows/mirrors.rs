//! Copies for other programs, while their servers are there, away, frozen, emptied or another's: the device works on, and what
//! was missed is copied.

use super::{COUNTING, NEAR_MISS, Scene, TENANT};
use brink_databases::{RedisServer, Server, ask, run};
use brink_tests::{Program, Ran, Running, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A device with two cameras, and the servers beside it.
struct Mirrored {
    scene: Scene,
    postgres: Server,
    url: String,
    redis: RedisServer,
    recorded: u64,
}

impl Mirrored {
    fn new() -> Self {
        let scene = Scene::activated(5);
        scene.assign_two();
        scene.device.exchange().ok();
        let (postgres, redis) = (Server::start(), RedisServer::start());
        let url = format!("{}/postgres", postgres.url());
        let mirrored = Self { scene, postgres, url, redis, recorded: 0 };
        mirrored.migrate();
        mirrored
    }

    fn migrate(&self) {
        Ran::run(Program::Edge.path(), &["migrate", "--to", &self.url]).ok();
    }

    fn agent(&self) -> Running {
        self.scene.device.agent_with(&["--mirror-postgres", &self.url, "--mirror-redis", &self.redis.url()])
    }

    /// Records uses and asks, as if nobody copied anything.
    fn work(&mut self, uses: u64) {
        let device = &self.scene.device;
        for _ in 0..uses {
            device
                .run(&["usage", "record", "--meter", "api_call", "--quantity", "1.5", "--resource", "cam-1"])
                .ok();
            self.recorded += 1;
        }
        assert!(self.scene.is_granted("cam-1", NEAR_MISS) && self.scene.is_granted("cam-2", COUNTING));
        assert_eq!(device.status()["state"], "active");
        device.run(&["doctor", "--offline"]).ok();
    }

    /// How one mirror is, by the agent.
    fn said(&self, mirror: &str) -> Value {
        let status = self.scene.device.status();
        let all = status["mirrors"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["mirror"] == mirror).unwrap()
    }

    fn rows(&self) -> String {
        let sums = "SELECT count(*) || ' ' || coalesce(sum(quantity), 0) || ' ' || count(DISTINCT journal_seq) FROM usage_events";
        brink_databases::try_ask(&self.url, sums).map_or_else(|why| why, |rows| rows[0][0].clone().unwrap())
    }

    /// One command to the Redis, without a client's help.
    fn redis(&self, words: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.redis.port())) else {
            return String::new();
        };
        if stream.write_all(format!("{words}\r\n").as_bytes()).is_err() {
            return String::new();
        }
        let (mut reader, mut line) = (BufReader::new(stream), String::new());
        reader.read_line(&mut line).unwrap();
        let Some(length) = line.trim().strip_prefix('$').and_then(|text| text.parse::<usize>().ok()) else {
            return line.trim().to_owned();
        };
        let mut text = vec![0; length];
        reader.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Waits until both have everything that there is, once.
    fn equal(&self, agent: &mut Running) {
        // Each use is a record of its own, since each is a process of its own.
        let count = self.recorded;
        let sum = if count == 0 { "0".to_owned() } else { format!("{:.1}", count as f64 * 1.5) };
        let wanted = format!("{count} {sum} {count}");
        agent.until("PostgreSQL has every use once", || self.rows() == wanted);
        let camera = format!("license:{TENANT}:camera:cam-1");
        agent.until("Redis has the camera", || {
            self.redis(&format!("GET {camera}")).contains("\"is_valid\":true")
        });
        agent.until("the agent says so", || {
            let (rows, documents) = (self.said("postgres"), self.said("redis"));
            rows["state"] == "up" && rows["lag_records"] == 0 && documents["state"] == "up"
        });
    }
}

#[test]
fn a_server_that_is_frozen_or_killed_keeps_nobody_waiting_and_catches_up() {
    let mut mirrored = Mirrored::new();
    mirrored.work(3);
    let mut agent = mirrored.agent();
    mirrored.equal(&mut agent);
    for is_frozen in [true, false] {
        let postgres = &mut mirrored.postgres;
        if is_frozen {
            postgres.freeze()
        } else {
            postgres.stop()
        }
        mirrored.work(3);
        let postgres = &mut mirrored.postgres;
        if is_frozen {
            postgres.thaw()
        } else {
            postgres.again()
        }
        mirrored.equal(&mut agent);
    }
    for is_frozen in [true, false] {
        let redis = &mut mirrored.redis;
        if is_frozen {
            redis.freeze()
        } else {
            redis.stop()
        }
        mirrored.work(1);
        agent.until("the agent notices", || mirrored.said("redis")["state"] == "down");
        let redis = &mut mirrored.redis;
        if is_frozen {
            redis.thaw()
        } else {
            redis.again()
        }
        mirrored.equal(&mut agent);
    }
    assert!(agent.stop().success());
}

#[test]
fn servers_that_are_emptied_or_of_another_version_are_said_and_filled_again() {
    let mut mirrored = Mirrored::new();
    mirrored.work(4);
    let mut agent = mirrored.agent();
    mirrored.equal(&mut agent);
    // Whoever refreshes a view at this moment may be the one who is let through.
    let wipe = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    until("the tables are gone", || brink_databases::try_ask(&mirrored.url, wipe).is_ok());
    assert_eq!(mirrored.redis("FLUSHALL"), "+OK");
    mirrored.work(2);
    agent.until("the agent says what is missing", || {
        mirrored.said("postgres")["code"] == "DATABASE_NO_SCHEMA"
    });
    let said = mirrored.said("postgres");
    assert_eq!(
        (said["state"].as_str(), said["mend"].as_str()),
        (Some("refused"), Some("run brink-edge migrate"))
    );
    let doctor = mirrored.scene.device.run(&["doctor", "--offline"]).ok();
    assert!(doctor.stdout.contains("DATABASE_NO_SCHEMA"), "{doctor}");
    mirrored.migrate();
    mirrored.equal(&mut agent);
    run(
        &mirrored.url,
        "INSERT INTO brink_schema_history SELECT 99, 'later', applied_on, '1' FROM brink_schema_history LIMIT 1;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brink-edge mirror'",
    );
    mirrored.work(2);
    agent.until("a later program's tables are left alone", || {
        mirrored.said("postgres")["code"] == "DATABASE_SCHEMA_NEWER"
    });
    run(&mirrored.url, "DELETE FROM brink_schema_history WHERE version = 99");
    mirrored.equal(&mut agent);
    let text = mirrored.scene.device.run(&["status"]).ok();
    assert!(
        text.stdout.contains("mirror:    postgres up") && text.stdout.contains("everything is copied"),
        "{text}"
    );
    assert!(agent.stop().success());
}

#[test]
fn an_agent_that_is_killed_again_and_again_copies_nothing_twice() {
    let mut mirrored = Mirrored::new();
    for _ in 0..5 {
        mirrored.work(4);
        let before = mirrored.rows();
        let mut agent = mirrored.agent();
        agent.until("it has begun to copy", || mirrored.rows() != before);
        agent.kill();
    }
    let mut agent = mirrored.agent();
    mirrored.equal(&mut agent);
    let open = "SELECT count(*) FROM usage_events WHERE NOT synced_to_billing";
    mirrored.scene.device.exchange().ok();
    agent.until("what the issuer has is marked", || ask(&mirrored.url, open)[0][0].as_deref() == Some("0"));
    assert!(agent.stop().success());
}

#[test]
fn a_licence_that_is_taken_back_is_taken_back_for_readers() {
    let mirrored = Mirrored::new();
    let mut agent = mirrored.agent();
    mirrored.equal(&mut agent);
    let camera = format!(
        "SELECT is_valid || ' ' || license_mode || ' ' || enabled_growth_packs FROM get_camera_license_status('{TENANT}', 'cam-1')"
    );
    assert_eq!(ask(&mirrored.url, &camera)[0][0].as_deref(), Some(r#"true base ["advanced_analytics"]"#));
    mirrored.scene.issuer.run(&["license", "suspend", "--device", &mirrored.scene.offer.device]).ok();
    mirrored.scene.device.exchange().ok();
    agent.until("no row says that it is valid", || {
        ask(&mirrored.url, &camera)
            .first()
            .is_some_and(|row| row[0].as_deref() == Some("false unlicensed []"))
    });
    // Whoever writes into a copy has a copy that says so, until the next look at it, and no camera that runs.
    run(
        &mirrored.url,
        "UPDATE camera_licenses SET is_valid = true, license_mode = 'base', cached_until = 'infinity'",
    );
    assert!(!mirrored.scene.is_granted("cam-1", NEAR_MISS));
    let key = format!("GET license:{TENANT}:camera:cam-1");
    agent.until("no document says so", || mirrored.redis(&key).contains("\"is_valid\":false"));
    assert!(agent.stop().success());
}

#[test]
fn a_file_of_variables_switches_mirrors_on_and_a_server_that_is_not_there_keeps_no_agent_from_starting() {
    let scene = Scene::activated(1);
    let file = scene.world.path("env");
    let lines = "POSTGRES_HOST=127.0.0.1\nPOSTGRES_PORT=1\nPOSTGRES_PASSWORD=pw-1\nREDIS_HOST=tapi-redis\n";
    std::fs::write(&file, lines).unwrap();
    let mut agent = scene.device.agent_with(&["--env-file", file.to_str().unwrap()]);
    let said = |name: &str| {
        let status = scene.device.status();
        let all = status["mirrors"].as_array().unwrap().clone();
        all.into_iter()
            .find(|one| one["mirror"] == name)
            .map(|one| format!("{} {}", one["state"], one["code"]))
    };
    agent.until("both are said", || {
        said("postgres").as_deref() == Some(r#""down" "DATABASE_UNAVAILABLE""#)
            && said("redis").as_deref() == Some(r#""refused" "REDIS_ADDRESS""#)
    });
    assert!(!agent.log().contains("pw-1"));
    assert!(agent.stop().success());
    let agent = scene.device.agent();
    assert_eq!(scene.device.status()["mirrors"], serde_json::json!([]), "nobody asked for any");
    assert!(agent.stop().success());
}
