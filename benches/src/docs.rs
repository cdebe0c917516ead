//! The measured table and plot in docs/, and what they were measured on.

use crate::plot;
use crate::report::Report;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- measured by scripts/bench --write-docs: begin -->";
const END: &str = "<!-- measured by scripts/bench --write-docs: end -->";

/// Processor, memory and kernel: what the times hang on, and nothing that names the machine.
pub fn machine() -> String {
    let field = |path: &str, key: &str| -> String {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or(": unknown");
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let gib = |kib: &str| kib.trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / f64::from(1 << 20);
    format!(
        "{}, {cores} cores, {:.0} GiB, {} Linux {}; load {} at the start",
        field("/proc/cpuinfo", "model name"),
        gib(&field("/proc/meminfo", "MemTotal")),
        std::env::consts::ARCH,
        kernel.split(['-', '\n']).next().unwrap_or_default(),
        load.split(' ').next().unwrap_or_default(),
    )
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Replaces what stands between the markers, and the plot.
pub fn write(report: &Report, machine: &str) {
    let page = docs().join("PERFORMANCE.md");
    let text = std::fs::read_to_string(&page).expect("docs/PERFORMANCE.md");
    let (before, rest) = text.split_once(BEGIN).expect("the marker that begins");
    let (_, after) = rest.split_once(END).expect("the marker that ends");
    let sheets = std::iter::once(report.goals_sheet().markdown())
        .chain(report.sheets.iter().map(crate::report::Sheet::markdown));
    let measured = format!("{machine}\n\n{}", sheets.collect::<Vec<_>>().join("\n"));
    let text = format!("{before}{BEGIN}\n{measured}{END}{after}");
    std::fs::write(page, text).expect("docs/PERFORMANCE.md can be written");
    std::fs::write(docs().join("performance-decide.svg"), plot::svg(&report.curves)).expect("the plot");
}
