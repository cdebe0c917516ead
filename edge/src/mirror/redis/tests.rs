use super::super::tests::Scene;
use super::*;
use crate::exchange::test_issuer::DAY;
use brink_databases::RedisServer;
use serde_json::Value;

/// Waits for what the server says.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn options(url: &str) -> RedisOptions {
    RedisOptions {
        address: url.parse().unwrap(),
        connect: Duration::from_secs(1),
        licence_ttl: Duration::from_secs(3600),
        entitlement_ttl: Duration::from_secs(300),
    }
}

fn mirror(server: &RedisServer) -> RedisMirror {
    RedisMirror::new(&options(&server.url()), "run-1".to_owned()).unwrap()
}

async fn asked<T: ::redis::FromRedisValue>(server: &RedisServer, words: &[&str]) -> T {
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query_async(&mut connection).await.unwrap()
}

async fn document(server: &RedisServer, key: &str) -> Value {
    let text: Option<String> = asked(server, &["GET", key]).await;
    text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
}

async fn keys(server: &RedisServer) -> usize {
    asked(server, &["DBSIZE"]).await
}

/// Licence, packs, three cameras, three features, and the two names of the mirror's own.
const KEYS: usize = 1 + 1 + 3 + 3 + 2;

#[test]
fn a_licence_is_documents_with_deadlines_and_what_did_not_change_is_not_written() {
    let server = RedisServer::start();
    let scene = Scene::new();
    scene.record("api_call", "cam-0000", 2);
    wait(async {
        let mut mirror = mirror(&server);
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().copied, 8);
        assert_eq!(mirror.turn(&scene.seen(102)).await.unwrap().copied, 0);
        assert_eq!(keys(&server).await, KEYS);
        let camera = document(&server, "license:tenant-123:camera:cam-0001").await;
        let until = crate::exchange::test_issuer::ISSUED + 37 * DAY;
        assert_eq!(camera["version"], 1);
        assert_eq!(
            (camera["is_valid"].as_bool(), camera["license_mode"].as_str()),
            (Some(true), Some("base"))
        );
        assert_eq!(
            (camera["valid_until"].as_i64(), camera["cameras_allowed"].as_u64()),
            (Some(until), Some(3))
        );
        assert_eq!(camera["enabled_growth_packs"].as_array().unwrap().len(), 2);
        assert_eq!(document(&server, "license:tenant-123").await["is_valid"], true);
        assert_eq!(
            document(&server, "growth_packs:tenant-123").await["enabled_packs"][0],
            "advanced_analytics"
        );
        let quota = document(&server, "entitlement:tenant-123:outputs:api").await;
        assert_eq!((quota["quota_limit"].as_i64(), quota["quota_remaining"].as_i64()), (Some(100), Some(97)));
        let free = document(&server, "entitlement:tenant-123:analytics:near_miss").await;
        assert_eq!((free["quota_remaining"].as_i64(), free["is_enabled"].as_bool()), (Some(-1), Some(true)));
        let ttl: i64 = asked(&server, &["TTL", "license:tenant-123:camera:cam-0001"]).await;
        assert!((3590..=3600).contains(&ttl), "{ttl}");
        let ttl: i64 = asked(&server, &["TTL", "entitlement:tenant-123:outputs:api"]).await;
        assert!((290..=300).contains(&ttl), "{ttl}");
        scene.record("api_call", "cam-0000", 1);
        assert_eq!(mirror.turn(&scene.seen(104)).await.unwrap().copied, 1, "the one that counts it");
    });
}

