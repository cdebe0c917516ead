//! Requests and responses as files, for devices without a network. The command line reads and writes them, never the
//! agent, so that the permissions of the person at the keyboard count.

use super::{Delivery, Uplink, UplinkError};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes each request to one file.
#[derive(Clone, Debug)]
pub struct FileUplink {
    path: PathBuf,
}

impl FileUplink {
    /// An uplink whose requests somebody carries away from `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Uplink for FileUplink {
    fn send(&self, _path: &str, request: &[u8]) -> Result<Delivery, UplinkError> {
        write_whole(&self.path, request)?;
        Ok(Delivery::Carried)
    }
}

/// Reads a regular file of at most `bytes_max`; a pipe or a device cannot make the caller wait.
pub fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, UplinkError> {
    let fail = |reason: String| UplinkError::File { doing: "read", path: path.to_owned(), reason };
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let file = file.map_err(|e| fail(e.to_string()))?;
    let metadata = file.metadata().map_err(|e| fail(e.to_string()))?;
    if !metadata.is_file() {
        return Err(fail("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(|e| fail(e.to_string()))?;
    if bytes.len() > bytes_max {
        return Err(fail(format!("it has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Writes a file as a whole or not at all, readable by its owner alone: a request for activation holds the code.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), UplinkError> {
    let fail = |reason: String| UplinkError::File { doing: "write", path: path.to_owned(), reason };
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        return Err(fail("something that is not a regular file has that name".to_owned()));
    }
    let name = path.file_name().ok_or_else(|| fail("it names no file".to_owned()))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}.new", std::process::id()));
    let temporary = folder.join(temporary_name);
    let written = write_new(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|e| {
        // What was begun is taken away again; that it cannot be is no worse than the failure itself.
        let _ = std::fs::remove_file(&temporary);
        fail(e.to_string())
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_request_lies_in_its_file_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("request");
        let uplink = FileUplink::new(&path);
        for bytes in [&b"first"[..], b"second"] {
            assert_eq!(uplink.send("/v1/exchange", bytes), Ok(Delivery::Carried));
            assert_eq!(read_bounded(&path, 100).unwrap(), bytes);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_is_no_plain_file_is_neither_read_nor_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink("/dev/zero", &link).unwrap();
        assert!(read_bounded(&link, 10).is_err());
        for path in [dir.path(), &link, &dir.path().join("absent/request"), Path::new("/")] {
            assert_eq!(write_whole(path, b"x").unwrap_err().code(), "FILE");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_above_the_limit_is_not_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap().len(), 5);
        assert!(read_bounded(&path, 4).unwrap_err().to_string().contains("more than 4 bytes"));
        assert!(read_bounded(&dir.path().join("absent"), 4).unwrap_err().to_string().contains("absent"));
    }
}
