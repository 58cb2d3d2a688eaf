//! What people see: at a terminal colours and a moving line for what is under way, else plain lines.

use std::{
    borrow::Cow,
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use console::{Style, Term};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environment;

/// Where nobody sees a moving line, something under way is heard of so often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Standard output, as people see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Terminal {
    out: Term,
    bars: MultiProgress,
    live: bool,
    /// Nothing is shown: for tests that start a stack.
    quiet: bool,
    /// All that was asked for is done: a Ctrl-C is how it ends.
    done: Arc<AtomicBool>,
}

impl Terminal {
    /// A terminal if standard output is one and `CI` is not set.
    pub fn new() -> Self {
        let out = Term::stdout();
        let live = out.is_term() && !environment::is_ci();
        if !live {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
        let target = if live { ProgressDrawTarget::term(out.clone(), 10) } else { ProgressDrawTarget::hidden() };
        Self { out, bars: MultiProgress::with_draw_target(target), live, quiet: false, done: Arc::default() }
    }

    /// Shows nothing at all.
    pub fn silent() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self { out: Term::stdout(), bars, live: false, quiet: true, done: Arc::default() }
    }

    /// Whether an operator can be asked: standard input and output are a terminal, and it's no CI.
    pub fn is_interactive(&self) -> bool {
        self.live && std::io::stdin().is_terminal()
    }

    /// From here on a Ctrl-C is the way to end, and no failure.
    pub fn until_interrupted(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Whether [`Terminal::until_interrupted`] was called.
    pub fn ends_by_interruption(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// One line, or several.
    pub fn say(&self, text: impl AsRef<str>) {
        if self.quiet {
            return;
        }
        // A closed pipe (`landfall status | head`) is no reason to fail.
        let _ = if self.live { self.bars.println(text) } else { self.out.write_line(text.as_ref()) };
    }

    /// A heading with an empty line before it.
    pub fn heading(&self, text: &str) {
        self.say(format!("\n{}", Style::new().bold().apply_to(text)));
    }

    /// Something went wrong that does not end the command.
    pub fn warn(&self, text: &str) {
        self.say(format!("{} {text}", Style::new().yellow().apply_to("warning:")));
    }

    /// Begins something that takes a while.
    pub fn begin(&self, what: impl Into<String>) -> Phase {
        let what = what.into();
        let bar = if self.live {
            let bar = self.bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed:.dim}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(what.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            self.say(format!("{what} ..."));
            ProgressBar::hidden()
        };
        Phase { terminal: self.clone(), what, bar, began: Instant::now(), told: Instant::now(), done: false }
    }

    /// Asks for yes or no at a terminal; Enter alone means no. Nobody there: no.
    pub async fn confirm(&self, question: &str) -> bool {
        if !self.is_interactive() {
            return false;
        }
        self.say(format!("{question} [y/N]"));
        let term = self.out.clone();
        // Dropped at Ctrl-C: the thread is left to its read, and ends with the process.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let answer = term.read_line().unwrap_or_default();
            let _ = sender.send(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"));
        });
        receiver.await.unwrap_or(false)
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

/// Something under way: a moving line at a terminal, else a line now and then. Dropped unfinished, it says so.
#[derive(Debug)]
pub struct Phase {
    terminal: Terminal,
    what: String,
    bar: ProgressBar,
    began: Instant,
    told: Instant,
    done: bool,
}

impl Phase {
    /// What it is at.
    pub fn note(&mut self, at: impl Into<Cow<'static, str>>) {
        let at = at.into();
        if self.terminal.live {
            self.bar.set_message(at);
        } else if self.told.elapsed() >= PLAIN_INTERVAL {
            self.told = Instant::now();
            self.terminal.say(format!("  {} so far: {at}", seconds(self.began.elapsed())));
        }
    }

    /// It is done; says how long it took.
    pub fn done(mut self, result: &str) {
        self.done = true;
        self.bar.finish_and_clear();
        let between = if result.is_empty() { "" } else { ": " };
        let tick = Style::new().green().apply_to("done");
        self.terminal.say(format!("{tick} {}{between}{result} ({})", self.what, seconds(self.began.elapsed())));
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if !self.done {
            self.bar.finish_and_clear();
            let cross = Style::new().red().apply_to("not done:");
            self.terminal.say(format!("{cross} {} ({})", self.what, seconds(self.began.elapsed())));
        }
    }
}

/// `0.4 s`, `12 s`, `3 min 05 s`.
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// `812 B`, `1.2 kB`, `3.4 MB`.
pub fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// `1 model`, `2 models`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_to_read() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(59)), "59 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn counts_agree_with_their_words() {
        assert_eq!(count(1, "model", "models"), "1 model");
        assert_eq!(count(0, "model", "models"), "0 models");
    }
}
