//! Usage on its way to the issuer: by network and by file, through ends of either side, and after losses of either side.

use super::{Scene, TENANT};
use brink_issuer::config::DataDir;
use brink_license::usage::Quantity;
use brink_tests::{Device, settlement_sim::sums_at};
use serde_json::Value;
use std::fs;
use std::process::Stdio;

pub(super) fn record(device: &Device, meter: &str, quantity: &str) {
    device.run(&["usage", "record", "--meter", meter, "--quantity", quantity, "--resource", "cam-1"]).ok();
}

fn exchanged(device: &Device) -> Value {
    device.run(&["exchange", "--json"]).ok().json()["usage"].clone()
}

/// What the issuer's sums of a meter come to.
pub(super) fn settled(scene: &Scene, meter: &str) -> Quantity {
    let sums = sums_at(&DataDir::new(scene.issuer.data())).unwrap();
    Quantity::try_from(sums.get(meter).copied().unwrap_or_default()).unwrap()
}

pub(super) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

#[test]
fn usage_of_a_time_without_an_issuer_is_settled_when_it_returns() {
    let mut scene = Scene::activated(2);
    scene.stop_issuer();
    record(&scene.device, "sms", "1.5");
    record(&scene.device, "api_call", "3");
    scene.device.exchange().coded(1).says("UNREACHABLE");
    let status = scene.device.status();
    assert_eq!(status["usage"]["backlog"], 2, "{status}");
    assert!(status["usage"]["oldest_unsettled"].is_string(), "{status}");
    let (server, url) = scene.issuer.serve();
    (scene.server, scene.url) = (Some(server), url.clone());
    let said = scene.device.run(&["exchange", "--issuer", &url, "--json"]).ok().json()["usage"].clone();
    // The request that waited was made before the issuer returned, with everything in it.
    assert_eq!((said["batch"].as_str(), said["backlog"].as_u64()), (Some("taken"), Some(0)), "{said}");
    assert_eq!((settled(&scene, "sms"), settled(&scene, "api_call")), (quantity("1.5"), quantity("3")));
    assert_eq!(exchanged(&scene.device)["batch"], "none");
    assert_eq!(scene.device.status()["usage"]["backlog"], 0);
    scene.device.run(&["usage", "verify"]).ok();
}

#[test]
fn files_settle_like_the_network() {
    let mut scene = Scene::activated(2);
    scene.stop_issuer();
    record(&scene.device, "sms", "2");
    scene.carry();
    record(&scene.device, "sms", "3");
    scene.carry();
    assert_eq!(settled(&scene, "sms"), quantity("5"));
    assert_eq!(scene.device.status()["usage"]["backlog"], 0);
}

#[test]
fn ends_of_agent_hosts_and_issuer_at_any_moment_lose_nothing_and_count_nothing_twice() {
    let mut scene = Scene::activated(2);
    let mut recorded = 0;
    for round in 0..12 {
        let host = |_| {
            let arguments = ["usage", "record", "--meter", "sms", "--quantity", "1"];
            let mut command = scene.device.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        };
        let hosts: Vec<_> = (0..6).map(host).collect();
        let mut exchange = scene.device.command(&["exchange"]);
        let mut exchange = exchange.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Hosts end when they are done or are killed before; what counts is what they said.
        for (at, mut host) in hosts.into_iter().enumerate() {
            if at % 3 == round % 3 {
                host.kill().unwrap();
            }
            let output = host.wait_with_output().unwrap();
            recorded += u64::from(output.stdout.starts_with(b"recorded"));
        }
        if round % 2 == 0 {
            exchange.kill().unwrap();
        }
        exchange.wait().unwrap();
        if round % 4 == 1 {
            scene.server.take().unwrap().kill();
            let (server, url) = scene.issuer.serve();
            (scene.server, scene.url) = (Some(server), url);
        }
        // The address changes with every start.
        drop(scene.device.run(&["exchange", "--issuer", &scene.url]));
    }
    let said = scene.device.run(&["exchange", "--issuer", &scene.url, "--json"]).ok().json()["usage"].clone();
    assert_eq!(said["backlog"], 0, "{said}");
    let summary = scene.device.run(&["usage", "summary", "--json"]).ok().json();
    let kept = quantity(summary["activations"][0]["meters"][0]["total"].as_str().unwrap());
    assert_eq!(settled(&scene, "sms"), kept);
    // One that was killed may have recorded and not said so; none that said so is absent.
    assert!(kept >= Quantity::whole(recorded) && recorded > 20, "{kept} of {recorded}");
    scene.device.run(&["usage", "verify"]).ok();
}

