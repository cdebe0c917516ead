//! The real program: it serves, logs without secrets, and ends on a signal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test relies on may fail it")]

use brink_license::exchange::{
    ACTIVATE_PATH, ClientReport, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, body_sha256,
};
use brink_license::token::RequestClaims;
use brink_license::{DeviceId, Typ};
use brink_signing::{DeviceKey, Signer, sign_document};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_brink-issuer");

fn run(data: &Path, line: &str) -> Output {
    Command::new(PROGRAM).args(line.split_whitespace()).arg("--data").arg(data).output().unwrap()
}

fn said(data: &Path, line: &str) -> serde_json::Value {
    let output = run(data, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A serving issuer, killed if a test fails.
struct Serving(Child, String);

impl Serving {
    fn start(data: &Path, log: &Path, rest: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(format!("serve --listen 127.0.0.1:0 --log trace {rest}").split_whitespace())
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        Self(child, address.to_owned())
    }

    fn post(&self, path: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer.split_off(end + 4))
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn activation(folder: &Path, issuer: &str, code: &str) -> Vec<u8> {
    let kind = RequestKind::Activate { code: code.to_owned() };
    let body =
        RequestBody { kind, report: ClientReport::default(), last_receipt: None, sections: Vec::new() };
    activation_with(folder, issuer, body.encode().unwrap())
}

/// An activation with whatever body, soundly signed by a key that nobody knows.
fn activation_with(folder: &Path, issuer: &str, body: Vec<u8>) -> Vec<u8> {
    let key = DeviceKey::create(folder.join("device.key")).unwrap();
    let claims = RequestClaims {
        ver: 1,
        iss: issuer.parse().unwrap(),
        htm: "POST".into(),
        htu: ACTIVATE_PATH.into(),
        bh: body_sha256(&body),
        dev: DeviceId::parse(&key.kid().to_string()).unwrap(),
        epoch: 0,
        ctr: 1,
        nonce: [3; 32],
    };
    let proof = sign_document(&key, Typ::Request, &claims.to_json_bytes().unwrap()).unwrap();
    let device_key = *key.public_key().as_bytes();
    ExchangeRequest { proof, device_key, ratchet_mac: None, body }.encode().unwrap()
}

#[test]
fn it_serves_logs_without_secrets_survives_a_kill_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    let passphrase = folder.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let unlock = format!("--passphrase-file {}", passphrase.display());
    said(&data, &format!("init --issuer acme {unlock}"));
    said(&data, "tenant create --id tenant-123 --name Acme");
    said(&data, "subscription set --tenant tenant-123 --cameras 100");
    let made = said(&data, "device code --tenant tenant-123");
    let (code, device) = (made["code"].as_str().unwrap(), made["device"].as_str().unwrap());
    let request = activation(folder.path(), "acme", code);

    let logs = ["one.log", "two.log"].map(|name| folder.path().join(name));
    let mut serving = Serving::start(&data, &logs[0], &unlock);
    let (head, answer) = serving.post(ACTIVATE_PATH, &request);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let response = ExchangeResponse::decode(&answer).unwrap();
    assert_eq!(serving.signal(Signal::KILL), None);

    let mut serving = Serving::start(&data, &logs[1], &format!("{unlock} --log-json"));
    assert_eq!(serving.post(ACTIVATE_PATH, &request).1, answer, "the same bytes after a kill");
    let (head, problem) = serving.post(ACTIVATE_PATH, b"garbage");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!(serving.signal(Signal::TERM), Some(0));

    let shown = said(&data, &format!("license show --device {device} --token"));
    assert_eq!(shown["minted"]["token"].as_str(), response.licence.as_deref());
    let mut seen = String::from_utf8_lossy(&problem).into_owned();
    logs.iter().for_each(|log| seen.push_str(&fs::read_to_string(log).unwrap()));
    assert!(seen.contains("/v1/activate") && seen.contains("MALFORMED"), "something was logged: {seen}");
    let folded = code.replace('-', "");
    for secret in [code, &folded, "correct horse", "eyJ", response.licence.as_deref().unwrap()] {
        assert!(!seen.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn guessing_codes_is_slowed_down_and_stops_no_right_one() {
    /// What the issuer takes from everybody together in a minute before it slows down.
    const WRONG_CODES_MAX: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    said(&data, "init --issuer dev-acme --dev");
    said(&data, "tenant create --id tenant-123 --name Acme");
    said(&data, "subscription set --tenant tenant-123 --cameras 10");
    let code = said(&data, "device code --tenant tenant-123")["code"].as_str().unwrap().to_owned();
    let log = folder.path().join("log");
    let serving = Serving::start(&data, &log, "");
    let own = |name: &str| {
        let own = folder.path().join(name);
        fs::create_dir(&own).unwrap();
        own
    };
    let (guess, right, late) = (
        own("guesser"),
        activation(&own("right"), "dev-acme", &code),
        activation(&own("late"), "dev-acme", &code),
    );
    let guess = activation(&guess, "dev-acme", "00000-00000-00000-00000-00000-0");
    let heads: Vec<_> = (0..2 * WRONG_CODES_MAX + 2).map(|_| serving.post(ACTIVATE_PATH, &guess).0).collect();
    assert!(heads[0].starts_with("HTTP/1.1 403"), "{}", heads[0]);
    // The window may end meanwhile and another begin, so there are enough for either.
    let slowed: Vec<_> = heads.iter().filter(|head| head.starts_with("HTTP/1.1 429")).collect();
    assert!(!slowed.is_empty(), "{heads:?}");
    assert!(slowed[0].to_lowercase().contains("retry-after: "), "{}", slowed[0]);
    assert!(serving.post(ACTIVATE_PATH, &right).0.starts_with("HTTP/1.1 200"));
    let (head, problem) = serving.post(ACTIVATE_PATH, &late);
    assert!(head.starts_with("HTTP/1.1 409"), "{head} {}", String::from_utf8_lossy(&problem));
    assert!(String::from_utf8_lossy(&problem).contains("CODE_SPENT"));
}

#[test]
fn what_people_write_is_kept_as_they_wrote_it() {
    const TRICKY: &str = "'; DROP TABLE devices; --\" %_\\ /* ?1 :x @y $z";
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    said(&data, "init --issuer dev-acme --dev");
    let told = |arguments: &[&str]| {
        let output =
            Command::new(PROGRAM).args(arguments).arg("--json").arg("--data").arg(&data).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let made = told(&["tenant", "create", "--id", TRICKY, "--name", TRICKY]);
    assert_eq!((&made["id"], &made["name"]), (&TRICKY.into(), &TRICKY.into()));
    told(&["subscription", "set", "--tenant", TRICKY, "--cameras", "10"]);
    told(&["tenant", "policy", "--tenant", TRICKY, "--clones", "suspend"]);
    let code = told(&["device", "code", "--tenant", TRICKY]);
    let device = code["device"].as_str().unwrap();
    told(&["camera", "assign", "--device", device, "--camera", TRICKY]);
    let request = folder.path().join("request");
    fs::write(&request, activation(folder.path(), "dev-acme", code["code"].as_str().unwrap())).unwrap();
    let (asked, answered) = (request.to_str().unwrap(), folder.path().join("answer"));
    told(&["exchange", "--in", asked, "--out", answered.to_str().unwrap()]);
    told(&["license", "suspend", "--device", device, "--reason", TRICKY]);
    told(&["license", "resume", "--device", device]);
    told(&["device", "reactivate", "--device", device, "--reason", TRICKY, "--by", TRICKY]);
    let seen = told(&["device", "evidence", "--device", device]);
    let lines = seen["evidence"].as_array().unwrap();
    let reasons: Vec<_> = lines.iter().map(|line| &line["detail"]["reason"]).collect();
    assert_eq!(reasons, [&TRICKY.into(), &serde_json::Value::Null, &TRICKY.into()], "{seen:#}");
    assert_eq!(lines[0]["detail"]["by"], TRICKY);
    let shown = told(&["tenant", "list"]);
    assert_eq!(
        (&shown["tenants"][0]["id"], &shown["tenants"][0]["clones"]),
        (&TRICKY.into(), &"suspend".into())
    );
    let retired = told(&["device", "retire", "--device", device, "--reason", TRICKY]);
    assert_eq!(retired["cameras"], serde_json::json!([TRICKY]));
    assert_eq!(told(&["device", "list", "--tenant", TRICKY])["devices"][0]["status"], "retired");
    for unknown in [&["license", "show", "--device", TRICKY][..], &["device", "evidence", "--device", TRICKY]]
    {
        let output = Command::new(PROGRAM).args(unknown).arg("--data").arg(&data).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("unknown device"));
    }
}

#[test]
fn a_keyset_and_a_database_that_do_not_fit_refuse_to_serve() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    let refused = run(&data, "serve --listen 127.0.0.1:0");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("brink-issuer init"));
    said(&data, "init --issuer dev-acme --dev");
    fs::set_permissions(data.join("keys/receipt-1.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = run(&data, "serve --listen 127.0.0.1:0");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("receipt-1.key") && words.contains("chmod 600"), "{words}");
}

/// The most memory that a process has had at once, in bytes.
fn peak_bytes(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Largest block of a zstd frame (RFC 8878 section 3.1.1.2.4).
const BLOCK_BYTES_MAX: u32 = 128 * 1024;

/// A body that inflates to `front`, a list that says it has `count` elements, and `zeros` of them and what follows. Written
/// by hand, because an encoder would not be as mean: a frame without a checksum, one raw block, and runs of zeros.
fn bomb(front: &[u8], count: u32, mut zeros: u32) -> Vec<u8> {
    let mut plain = front.to_vec();
    let mut left = count;
    while left >= 0x80 {
        plain.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    plain.push(u8::try_from(left).unwrap());
    // The body's version, the frame's magic, no options, a window of 128 KiB.
    let mut body = vec![1, 0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    let block = |last: bool, kind: u32, size: u32| (u32::from(last) | kind << 1 | size << 3).to_le_bytes();
    body.extend_from_slice(&block(false, 0, plain.len().try_into().unwrap())[..3]);
    body.extend_from_slice(&plain);
    while zeros > 0 {
        let run = zeros.min(BLOCK_BYTES_MAX);
        zeros -= run;
        body.extend_from_slice(&block(zeros == 0, 1, run)[..3]);
        body.push(0);
    }
    assert!(body.len() < 2048, "{} bytes", body.len());
    body
}

#[test]
fn bombs_of_a_kilobyte_cost_the_serving_process_little() {
    /// What refusing them may add: buffers of a few requests, and far below what one of them would inflate to.
    const PEAK_GROWTH_BYTES_MAX: u64 = 8 * 1024 * 1024;
    // Beyond what an activation may inflate to, and within it.
    const MANY: u32 = 15_000_000;
    const SOME: u32 = 60_000;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    said(&data, "init --issuer dev-acme --dev");
    let serving = Serving::start(&data, &folder.path().join("log"), "");
    let plain = activation(folder.path(), "dev-acme", "AAAAA");
    assert!(serving.post(ACTIVATE_PATH, &plain).0.starts_with("HTTP/1.1 403"));
    let before = peak_bytes(&serving.0);
    // `Activate`, no code, three numbers of the report; then its flags. Or an empty report and no receipt; then sections,
    // each of which is a kind and its bytes.
    let (flags, sections) = ([0; 5], [0; 9]);
    let bombs = [
        (bomb(&flags, MANY, MANY + 4), "413"),
        (bomb(&flags, SOME, SOME + 4), "400"),
        (bomb(&sections, MANY / 2, MANY), "413"),
        (bomb(&sections, SOME / 2, SOME), "400"),
    ];
    let answers = bombs.into_iter().enumerate().map(|(number, (body, status))| {
        let own = folder.path().join(number.to_string());
        fs::create_dir(&own).unwrap();
        (serving.post(ACTIVATE_PATH, &activation_with(&own, "dev-acme", body)), status)
    });
    let answers: Vec<_> = answers.collect();
    let growth = peak_bytes(&serving.0) - before;
    assert!(growth < PEAK_GROWTH_BYTES_MAX, "refusing them took {growth} bytes more than a plain request");
    for ((head, problem), status) in answers {
        let problem = String::from_utf8_lossy(&problem);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head} {problem}");
    }
}

#[test]
fn the_admin_api_has_a_listener_of_its_own_and_its_keys_are_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("d"), folder.path().join("log"));
    let key = said(&data, "init --issuer dev-acme --dev")["admin_key"].as_str().unwrap().to_owned();
    let serve = "serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log trace";
    let mut child = Command::new(PROGRAM)
        .args(serve.split_whitespace())
        .arg("--data")
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut address = |said: &str| {
        let line = lines.next().unwrap();
        line.strip_prefix(said).unwrap_or_else(|| panic!("{line:?}")).to_owned()
    };
    let (devices, admins) = (address("listening on http://"), address("admin API on http://"));
    let mut serving = Serving(child, admins.clone());
    let status = |address: &str, line: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "Host: x\r\nConnection: close\r\nContent-Length: 0";
        write!(stream, "{line} HTTP/1.1\r\n{head}\r\nAuthorization: Bearer {key}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(&admins, "GET /v1/admin/self"), "200");
    assert_eq!(status(&admins, "GET /v1/admin/self?key=secret-of-a-query"), "400");
    assert_eq!(status(&devices, "GET /v1/admin/self"), "404");
    assert_eq!(status(&admins, &format!("POST {ACTIVATE_PATH}")), "404");
    assert_eq!(serving.signal(Signal::TERM), Some(0));
    let log = fs::read_to_string(&log).unwrap();
    assert!(
        log.contains("/v1/admin/self") && !log.contains(&key[17..]) && !log.contains("secret-of-a-query")
    );
}
