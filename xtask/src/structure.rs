//! `cargo xtask structure`: the cut of the code, held by a check.
//!
//! The table below is the picture in ARCHITECTURE.md as data. A new arrow between crates is a change of the design:
//! it is made there first, then here. What decides (protocol, connector, queue) stays free of runtimes, sockets,
//! stores and randomness, also through what its dependencies bring along.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::command::{self, TaskError, cargo};
use crate::tidy;

/// What one of our packages may name among the others, in any kind of dependency.
struct Rule {
    package: &'static str,
    may_use: &'static [&'static str],
    /// Foreign crates that must not be in its tree, however deep.
    must_not_reach: &'static [&'static str],
}

const IMPURE: &[&str] = &[
    "axum",
    "getrandom",
    "http",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "rusqlite",
    "rustls",
    "socket2",
    "tokio",
    "tracing",
];
const NOT_THE_STORE: &[&str] = &["rusqlite", "libsqlite3-sys"];
const NOT_A_SERVER: &[&str] = &["axum", "rusqlite", "libsqlite3-sys"];

/// The feature of a package with which a test can break it on purpose.
const BREAKS: &str = "broken";

/// From the floor up, in the order of ARCHITECTURE.md.
const RULES: &[Rule] = &[
    Rule { package: "anteroom-protocol", may_use: &[], must_not_reach: IMPURE },
    Rule { package: "anteroom-connector", may_use: &["anteroom-protocol"], must_not_reach: IMPURE },
    Rule { package: "anteroom-queue", may_use: &["anteroom-protocol"], must_not_reach: IMPURE },
    Rule {
        package: "anteroom-store",
        may_use: &["anteroom-protocol", "anteroom-queue"],
        must_not_reach: &["axum", "http", "hyper"],
    },
    Rule { package: "anteroom-listen", may_use: &[], must_not_reach: NOT_A_SERVER },
    Rule {
        package: "anteroom-tower",
        may_use: &["anteroom-protocol", "anteroom-connector"],
        must_not_reach: NOT_A_SERVER,
    },
    Rule {
        package: "anteroom-capi",
        may_use: &["anteroom-protocol", "anteroom-connector"],
        // Random bytes come from the host's operating system; everything else that is impure is the host's affair.
        must_not_reach: &[
            "axum", "http", "hyper", "mio", "rusqlite", "rustls", "socket2", "tokio", "tracing",
        ],
    },
    Rule {
        package: "anteroom-gateway",
        may_use: &["anteroom-protocol", "anteroom-tower", "anteroom-listen"],
        must_not_reach: NOT_THE_STORE,
    },
    Rule {
        package: "anteroom-room",
        may_use: &["anteroom-protocol", "anteroom-queue", "anteroom-store", "anteroom-listen"],
        must_not_reach: &[],
    },
    Rule {
        package: "anteroom-platform",
        may_use: &["anteroom-protocol", "anteroom-queue", "anteroom-store", "anteroom-listen"],
        must_not_reach: &[],
    },
    Rule {
        package: "anteroom",
        may_use: &[
            "anteroom-protocol",
            "anteroom-queue",
            "anteroom-store",
            "anteroom-listen",
            "anteroom-connector",
            "anteroom-tower",
            "anteroom-gateway",
            "anteroom-room",
            "anteroom-platform",
        ],
        must_not_reach: &[],
    },
    Rule {
        package: "anteroom-simulator",
        may_use: &["anteroom-protocol", "anteroom-connector", "anteroom-queue", "anteroom-store"],
        must_not_reach: &["axum", "http", "hyper"],
    },
    Rule { package: "xtask", may_use: &["anteroom-simulator"], must_not_reach: &["axum", "http", "hyper"] },
];

