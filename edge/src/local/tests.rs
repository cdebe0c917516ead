use super::*;
use crate::agent::Event;
use crate::command::{Command, Payload, Reply};
use crate::error::EdgeError;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

/// Answers every command with its verb until the server is dropped.
fn agent(socket: &Path) -> (LocalServer, JoinHandle<usize>) {
    let (events, inbox) = channel();
    let server = LocalServer::bind(socket, None, events).unwrap();
    let answering = std::thread::spawn(move || {
        let mut count = 0;
        for event in inbox {
            if let Event::Command(command, _, reply_to) = event {
                count += 1;
                let _ = reply_to.send(Reply::done(serde_json::json!(command.verb()), "done"));
            }
        }
        count
    });
    (server, answering)
}

fn asked(socket: &Path, command: &Command) -> Reply {
    ask(socket, command, VERB_TIMEOUT).unwrap().expect("the agent answers")
}

fn short() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    (dir, socket)
}

#[test]
fn a_command_goes_in_and_its_reply_comes_out() {
    let (_dir, socket) = short();
    let (server, answering) = agent(&socket);
    assert_eq!(asked(&socket, &Command::Status).document, "status");
    let large = Command::ExchangeImport { response: Payload(vec![7; 4 * 1024 * 1024]) };
    assert_eq!(asked(&socket, &large).document, "exchange");
    drop(server);
    assert_eq!(answering.join().unwrap(), 2);
    assert!(!socket.exists(), "the socket goes with the agent");
}

#[test]
fn the_socket_is_for_user_and_group_and_replaces_a_stale_one() {
    let (dir, socket) = short();
    drop(UnixListener::bind(&socket).unwrap());
    assert!(ask(&socket, &Command::Status, GLANCE_TIMEOUT).unwrap().is_none(), "nobody listens on it");
    let (server, answering) = agent(&socket);
    let metadata = std::fs::symlink_metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
    assert_eq!(asked(&socket, &Command::Status).exit_code, 0);
    drop(server);
    answering.join().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_of_any_depth_has_its_socket_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(200));
    std::fs::create_dir_all(&deep).unwrap();
    let socket = deep.join("agent.sock");
    let (server, answering) = agent(&socket);
    assert_eq!(server.path(), socket);
    assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(asked(&socket, &Command::Status).exit_code, 0);
    drop(server);
    answering.join().unwrap();
    assert!(!socket.exists());
}

#[test]
fn an_agent_that_was_replaced_leaves_the_new_socket_alone() {
    let (_dir, socket) = short();
    let (first, first_answering) = agent(&socket);
    let (second, second_answering) = agent(&socket);
    drop(first);
    assert_eq!(asked(&socket, &Command::Status).exit_code, 0);
    drop(second);
    second_answering.join().unwrap();
    drop(first_answering);
}

#[test]
fn nonsense_is_answered_and_not_repeated() {
    let (_dir, socket) = short();
    let (server, answering) = agent(&socket);
    for line in ["{}\n", "\n", "{\"verb\":\"activate_export\",\"code\":\"SECRET\"}\n", "\u{0}\n"] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let reply: Reply = serde_json::from_str(&answer).unwrap();
        assert_eq!(reply.error.unwrap().code, "NOT_UNDERSTOOD", "{line}");
        assert!(!answer.contains("SECRET"));
    }
    // A caller that says nothing and goes away costs nobody anything.
    drop(UnixStream::connect(&socket).unwrap());
    assert_eq!(asked(&socket, &Command::Status).exit_code, 0);
    drop(server);
    answering.join().unwrap();
}

/// Somebody who is neither root nor the agent, by a number that no machine has given to anybody.
const HOST: u32 = 64_104;

#[test]
fn hosts_that_hold_every_place_of_theirs_leave_the_owner_its_own() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (dir, socket) = short();
    let (server, answering) = agent(&socket);
    for (place, mode) in [(dir.path(), 0o755), (&*socket, 0o666)] {
        std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    // The kernel's users are those of threads; only the standard library's wrappers are for whole processes.
    let connect = |count: usize, socket: PathBuf| {
        let as_host = move || {
            let uid = rustix::process::Uid::from_raw(HOST);
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            (0..count).map(|_| UnixStream::connect(&socket).unwrap()).collect::<Vec<_>>()
        };
        std::thread::spawn(as_host).join().unwrap()
    };
    let idle = connect(40, socket.clone());
    assert_eq!(asked(&socket, &Command::Status).document, "status", "the owner is heard");
    let mut one_more = connect(1, socket.clone()).remove(0);
    let mut said = String::new();
    one_more.read_to_string(&mut said).unwrap();
    assert!(said.contains("AGENT_BUSY"), "{said}");
    drop(idle);
    drop(server);
    answering.join().unwrap();
}

#[test]
fn an_agent_that_ends_says_so_or_is_missed() {
    let (_dir, socket) = short();
    let (events, inbox) = channel();
    let server = LocalServer::bind(&socket, None, events).unwrap();
    drop(inbox);
    let reply = asked(&socket, &Command::Status);
    assert_eq!(reply.error.unwrap().code, "AGENT_ENDING");
    drop(server);
    let listener = UnixListener::bind(&socket).unwrap();
    let deaf = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let error = ask(&socket, &Command::Status, GLANCE_TIMEOUT).unwrap_err();
    assert!(matches!(error, EdgeError::AgentLost { .. }), "{error}");
    deaf.join().unwrap();
}

#[test]
fn nobody_there_is_no_error() {
    let (dir, socket) = short();
    assert!(ask(&socket, &Command::Status, GLANCE_TIMEOUT).unwrap().is_none());
    let absent = dir.path().join("x".repeat(150)).join("agent.sock");
    assert!(ask(&absent, &Command::Status, GLANCE_TIMEOUT).unwrap().is_none());
}
