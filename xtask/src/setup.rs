//! `cargo xtask setup`: finds out what the checks and tests need and this machine lacks, says so, and installs it.
//!
//! Only three kinds of things are ever installed: Debian packages (as root or by passwordless sudo), the npm
//! packages of `tests/e2e` by their lock file, and cargo-deny by its own. Everything else is named, with what to do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, TaskError, cargo, program};

/// The cargo-deny that `deny.toml` is written for; an installed one of another version is used as it is.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// The first Node.js whose test runner has all that `tests/e2e` uses.
const NODE_MAJOR_MIN: u64 = 20;
/// The browser, a font so that pages have letters in them, the servers of the store's tests (the package makes a service
/// of its own too, which the tests do not use), what watches the calls of a process for the tests of power cuts, and what
/// compiles and watches the programs in C.
const DEBIAN_PACKAGES: [&str; 7] =
    ["chromium", "fonts-dejavu-core", "redis-server", "strace", "gcc", "libc6-dev", "valgrind"];
/// What the tests of the store and of the C interface start.
const TEST_PROGRAMS: [&str; 5] = ["redis-server", "redis-cli", "strace", "gcc", "valgrind"];
/// Names a browser that is not on the path as `chromium`; the tests read it too.
const BROWSER_VARIABLE: &str = "ANTEROOM_CHROMIUM";

/// Whether `setup` may change the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Install what is missing.
    Install,
    /// Only say what is missing.
    Say,
}

impl Mode {
    pub(crate) fn from_flag(no_install: bool) -> Self {
        if no_install { Self::Say } else { Self::Install }
    }
}

/// One thing that is not there.
struct Missing {
    what: String,
    remedy: Remedy,
}

enum Remedy {
    Debian,
    Npm,
    CargoDeny,
    /// A person has to do it.
    ByHand(String),
}

/// Looks, tells, and installs as far as `mode` and the machine allow.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<(), TaskError> {
    let missing = find_missing(root)?;
    if missing.is_empty() {
        println!(
            "everything is there: rustfmt, clippy, Node.js, npm packages, browser, redis-server, strace, gcc, valgrind, \
             cargo-deny"
        );
        say_what_is_not_tested();
        return Ok(());
    }
    // What only a person can do comes first: there is no use in installing half.
    let stops: Vec<&Missing> = missing
        .iter()
        .filter(|one| mode == Mode::Say || matches!(one.remedy, Remedy::ByHand(_)) || may_not(&one.remedy))
        .collect();
    if !stops.is_empty() {
        let lines: Vec<String> =
            stops.iter().map(|one| format!("  {}: {}", one.what, remedy_text(&one.remedy))).collect();
        let advice = "run the commands above, then this again".to_owned();
        return Err(TaskError::Missing { missing: lines.join("\n"), advice });
    }
    for one in &missing {
        println!("missing: {}; doing: {}", one.what, remedy_text(&one.remedy));
        match &one.remedy {
            Remedy::Debian => install_debian(root)?,
            Remedy::Npm => command::run(
                program(&e2e(root), "npm").args(["ci"]),
                "the npm registry must be reachable; tests/e2e/package-lock.json says what is wanted",
            )?,
            Remedy::CargoDeny => command::run(
                cargo(root).args(["install", "--locked", "cargo-deny", "--version", CARGO_DENY_VERSION]),
                "it takes some minutes to build, and the registry must be reachable",
            )?,
            Remedy::ByHand(_) => {}
        }
    }
    say_what_is_not_tested();
    Ok(())
}

/// Some tests need rights that a container may not give. They pass without them, so it is said here.
fn say_what_is_not_tested() {
    if !command::succeeds(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        println!("NOT TESTED on this machine: power cuts, because strace may not trace processes here");
    }
    if !is_root() {
        println!("NOT TESTED on this machine: a full disk, because only root may mount a small one");
    }
}

