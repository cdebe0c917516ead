//! Looking after issuers that serve: their pages, their logs, and restarting one after the other under load.

use super::{Scene, TENANT};
use brink_issuer::config::DataDir;
use brink_license::usage::Quantity;
use brink_tests::{Device, Issuer, Running, settlement_sim::sums_at, until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// An issuer that serves, with the pages of operators.
pub(super) struct Watched {
    pub(super) server: Running,
    pub(super) url: String,
    pub(super) ops: String,
}

impl Watched {
    pub(super) fn serve(issuer: &Issuer, rest: &[&str]) -> Watched {
        let ops = ["--ops-listen", "127.0.0.1:0"];
        let (mut server, url) = issuer.serve_with(&[&ops[..], rest].concat());
        let ops = server.announced("ops on http://");
        Watched { server, url, ops }
    }
}

/// Status and body of a page; 0 where nobody listens.
fn page(address: &str, path: &str) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(address) else { return (0, String::new()) };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).is_err() || stream.read_to_string(&mut answer).is_err() {
        return (0, answer);
    }
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

pub(super) fn ready(ops: &str) -> (u16, String) {
    page(ops, "/readyz")
}

/// The processes that serve, as a balancer knows them.
type Balanced = Arc<Mutex<Vec<Option<(String, String)>>>>;

/// An address to send to: one that is ready, as it was last looked.
fn pick(balanced: &Balanced, turn: u64) -> Option<String> {
    let known: Vec<_> = balanced.lock().unwrap().iter().flatten().cloned().collect();
    let ready: Vec<_> = known.into_iter().filter(|(_, ops)| ready(ops).0 == 200).collect();
    let turn = usize::try_from(turn).unwrap() % ready.len().max(1);
    ready.get(turn).map(|(url, _)| url.clone())
}

/// What the devices of a load came to.
#[derive(Default)]
struct Load {
    ending: AtomicBool,
    exchanges: AtomicU64,
    closed_doors: AtomicU64,
}

/// Records and exchanges until it is told to end, and once more. Answers how much it recorded.
fn go_on(device: &Device, balanced: &Balanced, load: &Load) -> u64 {
    let (mut recorded, mut turn) = (0, 0);
    loop {
        let last = load.ending.load(Ordering::Acquire);
        device.run(&["usage", "record", "--meter", "sms", "--quantity", "1"]).ok();
        recorded += 1;
        loop {
            turn += 1;
            let Some(url) = pick(balanced, turn) else { continue };
            let ran = device.run(&["exchange", "--issuer", &url, "--json"]);
            if ran.code == Some(0) {
                load.exchanges.fetch_add(1, Ordering::AcqRel);
                break;
            }
            // A door that was closed between the look and the knock is the one thing that may go wrong.
            let ran = ran.coded(1).says("ISSUER_UNREACHABLE");
            assert!(ran.stderr.contains("refused") || ran.stderr.contains("reset"), "{ran}");
            load.closed_doors.fetch_add(1, Ordering::AcqRel);
        }
        if last {
            return recorded;
        }
    }
}

/// Restarts the process at `place` as a service manager does, while the other one goes on.
fn restart(issuer: &Issuer, (serving, balanced): (&mut Vec<Watched>, &Balanced), place: usize) {
    let Watched { server, ops, url } = serving.remove(place);
    let ending = std::thread::spawn(move || server.stop());
    until("readiness says no at once", || {
        let (status, report) = ready(&ops);
        status == 503 && report.contains("DRAINING")
    });
    assert_eq!(page(&ops, "/livez").0, 200, "it lives on while it drains");
    let door = url.strip_prefix("http://").unwrap();
    assert_eq!(page(door, "/healthz").0, 200, "and serves whoever has not noticed");
    assert_eq!(ending.join().unwrap().code(), Some(0));
    balanced.lock().unwrap()[place] = None;
    let anew = Watched::serve(issuer, &["--drain-grace-seconds", "1"]);
    balanced.lock().unwrap()[place] = Some((anew.url.clone(), anew.ops.clone()));
    serving.insert(place, anew);
}