#[test]
fn nobody_may_believe_a_document_for_longer_than_its_licence_holds() {
    let server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&server);
        mirror.turn(&scene.seen(37 * DAY - 20)).await.unwrap();
        let ttl: i64 = asked(&server, &["TTL", "license:tenant-123:camera:cam-0001"]).await;
        assert!((1..=20).contains(&ttl), "{ttl}");
        assert_eq!(document(&server, "license:tenant-123").await["state"], "grace");
        mirror.turn(&scene.seen(37 * DAY)).await.unwrap();
        let camera = document(&server, "license:tenant-123:camera:cam-0001").await;
        assert_eq!(
            (camera["is_valid"].as_bool(), camera["license_mode"].as_str()),
            (Some(false), Some("unlicensed"))
        );
        assert_eq!(
            (camera["valid_until"].as_i64(), camera["enabled_growth_packs"].as_array().unwrap().len()),
            (Some(0), 0)
        );
    });
}

#[test]
fn keys_that_should_not_be_there_any_more_go_whoever_made_them() {
    let server = RedisServer::start();
    let mut scene = Scene::new();
    wait(async {
        mirror(&server).turn(&scene.seen(100)).await.unwrap();
        asked::<()>(&server, &["SET", "license:tenant-9", "theirs"]).await;
        scene.issuer.cameras = 1;
        scene.exchange(|parts| {
            let licence = parts.licence.as_mut().unwrap();
            licence.packs.retain(|pack, _| pack.as_str() == "base");
            licence.grants[0].packs.truncate(1);
            licence.quotas.clear();
        });
        // Another run of the agent, which knows of the keys by their list alone.
        let mut next = RedisMirror::new(&options(&server.url()), "run-2".to_owned()).unwrap();
        next.turn(&scene.seen(200)).await.unwrap();
        assert_eq!(document(&server, "license:tenant-123:camera:cam-0001").await, Value::Null);
        assert_eq!(document(&server, "license:tenant-123:camera:cam-0000").await["is_valid"], true);
        assert_eq!(keys(&server).await, KEYS - 2 - 2 + 1, "and another's stays");
    });
}

#[test]
fn what_somebody_wrote_into_the_list_of_keys_is_not_removed() {
    let server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        asked::<()>(&server, &["SET", "session:7", "theirs"]).await;
        asked::<()>(&server, &["SET", "license:tenant-123:camera:gone", "ours"]).await;
        let listed = ["SADD", "brink:dev-1:keys", "session:7", "license:tenant-123:camera:gone"];
        asked::<()>(&server, &listed).await;
        mirror(&server).turn(&scene.seen(100)).await.unwrap();
        assert_eq!(keys(&server).await, KEYS + 1);
        assert_eq!(asked::<String>(&server, &["GET", "session:7"]).await, "theirs");
        assert_eq!(
            asked::<usize>(&server, &["SCARD", "brink:dev-1:keys"]).await,
            KEYS - 2,
            "nor kept listed"
        );
    });
}

#[test]
fn a_device_that_is_another_by_now_leaves_nothing_of_the_one_before() {
    let server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&server);
        mirror.turn(&scene.seen(100)).await.unwrap();
        let (seen, mut connection) = (scene.seen(100), mirror.connected().await.unwrap());
        let owner = |device: &str| Owner { tenant: "tenant-9".to_owned(), device: device.to_owned() };
        let now = seen.now();
        let theirs = documents(&seen, &owner("dev-9"));
        mirror.copy(&mut connection, (&owner("dev-9"), theirs.clone()), now).await.unwrap();
        assert_eq!(keys(&server).await, KEYS);
        assert_eq!(document(&server, "license:tenant-123").await, Value::Null);
        assert_eq!(document(&server, "license:tenant-9").await["device_id"], "dev-9");
        assert_eq!(asked::<usize>(&server, &["EXISTS", "brink:dev-1:keys", "brink:dev-1:run"]).await, 0);
        assert_eq!(mirror.copy(&mut connection, (&owner("dev-9"), theirs), now).await.unwrap(), 0);
    });
}

