//! Reaping of orphaned processes. PID 1 becomes the parent of every orphan in the container. An ended orphan that PID 1
//! does not wait for stays a zombie as long as the container runs.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

/// Starts a background task that reaps orphans, if this process is PID 1. Otherwise does nothing.
///
/// [`crate::supervise`] waits for dbt itself. The two do not race: the runtime has one thread, and nothing is awaited
/// between the start of dbt and [`SupervisedChild::set`].
pub fn start(child: &SupervisedChild) {
    #[cfg(target_os = "linux")]
    if std::process::id() == 1 {
        let child = child.clone();
        tokio::spawn(async move {
            let Ok(mut ended) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()) else { return };
            while ended.recv().await.is_some() {
                linux::reap_except(child.get());
            }
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = child;
}

/// The process ID of the child that the supervisor waits for. 0 if there is none.
#[derive(Debug, Clone, Default)]
pub struct SupervisedChild(Arc<AtomicI32>);

impl SupervisedChild {
    /// Sets the process ID. The background task then leaves this child alone.
    pub fn set(&self, pid: i32) {
        self.0.store(pid, Ordering::SeqCst);
    }

    #[cfg(target_os = "linux")]
    fn get(&self) -> i32 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};

    /// Reaps every ended child except the supervised one.
    ///
    /// `WNOWAIT` looks at a child without reaping it: a plain wait for any child would take dbt's exit code from the
    /// supervisor. If the ended child is dbt, the function returns, and the next SIGCHLD reaps the others.
    pub(super) fn reap_except(supervised: i32) {
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(status) = waitid(Id::All, peek) {
            match status.pid() {
                Some(pid) if pid.as_raw() != supervised && status != WaitStatus::StillAlive => {
                    if waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}
