//! Running other programs: what is run is shown first, and a failure says what to do about it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::tally::Tally;

/// Why a task of ours did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// A program is not on this machine, or may not be run.
    #[error("cannot run `{command}`: {source}\n  {advice}")]
    NotStarted { command: String, advice: String, source: std::io::Error },
    /// A program ran and was not content.
    #[error("`{command}` failed ({status})\n  {advice}")]
    Failed { command: String, status: String, advice: String },
    /// A program's answer is not what we can read.
    #[error("cannot read the answer of `{command}`: {reason}")]
    Unreadable { command: String, reason: String },
    /// A file of the checkout cannot be read.
    #[error("cannot read {path}: {reason}")]
    File { path: String, reason: String },
    /// Something is missing, and we may not or cannot install it.
    #[error("missing on this machine:\n{missing}\n  {advice}")]
    Missing { missing: String, advice: String },
    /// A check of our own found faults.
    #[error("{count} fault(s) found by {check}:\n{faults}")]
    Faults { check: &'static str, count: usize, faults: String },
    /// The simulator saw something happen that must never happen.
    #[error("an invariant broke in a simulated world\n  {advice}")]
    BrokenInvariant { advice: String },
}

/// The cargo that started us, or the one on the path.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Any other program, run in the checkout.
pub(crate) fn program(root: &Path, name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root);
    command
}

/// Shows and runs a command, its output going where ours goes.
pub(crate) fn run(command: &mut Command, advice: &str) -> Result<(), TaskError> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().map_err(|source| not_started(&shown, advice, source))?;
    if status.success() { Ok(()) } else { Err(failed(&shown, status, advice)) }
}

/// Like [`run`], and also adds up the test results that the program prints.
pub(crate) fn run_tests(command: &mut Command, advice: &str) -> Result<Tally, TaskError> {
    let shown = show(command);
    println!("$ {shown}");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| not_started(&shown, advice, source))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (printed, reported) = thread::scope(|scope| {
        let errors =
            scope.spawn(|| stderr.map_or_else(Tally::default, |pipe| pass_on(pipe, std::io::stderr())));
        let printed = stdout.map_or_else(Tally::default, |pipe| pass_on(pipe, std::io::stdout()));
        (printed, errors.join().unwrap_or_default())
    });
    let status = child.wait().map_err(|source| not_started(&shown, advice, source))?;
    if status.success() { Ok(printed + reported) } else { Err(failed(&shown, status, advice)) }
}

/// Runs a command quietly and hands back what it printed.
pub(crate) fn read(command: &mut Command, advice: &str) -> Result<String, TaskError> {
    let shown = show(command);
    let output = command.output().map_err(|source| not_started(&shown, advice, source))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(failed(&shown, output.status, &format!("{}\n  {advice}", reason.trim())));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| TaskError::Unreadable { command: shown, reason: error.to_string() })
}

/// Whether a command can be run and is content; its output is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn pass_on(pipe: impl Read, mut to: impl Write) -> Tally {
    let mut tally = Tally::default();
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    // Read as bytes: a test may print anything. A broken pipe on our side must not stop the tests.
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let _ = to.write_all(&line);
        let _ = to.flush();
        tally = tally + Tally::of_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    tally
}

fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={:?}", name.to_string_lossy(), value.to_string_lossy()));
        }
    }
    let program = Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn not_started(command: &str, advice: &str, source: std::io::Error) -> TaskError {
    TaskError::NotStarted { command: command.to_owned(), advice: advice.to_owned(), source }
}

fn failed(command: &str, status: std::process::ExitStatus, advice: &str) -> TaskError {
    TaskError::Failed { command: command.to_owned(), status: status.to_string(), advice: advice.to_owned() }
}
