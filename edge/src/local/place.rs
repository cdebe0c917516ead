//! The place of a socket in the file system: made whole before it has its name, and taken away by whoever made it.

use super::SocketPath;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The mode of every socket of the agent's: its user, and the group that hosts are in.
const MODE: u32 = 0o660;

/// A socket that this process listens on.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    path: SocketPath,
    inode: u64,
}

impl SocketPlace {
    /// Binds, sets group and mode, and only then gives the socket its name, so that nobody reaches it before. Replaces what
    /// has that name.
    pub(crate) fn bind(socket: &Path, group: Option<u32>) -> io::Result<(UnixListener, Self)> {
        let path = SocketPath::new(socket)?;
        let mut name = socket.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = path.beside(&name);
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&new)?;
        if let Some(group) = group {
            // Without the right to give the socket away it stays with the agent's own group.
            if let Err(error) = std::os::unix::fs::chown(&new, None, Some(group)) {
                let socket = socket.display();
                tracing::warn!(%error, %socket, "the socket stays out of the group brink: run the agent as a member of it");
            }
        }
        std::fs::set_permissions(&new, Permissions::from_mode(MODE))?;
        let inode = new.symlink_metadata()?.ino();
        std::fs::rename(&new, path.usable())?;
        Ok((listener, Self { path, inode }))
    }

    /// Where it is.
    pub(crate) const fn path(&self) -> &SocketPath {
        &self.path
    }

    /// Takes it away, unless somebody else has put theirs in its place; says whether it was there.
    pub(crate) fn take_away(&self) -> bool {
        let there = self.path.usable().symlink_metadata();
        let ours = there.is_ok_and(|there| there.ino() == self.inode);
        if ours {
            let _ = std::fs::remove_file(self.path.usable());
        }
        ours
    }
}
