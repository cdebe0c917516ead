//! Hosts that are killed while they meter. Story: three processes share one firm quota; each records in its own way, says
//! what it was told, and is killed wherever it is; others take their places until nothing is left. Then: nothing that was
//! acknowledged is lost, what the records come to is within the limit, and the row says what the records say.

use super::{firm, recorded, standing, walk};
use brink_license::usage::Quantity;
use brink_tests::Program;
use brink_tests::metered::{Metered, units};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const LIMIT: u64 = 400;
const ROUNDS: u64 = 24;

/// A host process that meters, from the moment when it is ready.
struct Host {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Host {
    fn start(device: &Metered, way: &str) -> Self {
        let trust = device.bundle().with_file_name("trust.json");
        let mut command = Command::new(Program::MeterHost.path());
        command.arg(device.bundle()).arg(trust).args(["sms", way]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        said.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self { child, said }
    }

    /// Kills it after so many answers; answers what it had acknowledged, and whether nothing was left for it.
    fn killed_after(mut self, answers: u64) -> (u64, bool) {
        let mut lines = self.said.lines().map_while(Result::ok);
        let mut said: Vec<String> = lines.by_ref().take(usize::try_from(answers).unwrap()).collect();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        said.extend(lines);
        // A line that was cut off is no answer.
        let acknowledged = said
            .iter()
            .filter_map(|line| line.strip_prefix("acknowledged "))
            .filter_map(|n| n.parse::<u64>().ok());
        (acknowledged.sum(), said.iter().any(|line| line.starts_with("denied ")))
    }
}

#[test]
fn processes_that_are_killed_never_use_more_than_a_firm_quota_and_lose_nothing_that_was_acknowledged() {
    let (_dir, device) = firm(LIMIT);
    let (mut acknowledged, mut denied) = (0u64, false);
    for round in 0..ROUNDS {
        let hosts = ["record", "nowait", "reserve"].map(|way| Host::start(&device, way));
        for (place, host) in hosts.into_iter().enumerate() {
            // Another number of answers in every round, so that each is killed in every place of its turn.
            let (told, is_denied) = host.killed_after((round * 7 + place as u64 * 3) % 11);
            acknowledged += told;
            denied |= is_denied;
        }
        let found = recorded(&device, "sms");
        assert!(
            units(acknowledged) <= found,
            "round {round}: {acknowledged} acknowledged and {found} recorded"
        );
        assert!(found <= units(LIMIT), "round {round}: {found}");
    }
    assert!(denied, "somebody came to the end");
    let (_gate, meter) = device.host();
    let now = standing(&meter, "sms");
    assert_eq!(now.used, recorded(&device, "sms"));
    assert!(now.used.plus(now.aside).unwrap() <= units(LIMIT), "{now:?}");
    assert!(!now.in_doubt && now.used > Quantity::ZERO);
    assert_eq!(walk(&device).recoveries, 0);
}