/// Compares the workspace with the rules and reports every fault at once.
pub(crate) fn run(root: &Path) -> Result<(), TaskError> {
    let packages = packages(root)?;
    let mut faults = arrow_faults(&packages);
    for rule in RULES.iter().filter(|rule| !rule.must_not_reach.is_empty()) {
        if packages.contains_key(rule.package) {
            faults.extend(reach_faults(rule, &reached(root, rule.package)?));
        }
    }
    faults.extend(lint_faults(root, &packages)?);
    let folders: Vec<_> = packages
        .values()
        .filter_map(|package| Path::new(&package.manifest).parent())
        .map(Path::to_owned)
        .collect();
    faults.extend(tidy::faults(root, &folders)?);
    if faults.is_empty() {
        println!(
            "{} crates, no arrow that is not in the table, and every file is as it should be",
            packages.len()
        );
        return Ok(());
    }
    let mut text = String::new();
    for fault in &faults {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  - {fault}");
    }
    text.push_str(
        "  A new arrow is a change of the design: ARCHITECTURE.md first, then xtask/src/structure.rs. \
         What a file must be stands in xtask/src/tidy.rs.",
    );
    Err(TaskError::Faults { check: "the structure check", count: faults.len(), faults: text })
}

/// The workspace as cargo describes it, without foreign packages.
pub(crate) fn metadata(root: &Path) -> Result<Value, TaskError> {
    let mut command = cargo(root);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let text = command::read(&mut command, "Cargo.lock must fit the manifests: cargo check")?;
    serde_json::from_str(&text).map_err(|error| TaskError::Unreadable {
        command: "cargo metadata".to_owned(),
        reason: error.to_string(),
    })
}

/// What a package of ours names among ours, and where its manifest is.
struct Package {
    uses: BTreeSet<String>,
    /// Whether it turns on what breaks the engine, other than for its tests.
    can_break: bool,
    manifest: String,
}

fn packages(root: &Path) -> Result<BTreeMap<String, Package>, TaskError> {
    let metadata = metadata(root)?;
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = list(&metadata, "packages");
    let ours: BTreeSet<String> = all.iter().map(|package| text(package, "name")).collect();
    let described = all.iter().map(|package| {
        let named = list(package, "dependencies");
        let can_break = named.iter().any(|dependency| {
            let features = list(dependency, "features");
            let is_for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            !is_for_tests && features.iter().any(|feature| feature.as_str() == Some(BREAKS))
        });
        let uses = named.iter().map(|dependency| text(dependency, "name")).filter(|name| ours.contains(name));
        let manifest = text(package, "manifest_path");
        (text(package, "name"), Package { uses: uses.collect(), can_break, manifest })
    });
    Ok(described.collect())
}

fn arrow_faults(packages: &BTreeMap<String, Package>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, package) in packages {
        if package.can_break {
            faults.push(format!("{name} must not turn on the feature {BREAKS}: it is for tests alone"));
        }
        let Some(rule) = RULES.iter().find(|rule| rule.package == name) else {
            faults.push(format!("{name} is not in the table of crates"));
            continue;
        };
        for used in &package.uses {
            // A crate may name itself for its own tests, with other features.
            if used != name && !rule.may_use.contains(&used.as_str()) {
                faults.push(format!("{name} must not use {used}"));
            }
        }
    }
    for rule in RULES.iter().filter(|rule| !packages.contains_key(rule.package)) {
        faults.push(format!("{} is in the table of crates, but not in the workspace", rule.package));
    }
    faults
}

fn reach_faults(rule: &Rule, reached: &BTreeSet<String>) -> Vec<String> {
    let found = rule.must_not_reach.iter().filter(|forbidden| reached.contains(**forbidden));
    found
        .map(|forbidden| {
            let package = rule.package;
            format!(
                "{package} must not reach {forbidden} (see: cargo tree -e normal -p {package} -i {forbidden})"
            )
        })
        .collect()
}