fn find_missing(root: &Path) -> Result<Vec<Missing>, TaskError> {
    let mut missing = Vec::new();
    for component in ["fmt", "clippy"] {
        if !command::succeeds(cargo(root).args([component, "--version"])) {
            let remedy = Remedy::ByHand("rustup component add rustfmt clippy".to_owned());
            missing.push(Missing { what: format!("cargo {component}"), remedy });
        }
    }
    if node_major(root).is_none_or(|major| major < NODE_MAJOR_MIN) {
        missing.push(Missing {
            what: format!("Node.js {NODE_MAJOR_MIN} or newer, with npm"),
            remedy: Remedy::ByHand("install it from your distribution or from nodejs.org".to_owned()),
        });
    }
    if browser().is_none() {
        let remedy = match std::env::var_os(BROWSER_VARIABLE) {
            Some(_) => Remedy::ByHand(format!("{BROWSER_VARIABLE} names no file: mend or unset it")),
            None => Remedy::Debian,
        };
        missing.push(Missing { what: "the browser Chromium".to_owned(), remedy });
    }
    if TEST_PROGRAMS.iter().any(|name| which(name).is_none()) {
        missing.push(Missing { what: TEST_PROGRAMS.join(" or "), remedy: Remedy::Debian });
    }
    let packages = missing_npm_packages(&e2e(root))?;
    if packages > 0 {
        let what = format!("{packages} npm package(s) of tests/e2e");
        missing.push(Missing { what, remedy: Remedy::Npm });
    }
    if !command::succeeds(cargo(root).args(["deny", "--version"])) {
        missing.push(Missing { what: "cargo-deny".to_owned(), remedy: Remedy::CargoDeny });
    }
    Ok(missing)
}

fn remedy_text(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Debian if which("apt-get").is_some() => {
            format!("apt-get install --no-install-recommends {} (as root)", DEBIAN_PACKAGES.join(" "))
        }
        Remedy::Debian => format!(
            "install Chromium, or name a browser of its kind in {BROWSER_VARIABLE}; Redis 7 or newer; strace; gcc; and \
             valgrind"
        ),
        Remedy::Npm => "npm ci (in tests/e2e)".to_owned(),
        Remedy::CargoDeny => format!("cargo install --locked cargo-deny --version {CARGO_DENY_VERSION}"),
        Remedy::ByHand(advice) => advice.clone(),
    }
}

fn may_not(remedy: &Remedy) -> bool {
    matches!(remedy, Remedy::Debian)
        && privileged("true").is_none_or(|mut trial| !command::succeeds(&mut trial))
}

fn install_debian(root: &Path) -> Result<(), TaskError> {
    let advice = "see what apt-get said above";
    for arguments in [&["update", "-q"][..], &["install", "-q", "-y", "--no-install-recommends"][..]] {
        let Some(mut apt) = privileged("apt-get") else { return Ok(()) };
        apt.current_dir(root).args(arguments);
        if arguments.contains(&"install") {
            apt.args(DEBIAN_PACKAGES);
        }
        // Nobody is there to answer the questions of a package.
        if is_root() {
            apt.env("DEBIAN_FRONTEND", "noninteractive");
        }
        command::run(&mut apt, advice)?;
    }
    Ok(())
}

/// A command that runs as root, if this machine is Debian-like and we can be root without asking anybody.
fn privileged(name: &str) -> Option<Command> {
    which("apt-get")?;
    if is_root() {
        return Some(Command::new(name));
    }
    let mut sudo = Command::new(which("sudo")?);
    sudo.args(["-n", name]);
    Some(sudo)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn node_major(root: &Path) -> Option<u64> {
    let version = command::read(program(root, "node").arg("--version"), "").ok()?;
    if !command::succeeds(program(root, "npm").arg("--version")) {
        return None;
    }
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

fn browser() -> Option<PathBuf> {
    match std::env::var_os(BROWSER_VARIABLE) {
        Some(named) => Some(PathBuf::from(named)).filter(|path| path.is_file()),
        None => which("chromium"),
    }
}

/// How many packages of the lock file are not installed in just the locked version.
fn missing_npm_packages(folder: &Path) -> Result<usize, TaskError> {
    let path = folder.join("package-lock.json");
    let unreadable = |reason: String| TaskError::File { path: path.display().to_string(), reason };
    let lock = read_json(&path).map_err(unreadable)?;
    let Some(packages) = lock.get("packages").and_then(serde_json::Value::as_object) else {
        return Err(unreadable("it lists no packages".to_owned()));
    };
    let is_installed = |place: &str, locked: &serde_json::Value| {
        locked.get("optional").is_some()
            || read_json(&folder.join(place).join("package.json"))
                .is_ok_and(|installed| installed.get("version") == locked.get("version"))
    };
    Ok(packages.iter().filter(|(place, locked)| !place.is_empty() && !is_installed(place, locked)).count())
}

fn read_json(path: &Path) -> Result<serde_json::Value, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

fn e2e(root: &Path) -> PathBuf {
    root.join("tests/e2e")
}
