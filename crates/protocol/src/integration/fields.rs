//! Reads the fields of a JSON document with their paths, and gathers everything that is wrong with them.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{PROBLEMS_MAX, TEXT_BYTES_MAX};
use crate::problem::Problem;

/// What was found wrong or odd so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Notes,
    pub(super) warnings: Notes,
}

/// So many notes are kept; the others are counted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    kept: Vec<Problem>,
    left_out: usize,
}

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn add(&mut self, path: String, found: impl Into<String>, expected: impl Into<String>) {
        if self.kept.len() < PROBLEMS_MAX {
            self.kept.push(Problem::new(path, found, expected));
        } else {
            self.left_out += 1;
        }
    }

    /// All notes, with one more at the end for those that were left out.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        if self.left_out > 0 {
            let found = format!("{} more of the same kind as these", self.left_out);
            self.kept.push(Problem::new("", found, format!("at most {PROBLEMS_MAX} that need to be told")));
        }
        self.kept
    }
}

/// Where a value stands, such as `Integrations[0].Triggers[1]`; written out only when something is to be said.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    above: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Document,
    Field(&'p str),
    Entry(usize),
}

impl<'p> Path<'p> {
    pub(super) const fn document() -> Self {
        Self { above: None, step: Step::Document }
    }

    const fn field(&'p self, name: &'p str) -> Self {
        Self { above: Some(self), step: Step::Field(name) }
    }

    const fn entry(&'p self, at: usize) -> Self {
        Self { above: Some(self), step: Step::Entry(at) }
    }

    fn write(&self, out: &mut String) {
        if let Some(above) = self.above {
            above.write(out);
        }
        match self.step {
            Step::Document => {}
            Step::Field(name) if out.is_empty() => out.push_str(name),
            // Writing to a String cannot fail.
            Step::Field(name) => drop(write!(out, ".{name}")),
            Step::Entry(at) => drop(write!(out, "[{at}]")),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// One JSON object and where it stands. Absent fields and `null` ones are the same unless said otherwise.
pub(super) struct Fields<'v, 'p> {
    object: &'v Map<String, Value>,
    path: Path<'p>,
}

impl<'v, 'p> Fields<'v, 'p> {
    /// Takes a value for an object, or notes that it is none.
    pub(super) fn of(value: &'v Value, path: Path<'p>, findings: &mut Findings) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self { object, path }),
            other => {
                findings.problems.add(path.text(), show(other), "an object");
                None
            }
        }
    }

    /// The value of a field as it stands; `None` only when it is absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'v Value> {
        self.object.get(name)
    }

    fn present(&self, name: &str) -> Option<&'v Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    pub(super) fn problem(&self, name: &str, expected: impl Into<String>, findings: &mut Findings) {
        let found = self.raw(name).map_or_else(|| "nothing".to_owned(), show);
        findings.problems.add(self.path.field(name).text(), found, expected);
    }

    pub(super) fn warning(&self, name: &str, expected: impl Into<String>, findings: &mut Findings) {
        let found = self.raw(name).map_or_else(|| "nothing".to_owned(), show);
        findings.warnings.add(self.path.field(name).text(), found, expected);
    }

    /// A text of bounded length; empty when there is none.
    pub(super) fn text(&self, name: &str, findings: &mut Findings) -> &'v str {
        match self.present(name) {
            None => "",
            Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => text,
            Some(Value::String(_)) => {
                self.problem(name, format!("a text of at most {TEXT_BYTES_MAX} bytes"), findings);
                ""
            }
            Some(_) => {
                self.problem(name, "a text or null", findings);
                ""
            }
        }
    }

    /// A text in which each character is allowed; empty when there is none.
    pub(super) fn text_of(
        &self,
        name: &str,
        is_allowed: fn(char) -> bool,
        expected: &str,
        findings: &mut Findings,
    ) -> &'v str {
        let text = self.text(name, findings);
        if !text.chars().all(is_allowed) {
            self.problem(name, expected, findings);
            return "";
        }
        text
    }

    /// False when there is none.
    pub(super) fn flag(&self, name: &str, findings: &mut Findings) -> bool {
        match self.present(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problem(name, "true, false or null", findings);
                false
            }
        }
    }

    /// The entries of a list of bounded length; nothing when there is none.
    pub(super) fn list(
        &self,
        name: &str,
        entries_max: usize,
        findings: &mut Findings,
    ) -> Option<&'v [Value]> {
        match self.present(name)? {
            Value::Array(entries) if entries.len() <= entries_max => Some(entries),
            Value::Array(entries) => {
                let path = self.path.field(name).text();
                findings.problems.add(
                    path,
                    format!("{} entries", entries.len()),
                    format!("at most {entries_max}"),
                );
                None
            }
            _ => {
                self.problem(name, "a list", findings);
                None
            }
        }
    }

    /// Like [`list`](Self::list), and notes when there is none.
    pub(super) fn needed_list(&self, name: &str, entries_max: usize, findings: &mut Findings) -> &'v [Value] {
        if self.present(name).is_none() {
            self.problem(name, "a list", findings);
            return &[];
        }
        self.list(name, entries_max, findings).unwrap_or_default()
    }

    /// The texts of a list, each of bounded length; empty when there is none.
    pub(super) fn texts(&self, name: &str, entries_max: usize, findings: &mut Findings) -> Vec<String> {
        let path = self.path.field(name);
        let mut texts = Vec::new();
        for (at, entry) in self.list(name, entries_max, findings).unwrap_or_default().iter().enumerate() {
            match entry {
                Value::String(text) if text.len() <= TEXT_BYTES_MAX => texts.push(text.clone()),
                other => {
                    let expected = format!("a text of at most {TEXT_BYTES_MAX} bytes");
                    findings.problems.add(path.entry(at).text(), show(other), expected);
                }
            }
        }
        texts
    }

    /// Notes a problem with an entry of a list.
    pub(super) fn entry_problem(
        &self,
        name: &str,
        at: usize,
        found: &str,
        expected: &str,
        findings: &mut Findings,
    ) {
        let path = self.path.field(name).entry(at).text();
        findings.problems.add(path, Problem::quote(found), expected);
    }

    /// Reads the objects of a list, leaving out what is none.
    pub(super) fn read_each<T>(
        &self,
        name: &str,
        entries: &'v [Value],
        findings: &mut Findings,
        read: impl Fn(&Fields<'v, '_>, &mut Findings) -> Option<T>,
    ) -> Vec<T> {
        let path = self.path.field(name);
        let mut found = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if let Some(fields) = Fields::of(entry, path.entry(at), findings) {
                found.extend(read(&fields, findings));
            }
        }
        found
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => Problem::quote(text),
        Value::Array(entries) if entries.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
