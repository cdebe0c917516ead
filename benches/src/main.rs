//! Prints one table: what the product takes, what its peers take, and the ratios, all measured in this run.
//!
//! Absolute times drift between machines; the ratios are what is compared with the goals. `scripts/bench` runs it.

mod decide;
mod harness;
mod redis;
mod verify;

use harness::Goal;

fn main() {
    println!("machine: {}", machine());
    let mut goals: Vec<Goal> = Vec::new();
    goals.extend(verify::measure());
    goals.extend(decide::measure());
    println!("\n{:<66} {:>9} {:>9}", "goal", "wanted", "measured");
    for goal in &goals {
        println!("{goal}");
    }
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    println!("\n{} of {} goals met", goals.len() - missed, goals.len());
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{model}, {cores} cores, {}", std::env::consts::ARCH)
}
