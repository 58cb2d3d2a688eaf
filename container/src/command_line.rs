//! The size of a command line that the operating system accepts.

#[cfg(target_os = "linux")]
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What Linux accepts at most, whatever the limits are: three quarters of its default stack of 8 MiB. The environment
/// counts too. <https://man7.org/linux/man-pages/man2/execve.2.html>
#[cfg(target_os = "linux")]
const MOST_BYTES: u64 = 6 * 1024 * 1024;
/// What stays free for dbt's other arguments.
const OTHER_ARGUMENTS: u64 = 64 * 1024;

/// Raises this process's soft limit of the stack, a quarter of which is the limit of a command line, and returns how
/// many bytes of names a command may have. The child inherits the limit. Threads of this process have their own sizes.
pub(crate) fn raise_limit() -> usize {
    #[cfg(target_os = "linux")]
    let most = {
        if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_STACK) {
            // If the limit cannot be raised, the names get more commands.
            let _ = setrlimit(Resource::RLIMIT_STACK, soft.max(MOST_BYTES * 4).min(hard), hard);
        }
        getrlimit(Resource::RLIMIT_STACK).map_or(0, |(soft, _)| (soft / 4).min(MOST_BYTES))
    };
    #[cfg(not(target_os = "linux"))]
    let most = 512 * 1024;
    let environment: usize =
        std::env::vars_os().map(|(name, value)| name.len() + value.len() + 2 + size_of::<usize>()).sum();
    let environment = u64::try_from(environment).unwrap_or(u64::MAX);
    usize::try_from(most.saturating_sub(OTHER_ARGUMENTS).saturating_sub(environment)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_command_line_has_a_place_for_70_000_names() {
        let budget = raise_limit();
        let (_, hard) = getrlimit(Resource::RLIMIT_STACK).unwrap();
        if hard < MOST_BYTES * 4 {
            return;
        }
        let name = "x".repeat(66);
        assert!(budget / (name.len() + 9) > 70_000, "{budget} bytes");
        let names = std::iter::repeat_n(&name, budget / (name.len() + 9));
        assert!(std::process::Command::new("true").args(names).status().unwrap().success());
    }
}
