//! Who may have the agent do what. The socket's mode says who reaches it at all: the agent's user, and the hosts' group.
//! A host's programs are not trusted with the device itself, so which verbs they get is a closed table.

use crate::command::Command;
use crate::error::EdgeError;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::process::{Uid, geteuid};
use std::os::fd::AsFd;

/// The kernel's word for a user who has no number in the namespace that asks; user_namespaces(7).
const OVERFLOW_UID: &str = "/proc/sys/kernel/overflowuid";
/// Its value where nobody has set another.
const OVERFLOW_UID_DEFAULT: u32 = 65_534;

/// Who is at the other end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Root or the agent's own user, who can do to the device's files whatever a verb could.
    Owner,
    /// Anybody else whom the socket let in.
    Host,
}

/// For whom a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Everybody whom the socket lets in.
    Hosts,
    /// Root and the agent's user alone; what it is that hosts may not.
    Owner(&'static str),
}

/// As whom an agent runs, and as whom everybody appears to it whose user has no number where it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Household {
    agent: Uid,
    nobody: Uid,
}

impl Household {
    /// This process's.
    pub(crate) fn own() -> Self {
        let told = std::fs::read_to_string(OVERFLOW_UID).ok().and_then(|text| text.trim().parse().ok());
        Self { agent: geteuid(), nobody: Uid::from_raw(told.unwrap_or(OVERFLOW_UID_DEFAULT)) }
    }

    /// Asks the kernel whose program connected (SO_PEERCRED, unix(7)). Whoever it does not name is a host.
    pub(crate) fn peer(self, stream: &impl AsFd) -> Peer {
        let found = getsockopt(stream, PeerCredentials);
        found.map_or(Peer::Host, |found| self.judge(Uid::from_raw(found.uid())))
    }

    /// A number that stands for everybody without one names nobody, the agent's own user included.
    fn judge(self, found: Uid) -> Peer {
        let named = found != self.nobody;
        if named && (found.is_root() || found == self.agent) { Peer::Owner } else { Peer::Host }
    }

    /// Refuses what is not for this peer.
    pub(crate) fn check(self, peer: Peer, command: &Command) -> Result<(), EdgeError> {
        match (peer, audience(command)) {
            (Peer::Owner, _) | (Peer::Host, Audience::Hosts) => Ok(()),
            (Peer::Host, Audience::Owner(what)) => {
                Err(EdgeError::NotForHosts { what, agent: self.agent.as_raw() })
            }
        }
    }
}