#[test]
fn two_processes_on_one_database_are_restarted_in_turn_under_load_and_nothing_is_lost() {
    const DEVICES: usize = 4;
    let mut scene = Scene::offered(100);
    scene.stop_issuer();
    let grace = ["--drain-grace-seconds", "1"];
    let mut serving = vec![Watched::serve(&scene.issuer, &grace), Watched::serve(&scene.issuer, &grace)];
    let known = serving.iter().map(|one| Some((one.url.clone(), one.ops.clone()))).collect();
    let balanced: Balanced = Arc::new(Mutex::new(known));
    let devices: Vec<_> =
        (0..DEVICES).map(|at| scene.world.device(&format!("d{at}"), &scene.issuer)).collect();
    for (at, device) in devices.iter().enumerate() {
        let offer = scene.issuer.offer(TENANT);
        device.activate(&serving[at % 2].url, &offer.code).ok();
    }
    let load = Arc::new(Load::default());
    let recorded: u64 = std::thread::scope(|scope| {
        let running: Vec<_> =
            devices.iter().map(|device| scope.spawn(|| go_on(device, &balanced, &load))).collect();
        for round in 0..4 {
            let before = load.exchanges.load(Ordering::Acquire);
            until("devices exchange", || load.exchanges.load(Ordering::Acquire) >= before + 4);
            restart(&scene.issuer, (&mut serving, &balanced), round % 2);
        }
        load.ending.store(true, Ordering::Release);
        running.into_iter().map(|device| device.join().unwrap()).sum()
    });
    let sums = sums_at(&DataDir::new(scene.issuer.data())).unwrap();
    let settled = Quantity::try_from(sums.get("sms").copied().unwrap_or_default()).unwrap();
    assert_eq!(settled, Quantity::whole(recorded));
    for device in &devices {
        assert_eq!(device.status()["usage"]["backlog"], 0);
    }
    let (status, metrics) = page(&serving[0].ops, "/metrics");
    assert_eq!(status, 200);
    assert!(!metrics.contains("INTERNAL") && !metrics.contains("CLONE_SUSPECTED"), "{metrics}");
    assert!(load.exchanges.load(Ordering::Acquire) > 20);
    // Whoever looks before knocking seldom finds a closed door.
    assert!(load.closed_doors.load(Ordering::Acquire) <= 4);
    for one in serving {
        assert_eq!(one.server.stop().code(), Some(0));
    }
}

#[test]
fn pages_of_operators_stay_on_this_machine_unless_somebody_says_why() {
    let scene = Scene::offered(10);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:0"];
    for open in [&[][..], &["--ops-open", " "]] {
        scene.issuer.run(&[&serve[..], open].concat()).coded(2).says("--ops-open REASON");
    }
    scene
        .issuer
        .run(&["serve", "--listen", "127.0.0.1:0", "--drain-grace-seconds", "301"])
        .coded(2)
        .says("0 to 300");
    let arguments = ["--ops-listen", "0.0.0.0:0", "--ops-open", "probed by the cluster"];
    let (mut server, _) = scene.issuer.serve_with(&arguments);
    let port = server.announced("ops on http://0.0.0.0:");
    assert_eq!(ready(&format!("127.0.0.1:{port}")).0, 200);
    assert!(server.log().contains("probed by the cluster"));
}

#[test]
fn every_request_has_one_line_of_json_with_its_id_its_status_and_its_code() {
    let mut scene = Scene::offered(10);
    scene.stop_issuer();
    let mut watched = Watched::serve(&scene.issuer, &["--log-json", "--drain-grace-seconds", "0"]);
    scene.device.activate(&watched.url, "00000-00000-00000-00000-00000-0").coded(1);
    scene.device.activate(&watched.url, &scene.offer.code).ok();
    scene.device.exchange().ok();
    let door = watched.url.strip_prefix("http://").unwrap().to_owned();
    let (status, problem) = page(&door, "/v1/nothing?secret=of-somebody");
    let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (404, &"NOT_FOUND".into()));
    assert_eq!(page(&watched.ops, "/livez").0, 200);
    let log = watched.server.log();
    assert!(watched.server.is_alive());
    // What the issuer before said, in words, stands in the same file.
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<_> = lines.iter().filter(|line| line["fields"]["message"] == "answered").collect();
    let seen: Vec<_> = answered
        .iter()
        .map(|line| {
            assert!(line["fields"]["latency_ms"].is_number() && line["span"]["id"].is_string(), "{line}");
            let (span, fields) = (&line["span"], &line["fields"]);
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (text(&span["path"]), fields["status"].as_u64().unwrap(), text(&fields["code"]))
        })
        .collect();
    let expected = [
        ("/v1/activate", 403, "CODE_UNKNOWN"),
        ("/v1/activate", 200, "OK"),
        ("/v1/exchange", 200, "OK"),
        ("/v1/nothing", 404, "NOT_FOUND"),
    ];
    let expected = expected.map(|(path, status, code)| (path.to_owned(), status, code.to_owned()));
    assert_eq!(seen, expected, "{log}");
    let instance = format!("urn:uuid:{}", answered[3]["span"]["id"].as_str().unwrap());
    assert_eq!(problem["instance"], instance);
    let minted = lines.iter().find(|line| line["fields"]["message"] == "minting a licence").unwrap();
    assert_eq!(minted["span"]["id"], answered[1]["span"]["id"], "what is done for a request has its id");
    for secret in [scene.offer.code.as_str(), "of-somebody", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert_eq!(watched.server.stop().code(), Some(0));
}