#[test]
fn a_server_that_was_emptied_or_started_again_or_threw_a_key_out_is_filled_by_the_next_turn() {
    let mut server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&server);
        mirror.turn(&scene.seen(100)).await.unwrap();
        asked::<()>(&server, &["FLUSHALL"]).await;
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().copied, 8);
        assert_eq!(keys(&server).await, KEYS);
        asked::<()>(&server, &["DEL", "growth_packs:tenant-123"]).await;
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().copied, 8);
        server.stop();
        let away = mirror.turn(&scene.seen(100)).await.unwrap_err();
        assert_eq!((away.code(), away.is_refusal()), ("REDIS_UNAVAILABLE", false), "{away}");
        server.again();
        assert_eq!(mirror.turn(&scene.seen(100)).await.unwrap().copied, 8);
        assert_eq!(keys(&server).await, KEYS);
    });
}

#[test]
fn a_server_that_stands_still_is_given_up_in_time_and_taken_up_again() {
    let mut server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&server);
        mirror.turn(&scene.seen(100)).await.unwrap();
        server.freeze();
        let hung = mirror.turn(&scene.seen(100)).await.unwrap_err();
        assert!(matches!(hung.code(), "MIRROR_SILENT" | "REDIS_UNAVAILABLE") && !hung.is_refusal(), "{hung}");
        assert_eq!(mirror.lag(&scene.seen(100)), None, "what the server has nobody knows");
        server.thaw();
        mirror.turn(&scene.seen(100)).await.unwrap();
        assert_eq!(mirror.lag(&scene.seen(100)), Some(Lag::default()));
        assert_eq!(keys(&server).await, KEYS);
    });
}

#[test]
fn a_password_is_shown_and_one_that_is_wrong_is_said() {
    let server = RedisServer::with_password("correct horse");
    let scene = Scene::new();
    let turn = |address: RedisAddress| {
        let options = RedisOptions { address, ..options(&server.url()) };
        wait(async { RedisMirror::new(&options, "run-1".to_owned()).unwrap().turn(&scene.seen(100)).await })
    };
    let address: RedisAddress = server.url().parse().unwrap();
    for wrong in [address.clone(), address.clone().with_password("wrong")] {
        let denied = turn(wrong).unwrap_err();
        assert_eq!((denied.code(), denied.is_refusal()), ("REDIS_DENIED", true), "{denied}");
        assert!(!denied.to_string().contains("horse"));
    }
    assert_eq!(turn(address.with_password("correct horse")).unwrap().copied, 8);
    let socket: RedisAddress = format!("unix://{}", server.socket().display()).parse().unwrap();
    assert_eq!(turn(socket.with_password("correct horse")).unwrap().copied, 8);
}

#[test]
fn a_key_of_another_kind_is_said_to_be_anothers() {
    let server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        asked::<()>(&server, &["SET", "brink:dev-1:keys", "theirs"]).await;
        let occupied = mirror(&server).turn(&scene.seen(100)).await.unwrap_err();
        assert_eq!((occupied.code(), occupied.is_refusal()), ("REDIS_OCCUPIED", true), "{occupied}");
    });
}

#[test]
fn readers_see_all_of_a_turn_or_nothing_of_it() {
    let server = RedisServer::start();
    let scene = Scene::new();
    wait(async {
        let mut mirror = mirror(&server);
        let (valid, over) = (scene.seen(100), scene.seen(38 * DAY));
        mirror.turn(&valid).await.unwrap();
        let client = Client::open(server.url()).unwrap();
        let mut reader = client.get_multiplexed_async_connection().await.unwrap();
        let names = [
            "license:tenant-123",
            "license:tenant-123:camera:cam-0000",
            "license:tenant-123:camera:cam-0002",
        ];
        let mut seen = [0, 0];
        for turn in 0..60 {
            let look = cmd("MGET").arg(&names).to_owned();
            let next = if turn % 2 == 0 { &over } else { &valid };
            let (found, turned) =
                tokio::join!(look.query_async::<Vec<String>>(&mut reader), mirror.turn(next));
            turned.unwrap();
            let said: Vec<bool> =
                found.unwrap().iter().map(|text| text.contains("\"is_valid\":true")).collect();
            assert!(said.iter().all(|is_valid| *is_valid == said[0]), "{said:?}");
            seen[usize::from(said[0])] += 1;
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
}