#[test]
fn an_issuer_restored_from_an_earlier_copy_gets_again_what_devices_hold() {
    let mut scene = Scene::activated(2);
    record(&scene.device, "sms", "1");
    exchanged(&scene.device);
    scene.stop_issuer();
    let database = scene.issuer.data().join("issuer.db");
    let copy = scene.world.path("issuer.copy");
    fs::copy(&database, &copy).unwrap();
    let (server, url) = scene.issuer.serve();
    scene.server = Some(server);
    for quantity in ["10", "100"] {
        record(&scene.device, "sms", quantity);
        scene.device.run(&["exchange", "--issuer", &url]).ok();
    }
    assert_eq!(settled(&scene, "sms"), quantity("111"));
    scene.stop_issuer();
    fs::copy(&copy, &database).unwrap();
    let (server, url) = scene.issuer.serve();
    scene.server = Some(server);
    assert_eq!(settled(&scene, "sms"), quantity("1"));
    record(&scene.device, "sms", "1000");
    let first = scene.device.run(&["exchange", "--issuer", &url, "--json"]).ok().json()["usage"].clone();
    assert_eq!(first["batch"], "gap", "it says where it stands: {first}");
    let second = exchanged(&scene.device);
    assert_eq!((second["batch"].as_str(), second["backlog"].as_u64()), (Some("taken"), Some(0)), "{second}");
    assert_eq!(settled(&scene, "sms"), quantity("1111"));
}

#[test]
fn a_journal_that_was_put_back_or_lost_goes_on_behind_what_is_settled() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    record(device, "sms", "1");
    let journal = device.data().join("journal/journal.db");
    let copy = fs::read(&journal).unwrap();
    record(device, "sms", "2");
    exchanged(device);
    fs::write(&journal, &copy).unwrap();
    record(device, "sms", "4");
    // What hosts recorded into the copy before anybody looked is told from what is settled.
    let said = exchanged(device);
    assert_eq!((said["batch"].as_str(), said["backlog"].as_u64()), (Some("taken"), Some(0)), "{said}");
    assert_eq!(settled(&scene, "sms"), quantity("7"));
    fs::remove_file(&journal).unwrap();
    record(device, "sms", "8");
    let said = exchanged(device);
    assert_eq!((said["batch"].as_str(), said["backlog"].as_u64()), (Some("taken"), Some(0)), "{said}");
    assert_eq!(settled(&scene, "sms"), quantity("15"));
    device.run(&["usage", "verify"]).ok();
}

#[test]
fn what_an_earlier_activation_recorded_is_settled_under_it() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    record(device, "sms", "3");
    let arguments = ["device", "reactivate", "--device", &scene.offer.device, "--json"];
    let code = scene.issuer.run(&arguments).ok().json()["code"].as_str().unwrap().to_owned();
    device.run(&["activate", "--again", "--issuer", &scene.url, "--code", &code]).ok();
    record(device, "sms", "4");
    let said = exchanged(device);
    assert_eq!(said["batch"], "taken");
    let said = if said["backlog"] == 0 { said } else { exchanged(device) };
    assert_eq!(said["backlog"], 0, "{said}");
    assert_eq!(settled(&scene, "sms"), quantity("7"));
    let connection = rusqlite::Connection::open(scene.issuer.data().join("issuer.db")).unwrap();
    let cursors = "SELECT group_concat(epoch || ':' || seq || ':' || closed) FROM usage_cursors";
    let cursors: String = connection.query_row(cursors, [], |row| row.get(0)).unwrap();
    assert_eq!(cursors, "1:2:1,2:1:0");
    assert!(!TENANT.is_empty());
}

#[test]
fn a_scraper_on_the_machine_reads_the_backlog_and_nobody_else_may_ask() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    device.run(&["run", "--metrics", "0.0.0.0:0"]).coded(2).says("this machine alone");
    record(device, "sms", "1");
    let mut command = device.command(&["run", "--metrics", "127.0.0.1:0"]);
    let mut agent = brink_tests::Running::start(&mut command, device.data().with_extension("log"));
    let said = agent.announced("agent ready on ");
    let url = said.split("metrics on http://").nth(1).unwrap();
    let (address, path) = url.split_once('/').unwrap();
    let page = scrape(address, &format!("/{path}"));
    for line in [
        "brink_usage_backlog_records 1\n",
        "brink_licence_state{state=\"active\"} 1\n",
        "# TYPE brink_exchanges_total counter\n",
        "content-type: text/plain; version=0.0.4; charset=utf-8\r\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    exchanged(device);
    let page = scrape(address, "/metrics");
    assert!(page.contains("brink_usage_backlog_records 0\n"), "{page}");
    assert!(page.contains("brink_exchanges_total{result=\"accepted\"} 1\n"), "{page}");
    assert!(scrape(address, "/").starts_with("HTTP/1.1 404"));
    assert!(agent.stop().success());
}

fn scrape(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
