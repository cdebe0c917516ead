//! The commands on the pages for newcomers and operators are commands of the programs.

use crate::tidy::root;
use brink_tests::{Program, Ran};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Between a command and the words about it.
const GAP: &str = "  ";
/// Exit code of both programs for a command line that they do not take.
const WRONG_USAGE: i32 = 2;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The lines of code blocks that call one of the programs, without the words behind them.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("brink-"));
    // Where a shell puts what it says is the shell's.
    let spelled = lines.map(|line| {
        let command = line.split(GAP).next().unwrap_or_default();
        command.split(" >").next().unwrap_or_default().replace(['[', ']'], "")
    });
    // Several verbs in one line, and what does not end.
    spelled
        .filter(|line| !line.contains('|') && !line.contains(" serve ") && !line.contains(" run "))
        .collect()
}

#[test]
fn every_command_of_the_pages_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = folder.path().join("P");
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (name, least) in [("README.md", 21), ("docs/OPERATING.md", 21), ("docs/ENVIRONMENT.md", 4)] {
        let commands = commands(&page(name));
        assert!(commands.len() >= least, "{name}: only {} commands found: {commands:?}", commands.len());
        let mut refused = Vec::new();
        for line in commands {
            let mut words = line.split_whitespace().map(|word| match word {
                "URL" => "http://127.0.0.1:9",
                "N" => "3",
                "K" | "K2" => "txhpHz3qsqXPyTBCKS6nUtcwCnOv53P15J5weNGKdIk",
                other => other,
            });
            let program = match words.next() {
                Some("brink-issuer") => Program::Issuer.path(),
                Some("brink-fleet") => Program::Fleet.path(),
                _ => Program::Edge.path(),
            };
            let mut command = Command::new(program);
            command.args(words).current_dir(folder.path()).stdin(Stdio::null());
            let ran = Ran::to_end(&mut command);
            // The fleet ends so as well where a file is absent, and says it by its name.
            let is_taken = ran.code != Some(WRONG_USAGE) || ran.stderr.starts_with("brink-fleet: ");
            if !is_taken {
                refused.push(format!("{line}\n{}", ran.stderr));
            }
        }
        assert!(refused.is_empty(), "{name}:\n{}", refused.join("\n"));
    }
}

#[test]
fn the_page_lists_every_check_of_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(Program::Edge.path());
    let ran = Ran::to_end(command.args(["doctor", "--offline", "--json", "--data"]).arg(folder.path()));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap();
    let checked: BTreeSet<_> = checks.iter().filter_map(|check| check["name"].as_str()).collect();

    let page = page("docs/OPERATING.md");
    let table = page.split("| name | looks at | fails when |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let first_cells = rows.filter_map(|row| row.split('|').nth(1));
    let listed: BTreeSet<_> = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(listed, checked);
}
