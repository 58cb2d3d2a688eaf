//! PID 1 inherits every orphan of the container and must take note of its end, else it stays a zombie for the container's life.

/// As PID 1, reaps orphans until the process ends; otherwise does nothing.
///
/// dbt's own end is left to [`crate::supervise`]. That cannot race: the runtime has one thread, and between dbt's spawn and
/// [`Own::set`] nothing is awaited.
pub fn start(own: &Own) {
    #[cfg(target_os = "linux")]
    if std::process::id() == 1 {
        let own = own.clone();
        tokio::spawn(async move {
            let Ok(mut ended) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()) else { return };
            while ended.recv().await.is_some() {
                linux::reap(own.get());
            }
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = own;
}

/// The pid of the child that the supervisor waits for; 0 if there is none.
#[derive(Debug, Clone, Default)]
pub struct Own(std::sync::Arc<std::sync::atomic::AtomicI32>);

impl Own {
    /// Sets the child that the supervisor waits for.
    pub fn set(&self, pid: i32) {
        self.0.store(pid, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(target_os = "linux")]
    fn get(&self) -> i32 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};

    /// Peeks first, because a plain wait for any child would take dbt's exit code away from its supervisor. When dbt itself is the one that
    /// is seen, the others come with the next signal.
    pub(super) fn reap(own: i32) {
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(status) = waitid(Id::All, peek) {
            match status.pid() {
                Some(pid) if pid.as_raw() != own && status != WaitStatus::StillAlive => {
                    if waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}
