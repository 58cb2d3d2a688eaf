//! No process that the command starts outlives it.

// Makes clippy treat the helper functions as test code.
#![cfg(test)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A running `landfall setup` that installs a virtual environment with a fake Python that never ends.
struct Installing {
    landfall: Child,
    python: Pid,
    _folder: tempfile::TempDir,
}

/// Makes a checkout with only the files that the command looks for, and returns a fake Python that never ends.
fn checkout(folder: &Path) -> PathBuf {
    for file in ["template.yaml", "cli/emulator/launch.py", "cli/emulator/requirements.txt"] {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let python = folder.join("python3");
    let pid_file = folder.join("pid");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *python_version*) echo 3.11.7 ;; *) sleep 300 & echo $$ > '{}.new'; mv '{}.new' '{}'; wait ;; esac\n",
        pid_file.display(),
        pid_file.display(),
        pid_file.display()
    );
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    python
}

fn installing() -> Installing {
    let folder = tempfile::tempdir().unwrap();
    let python = checkout(folder.path());
    let mut landfall = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("setup")
        .env("LANDFALL_HOME", folder.path())
        .env("LANDFALL_PYTHON", python)
        .env("CI", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(landfall.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("install the AWS emulator"), "{first}");
    let pid = folder.path().join("pid");
    until("python never started", || pid.exists());
    let python = Pid::from_raw(std::fs::read_to_string(pid).unwrap().trim().parse().unwrap());
    assert!(exists(python));
    // Reads on, so that the command never blocks on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Installing { landfall, python, _folder: folder }
}

fn until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{otherwise}");
        std::thread::yield_now();
    }
}

/// Whether a process of the group exists; the child leads one.
fn exists(leader: Pid) -> bool {
    nix::sys::signal::killpg(leader, None).is_ok()
}

#[test]
fn children_end_when_the_command_is_killed() {
    let mut it = installing();
    it.landfall.kill().unwrap();
    it.landfall.wait().unwrap();
    until("the child outlived the command", || !exists(it.python));
}

#[test]
fn children_end_before_an_interrupted_command_ends() {
    let mut it = installing();
    kill(Pid::from_raw(it.landfall.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(it.landfall.wait().unwrap().code(), Some(130));
    assert!(!exists(it.python), "the child outlived the command");
}