/// The names in the tree of normal dependencies, with the features that this package alone asks for.
fn reached(root: &Path, package: &str) -> Result<BTreeSet<String>, TaskError> {
    let mut tree = cargo(root);
    tree.args([
        "tree",
        "--locked",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        package,
    ]);
    let text = command::read(&mut tree, "Cargo.lock must fit the manifests: cargo check")?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The workspace forbids unsafe code, which no crate can lift; so each has only to take part.
/// The only package with unsafe code: a C interface cannot do without.
const MAY_BE_UNSAFE: &str = "anteroom-capi";

fn lint_faults(root: &Path, packages: &BTreeMap<String, Package>) -> Result<Vec<String>, TaskError> {
    let mut faults = Vec::new();
    let workspace = manifest(&root.join("Cargo.toml"))?;
    let common = lints(workspace.get("workspace").and_then(|workspace| workspace.get("lints")));
    if common.get("rust.unsafe_code").and_then(toml::Value::as_str) != Some("forbid") {
        faults.push("the workspace must forbid unsafe_code".to_owned());
    }
    for (name, package) in packages {
        let manifest = manifest(Path::new(&package.manifest))?;
        if name == MAY_BE_UNSAFE {
            let own = lints(manifest.get("lints"));
            // It may have more, but of the workspace's it lacks only this one.
            let lacking = common.iter().filter(|(lint, level)| own.get(*lint) != Some(*level));
            let lacking = lacking.map(|(lint, _)| lint.as_str()).filter(|lint| *lint != "rust.unsafe_code");
            faults.extend(lacking.map(|lint| format!("{name} must take the workspace's level of {lint}")));
            continue;
        }
        let taken = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        if taken != Some(true) {
            faults.push(format!("{name} must take the lints of the workspace"));
        }
    }
    Ok(faults)
}

/// The levels of a table of lints, each with its tool's name before it.
fn lints(table: Option<&toml::Value>) -> BTreeMap<String, toml::Value> {
    let tools = table.and_then(toml::Value::as_table).into_iter().flatten();
    let lints = tools.filter_map(|(tool, lints)| Some((tool, lints.as_table()?)));
    lints
        .flat_map(|(tool, lints)| {
            lints.iter().map(move |(lint, level)| (format!("{tool}.{lint}"), level.clone()))
        })
        .collect()
}

fn manifest(path: &Path) -> Result<toml::Table, TaskError> {
    let unreadable = |reason: String| TaskError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    text.parse().map_err(|error: toml::de::Error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(uses: &[&str]) -> Package {
        let uses = uses.iter().map(|name| (*name).to_owned()).collect();
        Package { uses, can_break: false, manifest: String::new() }
    }

    fn workspace_as_intended() -> BTreeMap<String, Package> {
        RULES.iter().map(|rule| (rule.package.to_owned(), package(rule.may_use))).collect()
    }

    #[test]
    fn workspace_has_only_the_intended_arrows() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace");
        run(root).map_err(|failure| failure.to_string()).expect("the cut of the code holds");
    }

    #[test]
    fn arrows_of_the_table_point_down_only() {
        for (place, rule) in RULES.iter().enumerate() {
            let below: Vec<&str> = RULES.iter().take(place).map(|lower| lower.package).collect();
            for used in rule.may_use {
                assert!(below.contains(used), "{} uses {used}, which is not below it", rule.package);
            }
        }
    }

    #[test]
    fn columns_do_not_meet() {
        let at_the_site = ["anteroom-connector", "anteroom-tower", "anteroom-gateway"];
        let at_the_installation = ["anteroom-queue", "anteroom-store", "anteroom-room", "anteroom-platform"];
        for rule in RULES {
            let other: &[&str] = match rule.package {
                name if at_the_site.contains(&name) => &at_the_installation,
                name if at_the_installation.contains(&name) => &at_the_site,
                _ => continue,
            };
            assert!(rule.may_use.iter().all(|used| !other.contains(used)), "{} crosses over", rule.package);
        }
    }

    #[test]
    fn forbidden_arrow_is_reported() {
        let mut packages = workspace_as_intended();
        packages.insert("anteroom-room".to_owned(), package(&["anteroom-connector", "anteroom-store"]));
        assert_eq!(arrow_faults(&packages), ["anteroom-room must not use anteroom-connector"]);
    }

    #[test]
    fn program_that_can_be_broken_is_reported() {
        let mut packages = workspace_as_intended();
        packages.insert("anteroom".to_owned(), Package { can_break: true, ..package(&[]) });
        assert_eq!(arrow_faults(&packages).len(), 1);
    }

    #[test]
    fn crate_outside_the_table_is_reported() {
        let mut packages = workspace_as_intended();
        packages.insert("anteroom-utility".to_owned(), package(&[]));
        assert_eq!(arrow_faults(&packages), ["anteroom-utility is not in the table of crates"]);
    }

    #[test]
    fn heavy_crate_below_a_pure_one_is_reported() {
        let reached = ["anteroom-queue", "serde", "tokio"].map(str::to_owned).into();
        let rule = RULES.iter().find(|rule| rule.package == "anteroom-queue").expect("queue is in the table");
        assert_eq!(reach_faults(rule, &reached).len(), 1);
    }
}
