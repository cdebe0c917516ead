//! A program of this process's own, which ends with it, however that comes about.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Does what it is told, word by word, on standard input, whose other end only we hold: it closes when we end, and then the
/// program is ended. Before this stands the program's own part: `serve` becomes it, `is_ready` asks whether it answers, and
/// `at_once` is the signal that ends it without ceremony. `$1` is its folder.
const WATCHER: &str = r#"
trap '' INT TERM HUP
# What is killed is remarked upon.
exec 2>>"$folder/log"
server=
family() {
  local file line
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    # PID (NAME) STATE PARENT, and a name may be anything.
    set -- "${line%% *}" ${line##*) }
    if [ "$1" = "$server" ] || [ "$3" = "$server" ]; then echo "$1 $2"; fi
  done
}
family_ids() { family | cut -d ' ' -f 1; }
pause() { read -r -t 0.01 <> <(:); }
start() {
  serve </dev/null >>"$folder/log" 2>&1 &
  server=$!
  for _ in $(seq 3000); do
    kill -0 $server 2>/dev/null || break
    if is_ready; then echo done; return; fi
    read -r -t 0.02 gone; [ $? -gt 128 ] || break
  done
  stop
  cat "$folder/log"
  exit 1
}
# What is frozen takes no signal but one.
stop() {
  [ -n "$server" ] || return
  kill -s $at_once $server 2>/dev/null
  kill -CONT $(family_ids) 2>/dev/null
  wait $server 2>/dev/null
  server=
}
# The first one makes no more children once it stands.
freeze() {
  kill -STOP $server
  while family | grep -q "^$server [^Tt]"; do pause; done
  kill -STOP $(family_ids) 2>/dev/null
  while family | grep -q ' [^TtZ]$'; do pause; done
}
thaw() { kill -CONT $(family_ids) 2>/dev/null; }
while read -r word; do
  case $word in
    start) start ;;
    stop) stop; echo done ;;
    freeze) freeze; echo done ;;
    thaw) thaw; echo done ;;
  esac
done
stop
rm -rf "$folder"
"#;

/// A program, and the shell that minds it.
#[derive(Debug)]
pub(crate) struct Watched {
    watcher: Child,
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

/// What a program said instead of starting.
#[derive(Debug)]
pub(crate) struct NotStarted(pub(crate) String);

impl Watched {
    /// Starts what `own`, the program's part of the script, serves with these arguments from `$2` on. The folder is its own,
    /// and gone with it.
    pub(crate) fn start(
        own: &str,
        folder: PathBuf,
        arguments: &[&str],
        user: Option<User>,
    ) -> Result<Self, NotStarted> {
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("folder=$1\n{own}{WATCHER}")).arg("watcher-of-tests");
        command.arg(&folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let spawned = as_user(&mut command, user).spawn();
        let mut watcher = spawned.unwrap_or_else(|e| panic!("bash, to watch a server: {e}"));
        let (Some(words), Some(answers)) = (watcher.stdin.take(), watcher.stdout.take()) else {
            panic!("a pipe that was asked for is absent")
        };
        let answers = BufReader::new(answers);
        let mut watched = Self { watcher, words: Some(words), answers, folder };
        watched.ask("start").map(|()| watched)
    }

    /// Where it keeps what it has.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has it done, and waits until it is.
    pub(crate) fn tell(&mut self, word: &str) {
        if let Err(NotStarted(said)) = self.ask(word) {
            panic!("a server of the tests did not {word}:\n{said}");
        }
    }

    fn ask(&mut self, word: &str) -> Result<(), NotStarted> {
        let Some(words) = &mut self.words else { panic!("a server of the tests is gone") };
        let mut said = String::new();
        let answered = writeln!(words, "{word}").and_then(|()| self.answers.read_line(&mut said));
        if answered.is_ok() && said.trim() == "done" {
            return Ok(());
        }
        let _ = self.answers.read_to_string(&mut said);
        Err(NotStarted(said))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.words.take());
        let _ = self.watcher.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Somebody of this machine: their number and their group's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User(pub(crate) u32, pub(crate) u32);

/// Has a command run as somebody, from a place that they may stand in.
pub(crate) fn as_user(command: &mut Command, user: Option<User>) -> &mut Command {
    match user {
        Some(User(user, group)) => command.uid(user).gid(group).current_dir("/"),
        None => command,
    }
}

/// A fresh one, in memory where there is such a place. Sockets want short names.
pub(crate) fn folder(prefix: &str, user: Option<User>) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let mut named = tempfile::Builder::new();
    named.prefix(prefix);
    let made = if memory.is_dir() { named.tempdir_in(memory) } else { named.tempdir() };
    let folder = made.unwrap_or_else(|e| panic!("no folder for a server: {e}")).keep();
    give(&folder, user);
    folder
}

/// Makes it somebody's.
pub(crate) fn give(path: &Path, user: Option<User>) {
    if let Some(User(user, group)) = user {
        chown(path, Some(user), Some(group)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).unwrap_or_else(|e| panic!("no port: {e}"))
}
