//! What the last exchange came to, for hosts that ask for another one at once.

use crate::command::Reply;
use crate::error::EdgeError;
use crate::local::Peer;
use brink_license::clock::Reading;

/// How long an outcome answers hosts, in seconds of boottime. An exchange costs the issuer a signature and the device
/// some synced writes, so a host that asks in a loop must not set its pace; and half a minute is no delay to anybody
/// who waits for a change.
const RECENT_SECONDS: i64 = 30;

/// The last outcome, good or bad, and when it came.
#[derive(Debug, Default)]
pub(super) struct Recent(Option<(i64, Reply)>);

impl Recent {
    /// An exchange has ended. One that a file has overtaken says nothing of how the device stands.
    pub(super) fn ended(&mut self, result: &Result<Reply, EdgeError>, reading: &Reading) {
        let reply = match result {
            Ok(reply) => reply.clone(),
            Err(EdgeError::Overtaken) => return,
            Err(error) => Reply::from(error),
        };
        self.0 = Some((reading.boottime, reply));
    }

    /// What a host is answered instead of an exchange. The owner, who may stop the agent altogether, gets a new one.
    pub(super) fn for_peer(&self, peer: Peer, reading: &Reading) -> Option<Reply> {
        match (peer, &self.0) {
            (Peer::Host, Some((at, reply))) if reading.boottime.saturating_sub(*at) < RECENT_SECONDS => {
                Some(reply.clone())
            }
            (Peer::Host | Peer::Owner, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::UnixSeconds;
    use brink_license::clock::BootId;

    fn after(boottime: i64) -> Reading {
        let boot = BootId::parse("0b7a6a2c-5f1e-4c3d-9a8b-7c6d5e4f3a2b").unwrap();
        Reading { wall: UnixSeconds::new(0), boot, boottime }
    }

    #[test]
    fn an_outcome_answers_hosts_for_half_a_minute_and_the_owner_never() {
        let reply = Reply::done(serde_json::json!(1), "done");
        let mut recent = Recent::default();
        assert_eq!(recent.for_peer(Peer::Host, &after(100)), None);
        recent.ended(&Err(EdgeError::Overtaken), &after(100));
        assert_eq!(recent.for_peer(Peer::Host, &after(100)), None);
        recent.ended(&Ok(reply.clone()), &after(100));
        for (boottime, expected) in [(100, Some(&reply)), (129, Some(&reply)), (130, None), (1000, None)] {
            assert_eq!(recent.for_peer(Peer::Host, &after(boottime)).as_ref(), expected, "{boottime}");
            assert_eq!(recent.for_peer(Peer::Owner, &after(boottime)), None);
        }
    }
}