/// The table.
const fn audience(command: &Command) -> Audience {
    match command {
        Command::Check(_) | Command::Status => Audience::Hosts,
        Command::ExchangeOnline { issuer: None, ca_pem: None } => Audience::Hosts,
        // The agent would call any address for them, and believe any certificate.
        Command::ExchangeOnline { issuer: Some(_), .. } | Command::ExchangeOnline { ca_pem: Some(_), .. } => {
            Audience::Owner("choose where the device exchanges")
        }
        // The bytes of an activation hold its code, and an exported request may be answered on another machine.
        Command::ExchangeExport => Audience::Owner("export a request"),
        Command::ExchangeImport { .. } | Command::ActivateImport { .. } => {
            Audience::Owner("import an answer")
        }
        // A code is spent, and with --again a device is set aside.
        Command::ActivateOnline { .. } | Command::ActivateExport { .. } => {
            Audience::Owner("activate the device")
        }
        // A host adds a camera to a seat that is free; taking one off uses up what a site may move.
        Command::SeatAssign { .. } | Command::SeatList => Audience::Hosts,
        Command::SeatRelease { .. } => Audience::Owner("take a camera off its seat"),
        Command::Accept { .. } | Command::AcceptTyped { .. } => Audience::Owner("bring a notice"),
        // Its answer sets the clock back, and a new one spoils the one that is on its way.
        Command::ClockChallenge => Audience::Owner("make a clock challenge"),
        Command::Init { .. } => Audience::Owner("pin whom the device trusts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Payload, Question, Secret};
    use crate::uplink::IssuerUrl;

    const NOBODY: u32 = 65_534;

    fn run_by(agent: u32) -> Household {
        Household { agent: Uid::from_raw(agent), nobody: Uid::from_raw(NOBODY) }
    }

    /// Every command with what it is for, and whether hosts get it.
    fn table() -> Vec<(Command, bool)> {
        let url = || IssuerUrl::parse("https://issuer.example").unwrap();
        let (code, response) = (Secret::new("CODE"), Payload(vec![1]));
        let question = Question {
            camera: "cam-1".parse().unwrap(),
            feature: "analytics/counting".parse().unwrap(),
            at: None,
        };
        let online = |issuer, ca_pem| Command::ExchangeOnline { issuer, ca_pem };
        let pem = || Some("PEM".to_owned());
        let activate = |ca_pem, again| Command::ActivateOnline {
            code: code.clone(),
            issuer: Some(url()),
            ca_pem,
            again,
        };
        vec![
            (Command::Check(question), true),
            (Command::Status, true),
            (online(None, None), true),
            (online(Some(url()), None), false),
            (online(None, pem()), false),
            (online(Some(url()), pem()), false),
            (Command::ExchangeExport, false),
            (Command::ExchangeImport { response: response.clone() }, false),
            (activate(None, false), false),
            (activate(pem(), true), false),
            (Command::ActivateExport { code: code.clone(), issuer: None, again: false }, false),
            (Command::ActivateExport { code: code.clone(), issuer: None, again: true }, false),
            (Command::ActivateImport { response }, false),
            (Command::Accept { notice: "a.b.c".to_owned() }, false),
            (Command::SeatAssign { camera: "cam-1".parse().unwrap(), packs: None }, true),
            (Command::SeatList, true),
            (Command::SeatRelease { camera: "cam-1".parse().unwrap() }, false),
            (Command::AcceptTyped { text: "AAAAA".to_owned() }, false),
            (Command::ClockChallenge, false),
            (Command::Init { trust: "{}".to_owned() }, false),
        ]
    }

    #[test]
    fn hosts_check_look_seat_a_camera_and_have_a_plain_exchange_made_and_nothing_else() {
        for (command, for_hosts) in table() {
            assert!(run_by(998).check(Peer::Owner, &command).is_ok(), "{command:?}");
            let answer = run_by(998).check(Peer::Host, &command);
            assert_eq!(answer.is_ok(), for_hosts, "{command:?}");
            let Err(error) = answer else { continue };
            assert_eq!((error.code().as_ref(), error.exit_code()), ("NOT_FOR_HOSTS", 1));
            let mend = error.mend().unwrap();
            assert!(mend.contains("root") && mend.contains("user 998"), "{mend}");
        }
    }

    #[test]
    fn root_and_the_agents_user_own_the_device_and_nobody_else() {
        for (found, expected) in [
            (0, Peer::Owner),
            (998, Peer::Owner),
            (997, Peer::Host),
            (1000, Peer::Host),
            (NOBODY, Peer::Host),
        ] {
            assert_eq!(run_by(998).judge(Uid::from_raw(found)), expected, "{found}");
        }
        assert_eq!(run_by(0).judge(Uid::from_raw(998)), Peer::Host, "an agent of root's is root's alone");
    }

    #[test]
    fn a_number_that_stands_for_everybody_without_one_owns_nothing() {
        assert_eq!(run_by(NOBODY).judge(Uid::from_raw(NOBODY)), Peer::Host);
        assert_eq!(run_by(NOBODY).judge(Uid::ROOT), Peer::Owner);
        let told = std::fs::read_to_string(OVERFLOW_UID).unwrap();
        assert_eq!(Household::own().nobody.as_raw().to_string(), told.trim());
    }

    #[test]
    fn the_kernel_names_this_process() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(Household::own().peer(&one), Peer::Owner);
    }

    #[test]
    fn what_is_no_socket_is_nobody_in_particular() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Household::own().peer(&file), Peer::Host);
    }
}
