//! Who may have the agent do what. The socket's mode says who reaches it at all: the agent's user, and the hosts' group.
//! A host's programs are not trusted with the device itself, so which verbs they get is a closed table.

use crate::command::Command;
use crate::error::EdgeError;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::process::Uid;
use std::os::fd::AsFd;

/// Who is at the other end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
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

impl Peer {
    /// Asks the kernel whose program connected (SO_PEERCRED, unix(7)). Whoever it does not name is a host.
    pub(super) fn of(stream: &impl AsFd, agent: Uid) -> Self {
        let found = getsockopt(stream, PeerCredentials);
        found.map_or(Peer::Host, |found| Self::new(Uid::from_raw(found.uid()), agent))
    }

    fn new(found: Uid, agent: Uid) -> Self {
        if found.is_root() || found == agent { Peer::Owner } else { Peer::Host }
    }

    /// Refuses what is not for this peer.
    pub(super) fn check(self, command: &Command, agent: Uid) -> Result<(), EdgeError> {
        match (self, audience(command)) {
            (Peer::Owner, _) | (Peer::Host, Audience::Hosts) => Ok(()),
            (Peer::Host, Audience::Owner(what)) => {
                Err(EdgeError::NotForHosts { what, agent: agent.as_raw() })
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
        Command::Init { .. } => Audience::Owner("pin whom the device trusts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Payload, Question, Secret};
    use crate::uplink::IssuerUrl;

    fn agent() -> Uid {
        Uid::from_raw(998)
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
        let activate =
            |ca_pem, again| Command::ActivateOnline { code: code.clone(), issuer: url(), ca_pem, again };
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
            (Command::Init { trust: "{}".to_owned() }, false),
        ]
    }

    #[test]
    fn hosts_check_look_and_have_a_plain_exchange_made_and_nothing_else() {
        for (command, for_hosts) in table() {
            assert!(Peer::Owner.check(&command, agent()).is_ok(), "{command:?}");
            let answer = Peer::Host.check(&command, agent());
            assert_eq!(answer.is_ok(), for_hosts, "{command:?}");
            let Err(error) = answer else { continue };
            assert_eq!((error.code().as_ref(), error.exit_code()), ("NOT_FOR_HOSTS", 1));
            let mend = error.mend().unwrap();
            assert!(mend.contains("root") && mend.contains("user 998"), "{mend}");
        }
    }

    #[test]
    fn root_and_the_agents_user_own_the_device_and_nobody_else() {
        for (found, expected) in
            [(0, Peer::Owner), (998, Peer::Owner), (997, Peer::Host), (1000, Peer::Host), (65534, Peer::Host)]
        {
            assert_eq!(Peer::new(Uid::from_raw(found), agent()), expected, "{found}");
        }
        assert_eq!(
            Peer::new(Uid::from_raw(998), Uid::ROOT),
            Peer::Host,
            "an agent of root's is root's alone"
        );
    }

    #[test]
    fn the_kernel_names_this_process() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let own = rustix::process::geteuid();
        assert_eq!(Peer::of(&one, own), Peer::Owner);
    }

    #[test]
    fn what_is_no_socket_is_nobody_in_particular() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Peer::of(&file, rustix::process::geteuid()), Peer::Host);
    }
}
