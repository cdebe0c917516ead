//! Files with a token or a key: who may read one says who may show it.

use crate::command::Secret;
use crate::error::EdgeError;
use crate::local::Peer;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs::{Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Largest file.
const BYTES_MAX: u64 = 4096;
/// Shortest token: 128 bits in hexadecimal digits.
pub(crate) const TOKEN_CHARS_MIN: usize = 32;
/// Shortest key of a billing server. They are made elsewhere, so this only finds a file that is not filled in.
pub(crate) const KEY_CHARS_MIN: usize = 8;

/// Reads a secret of at least so many characters, and says who can have read it: the agent's owner alone, or whoever is in
/// the file's group, who are hosts.
pub(crate) fn read(path: &Path, chars_min: usize) -> Result<(Secret, Peer), EdgeError> {
    let refuse = |problem: String| EdgeError::SecretFile { path: path.to_owned(), problem };
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let file = opened.map_err(|reason| refuse(format!("it cannot be read: {reason}")))?;
    let metadata = file.metadata().map_err(|reason| refuse(reason.to_string()))?;
    let readers = readers(&metadata).map_err(refuse)?;
    let mut text = String::new();
    let read = file.take(BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|reason| refuse(format!("it cannot be read: {reason}")))?;
    let secret = text.trim_end_matches(['\n', '\r']);
    let is_plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    match secret.len() {
        _ if text.len() as u64 > BYTES_MAX => Err(refuse(format!("it has more than {BYTES_MAX} bytes"))),
        length if length < chars_min => {
            Err(refuse(format!("it holds {length} characters, and at least {chars_min} are wanted")))
        }
        _ if !is_plain => Err(refuse("it holds more than one line of visible ASCII".to_owned())),
        _ => Ok((Secret::new(secret), readers)),
    }
}

/// Reads the password of a server: at least one character.
pub(crate) fn read_password(path: &Path) -> Result<Secret, EdgeError> {
    Ok(read(path, 1)?.0)
}

fn readers(metadata: &Metadata) -> Result<Peer, String> {
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(format!("it belongs to user {owner}, and should to root or to the agent's user"));
    }
    if mode & 0o037 != 0 {
        return Err(format!("it has mode {mode:04o}: others could read it, or its group write it"));
    }
    Ok(if mode & 0o040 == 0 { Peer::Owner } else { Peer::Host })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn who_may_read_the_file_is_who_shows_the_token() {
        for (mode, peer) in
            [(0o600, Peer::Owner), (0o400, Peer::Owner), (0o640, Peer::Host), (0o440, Peer::Host)]
        {
            let (_dir, path) = file(&format!("{TOKEN}\n"), mode);
            let (secret, found) = read(&path, TOKEN_CHARS_MIN).unwrap();
            assert_eq!((secret.reveal(), found), (TOKEN, peer), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_read_or_that_holds_no_secret_is_refused_and_not_repeated() {
        for mode in [0o644, 0o604, 0o660, 0o620, 0o666, 0o601, 0o650] {
            let (_dir, path) = file(TOKEN, mode);
            let error = read(&path, TOKEN_CHARS_MIN).unwrap_err();
            assert_eq!((error.code().as_ref(), error.exit_code()), ("SECRET_FILE", 2), "{mode:o}");
            let said = format!("{error} {:?}", error.mend());
            assert!(said.contains(&format!("{mode:04o}")) && said.contains("chmod"), "{said}");
            assert!(!said.contains(TOKEN));
        }
        let long = "x".repeat(5000);
        for text in ["", "short", "0123456789abcdef0123456789abcde\n", &format!("{TOKEN}\n{TOKEN}"), &long] {
            let (_dir, path) = file(text, 0o600);
            let error = read(&path, TOKEN_CHARS_MIN).unwrap_err();
            assert!(text.len() < 6 || !error.to_string().contains(text.trim()), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path(), TOKEN_CHARS_MIN).is_err());
        assert!(read(&dir.path().join("absent"), TOKEN_CHARS_MIN).is_err());
    }
}
