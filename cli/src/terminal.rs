//! Standard output: colours and a progress line at a terminal, plain lines elsewhere.

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

use crate::{environment, text::seconds};

/// The interval of plain progress lines, where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Standard output of the command. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Terminal {
    out: Term,
    bars: MultiProgress,
    live: bool,
    /// Whether nothing is printed, for tests that start a stack.
    quiet: bool,
    /// Whether the command runs until Ctrl-C, so that Ctrl-C is a success.
    runs_until_interrupted: Arc<AtomicBool>,
}

impl Terminal {
    /// Standard output; colours and progress lines if it is a terminal and `CI` is not set.
    pub fn new() -> Self {
        let out = Term::stdout();
        let live = out.is_term() && !environment::is_ci();
        if !live {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
        let target = if live { ProgressDrawTarget::term(out.clone(), 10) } else { ProgressDrawTarget::hidden() };
        Self {
            out,
            bars: MultiProgress::with_draw_target(target),
            live,
            quiet: false,
            runs_until_interrupted: Arc::default(),
        }
    }

    /// A terminal that prints nothing.
    pub fn silent() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self { out: Term::stdout(), bars, live: false, quiet: true, runs_until_interrupted: Arc::default() }
    }

    /// Whether questions can be asked: standard input and output are a terminal, and `CI` is not set.
    pub fn is_interactive(&self) -> bool {
        self.live && std::io::stdin().is_terminal()
    }

    /// Makes Ctrl-C the regular end of the command, with exit code 0.
    pub fn until_interrupted(&self) {
        self.runs_until_interrupted.store(true, Ordering::Relaxed);
    }

    /// Whether [`Terminal::until_interrupted`] was called.
    pub fn ends_by_interruption(&self) -> bool {
        self.runs_until_interrupted.load(Ordering::Relaxed)
    }

    /// Prints a line, or several.
    pub fn print(&self, text: impl AsRef<str>) {
        if self.quiet {
            return;
        }
        // Output to a closed pipe (`landfall status | head`) is not an error.
        let _ = if self.live { self.bars.println(text) } else { self.out.write_line(text.as_ref()) };
    }

    /// Prints a heading after an empty line.
    pub fn heading(&self, text: &str) {
        self.print(format!("\n{}", Style::new().bold().apply_to(text)));
    }

    /// Prints a problem that does not end the command.
    pub fn warn(&self, text: &str) {
        self.print(format!("{} {text}", Style::new().yellow().apply_to("warning:")));
    }

    /// Starts a phase that takes seconds or minutes, and shows its progress.
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
            self.print(format!("{what} ..."));
            ProgressBar::hidden()
        };
        Phase { terminal: self.clone(), what, bar, began: Instant::now(), last_line_at: Instant::now(), done: false }
    }

    /// Asks a yes-or-no question. Returns false for Enter, and without a terminal.
    pub async fn confirm(&self, question: &str) -> bool {
        if !self.is_interactive() {
            return false;
        }
        self.print(format!("{question} [y/N]"));
        let term = self.out.clone();
        // After Ctrl-C the thread still waits for the read, and ends with the process.
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

/// A phase of the command, with its progress. If it is dropped before [`Phase::done`], it is printed as not done.
#[derive(Debug)]
pub struct Phase {
    terminal: Terminal,
    what: String,
    bar: ProgressBar,
    began: Instant,
    last_line_at: Instant,
    done: bool,
}

impl Phase {
    /// Shows the current step of the phase.
    pub fn note(&mut self, step: impl Into<Cow<'static, str>>) {
        let step = step.into();
        if self.terminal.live {
            self.bar.set_message(step);
        } else if self.last_line_at.elapsed() >= PLAIN_INTERVAL {
            self.last_line_at = Instant::now();
            self.terminal.print(format!("  {} so far: {step}", seconds(self.began.elapsed())));
        }
    }

    /// Ends the phase, and prints its result and duration.
    pub fn done(mut self, result: &str) {
        self.done = true;
        self.bar.finish_and_clear();
        let between = if result.is_empty() { "" } else { ": " };
        let tick = Style::new().green().apply_to("done");
        self.terminal.print(format!("{tick} {}{between}{result} ({})", self.what, seconds(self.began.elapsed())));
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if !self.done {
            self.bar.finish_and_clear();
            let cross = Style::new().red().apply_to("not done:");
            self.terminal.print(format!("{cross} {} ({})", self.what, seconds(self.began.elapsed())));
        }
    }
}
