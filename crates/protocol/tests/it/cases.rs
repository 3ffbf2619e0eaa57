//! The golden cases as data, and an account of which are run: none is left out without a reason.

use std::collections::BTreeMap;

use serde_json::Value;

/// The cases of a file.
pub(crate) fn load(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    match document["vectors"].take() {
        Value::Array(cases) => cases,
        other => panic!("{path}: {other}"),
    }
}

/// What a case demands of us: the recommendation where there is one.
pub(crate) fn demanded(case: &Value) -> &Value {
    case.get("recommended_expected").unwrap_or(&case["expected"])
}

/// A case's name.
pub(crate) fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap()
}

/// What came of a file's cases.
#[derive(Default)]
pub(crate) struct Tally {
    run: usize,
    failed: Vec<String>,
    skipped: BTreeMap<&'static str, Vec<String>>,
}

impl Tally {
    /// Runs every case that nothing speaks against.
    pub(crate) fn of(
        file: &str,
        reason_to_skip: impl Fn(&Value) -> Option<&'static str>,
        run: impl Fn(&Value) -> Result<(), String>,
    ) -> Self {
        let mut tally = Self::default();
        for case in load(file) {
            if let Some(reason) = reason_to_skip(&case) {
                tally.skipped.entry(reason).or_default().push(id(&case).to_owned());
                continue;
            }
            tally.run += 1;
            if let Err(difference) = run(&case) {
                tally.failed.push(format!("{}: {difference}", id(&case)));
            }
        }
        tally
    }

    /// All that were run must have passed, and these many and no others must have been.
    pub(crate) fn check(self, run: usize, skipped: &[(&str, usize)]) {
        assert!(self.failed.is_empty(), "{} failed:\n{}", self.failed.len(), self.failed.join("\n"));
        let counted = self.skipped.iter().map(|(reason, ids)| (*reason, ids.len())).collect::<Vec<_>>();
        assert_eq!((self.run, counted.as_slice()), (run, skipped), "skipped: {:#?}", self.skipped);
    }
}
