//! `brink-issuer camera`.

mod list;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::assignment::{AssignmentOrder, CAMERAS_PER_ORDER_MAX};
use brink_license::{CameraId, DeviceId, NAME_BYTES_MAX};
use clap::{Args, Subcommand};
pub(super) use list::conflict;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest camera list: every line as long as an id may be, and as much again for comments.
const LIST_BYTES_MAX: usize = 2 * CAMERAS_PER_ORDER_MAX * (NAME_BYTES_MAX + 1);

#[derive(Debug, Subcommand)]
pub(super) enum Camera {
    /// Put cameras on a device with exactly these packs, or take them off; all of them or none
    #[command(after_help = EXIT_CODES)]
    Assign(Assign),
    /// List a device's cameras: assigned by name, and on unnamed seats as the device said last
    #[command(after_help = EXIT_CODES)]
    List(list::List),
}

#[derive(Debug, Args)]
pub(super) struct Assign {
    #[command(flatten)]
    target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// A camera; may be repeated
    #[arg(long = "camera", value_name = "ID")]
    cameras: Vec<CameraId>,
    /// A file with one camera per line; empty lines and lines that start with # do not count
    #[arg(long, value_name = "F")]
    from_file: Option<PathBuf>,
    /// A pack for these cameras beside the implied one; may be repeated
    #[arg(long = "pack", value_name = "P")]
    packs: Vec<String>,
    /// Take the cameras off the device instead
    #[arg(long)]
    remove: bool,
}

impl Camera {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Camera::Assign(assign) => &assign.target,
            Camera::List(list) => &list.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Camera::Assign(assign) => assign.run(output),
            Camera::List(list) => list.run(output),
        }
    }
}

impl Assign {
    fn run(mut self, output: &mut Output<'_>) -> Result<(), CliError> {
        if let Some(path) = &self.from_file {
            self.cameras.extend(read_list(path)?);
        }
        let order = AssignmentOrder { cameras: self.cameras, packs: self.packs, remove: self.remove };
        let admin = self.target.data.admin()?;
        let count = admin.assign_cameras(&self.device, &order)?;
        // As they are called everywhere else, whatever they were called here.
        let slug = |name: &String| admin.catalog.pack(name).map(|pack| pack.slug.clone());
        let packs = order.packs.iter().map(slug).collect::<Result<BTreeSet<_>, _>>()?;
        let (member, verb) =
            if order.remove { ("removed", "taken off") } else { ("assigned", "assigned to") };
        let document = serde_json::json!({ "device": self.device, member: count, "packs": packs });
        let lines = format!("{count} cameras {verb} device {}", self.device);
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

fn read_list(path: &Path) -> Result<Vec<CameraId>, CliError> {
    let fail = |error| CliError::File { path: path.to_owned(), error };
    let mut text = String::new();
    let bound = u64::try_from(LIST_BYTES_MAX).unwrap_or(u64::MAX);
    let read = File::open(path).map_err(fail)?.take(bound + 1).read_to_string(&mut text).map_err(fail)?;
    if read > LIST_BYTES_MAX {
        return Err(CliError::usage(format!(
            "{} has more than {LIST_BYTES_MAX} bytes; split it",
            path.display()
        )));
    }
    parse_list(&text).map_err(|problem| CliError::usage(format!("{}: {problem}", path.display())))
}

/// Duplicates are found later, over the file and the options together.
fn parse_list(text: &str) -> Result<Vec<CameraId>, String> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let named = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    named.map(|(number, line)| CameraId::parse(line).map_err(|e| format!("line {number}: {e}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_comments_blank_lines_and_ids_with_spaces() {
        let list = parse_list("# gate\ncam-001\n\n  Cam 7  \r\n#cam-9\n").unwrap();
        assert_eq!(list.iter().map(CameraId::as_str).collect::<Vec<_>>(), ["cam-001", "Cam 7"]);
        assert!(parse_list("ok\nbad\u{7}\n").unwrap_err().starts_with("line 2"), "the line is named");
    }
}
