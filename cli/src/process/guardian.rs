//! A shell process that ends this process's children if this process is killed.
//!
//! A process that gets SIGKILL cannot end its children, and each child leads a process group of its own. So a small
//! shell reads the groups from a pipe, and ends those that are left when the pipe closes. `PR_SET_PDEATHSIG` would do
//! the same on Linux only; this works on macOS too.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// Reads lines `+ GROUP` and `- GROUP`. At the end of the input it sends SIGTERM to the groups that are left, and
/// SIGKILL after 8 s.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
groups=
while read -r sign group; do
  case $sign in
    +) groups="$groups $group" ;;
    -) left=
       for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done
       groups=$left ;;
  esac
done
for g in $groups; do kill -s TERM -- "-$g"; done
n=0
while [ -n "$groups" ] && [ $n -lt 80 ]; do
  left=
  for g in $groups; do kill -s 0 -- "-$g" && left="$left $g"; done
  groups=$left
  [ -z "$groups" ] || sleep 0.1
  n=$((n + 1))
done
for g in $groups; do kill -s KILL -- "-$g"; done
"#;

static GUARDIAN: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// Adds a process group that the guardian ends.
pub(super) fn add(group: i32) -> std::io::Result<()> {
    let pipe = GUARDIAN.get_or_init(|| Mutex::new(None));
    let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
    let pipe = match &mut *pipe {
        Some(pipe) => pipe,
        none => none.insert(start()?),
    };
    writeln!(pipe, "+ {group}")
}

/// Removes a process group that ended. The operating system may give its number to another group.
pub(super) fn remove(group: i32) {
    let Some(pipe) = GUARDIAN.get() else { return };
    if let Some(pipe) = &mut *pipe.lock().unwrap_or_else(PoisonError::into_inner) {
        // If the guardian is gone, it cannot signal the wrong group either.
        let _ = writeln!(pipe, "- {group}");
    }
}

fn start() -> std::io::Result<ChildStdin> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "landfall-guardian"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    child.stdin.take().ok_or_else(|| std::io::Error::other("the guardian has no stdin"))
}
