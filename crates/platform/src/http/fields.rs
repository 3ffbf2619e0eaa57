//! A JSON object of a request, read field by field. Everything wrong with it is gathered and told in one answer:
//! fields that are missing, of the wrong type, out of range, and fields nobody asked for, each with the nearest name
//! that exists.

use anteroom_protocol::problem::Problem;
use serde_json::{Map, Value};

use crate::nearest::unknown_field;
use crate::shown::shown;

/// The object and what was found wrong with it so far.
#[derive(Debug)]
pub(crate) struct Fields {
    object: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Takes the object; anything else in its place is the only problem there is.
    pub(crate) fn of(value: Value) -> Result<Self, Vec<Problem>> {
        match value {
            Value::Object(object) => Ok(Self { object, known: Vec::new(), problems: Vec::new() }),
            other => Err(vec![Problem {
                path: String::new(),
                found: shown(&other),
                expected: "a JSON object".into(),
            }]),
        }
    }

    /// A text of at most `chars_max` characters; absent and null are the same.
    pub(crate) fn text(&mut self, name: &'static str, chars_max: usize) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if text.chars().count() > chars_max => {
                self.refuse(
                    name,
                    format!("{} characters", text.chars().count()),
                    format!("at most {chars_max} characters"),
                );
                None
            }
            Value::String(text) => Some(text),
            other => {
                self.refuse(name, shown(&other), "a text".into());
                None
            }
        }
    }

    /// A text that must be there and not be blank.
    pub(crate) fn required_text(&mut self, name: &'static str, chars_max: usize) -> Option<String> {
        let problems_before = self.problems.len();
        match self.text(name, chars_max) {
            Some(text) if !text.trim().is_empty() => Some(text),
            found => {
                if self.problems.len() == problems_before {
                    let found = if found.is_some() { "an empty text" } else { "nothing" };
                    self.refuse(name, found.into(), "a text".into());
                }
                None
            }
        }
    }

    /// A whole number from 0 to 4,294,967,295; absent and null are the same. Tighter limits are the rules' affair.
    pub(crate) fn number(&mut self, name: &'static str) -> Option<u32> {
        let value = self.take(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.refuse(name, shown(&value), "a whole number".into());
        }
        number
    }

    /// A whole number that must be there.
    pub(crate) fn required_number(&mut self, name: &'static str) -> Option<u32> {
        let problems_before = self.problems.len();
        let number = self.number(name);
        if number.is_none() && self.problems.len() == problems_before {
            self.refuse(name, "nothing".into(), "a whole number".into());
        }
        number
    }

    /// A whole number, or null for none; absent is told apart from null.
    pub(crate) fn number_or_none(&mut self, name: &'static str) -> Option<Option<u32>> {
        if self.object.get(name).is_some_and(Value::is_null) {
            self.json(name);
            return Some(None);
        }
        self.number(name).map(Some)
    }

    /// Whole numbers, at most `count_max` of them.
    pub(crate) fn numbers(&mut self, name: &'static str, count_max: usize) -> Option<Vec<u32>> {
        let value = self.take(name)?;
        let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let numbers: Option<Vec<u32>> =
            value.as_array().and_then(|values| values.iter().map(number).collect());
        match numbers {
            Some(numbers) if numbers.len() <= count_max => Some(numbers),
            _ => {
                self.refuse(name, shown(&value), format!("a list of at most {count_max} whole numbers"));
                None
            }
        }
    }

    /// True or false.
    pub(crate) fn truth(&mut self, name: &'static str) -> Option<bool> {
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            self.refuse(name, shown(&value), "true or false".into());
        }
        value.as_bool()
    }

    /// One of some words, as what it stands for.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let value = self.take(name)?;
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("“{word}”")).collect();
            self.refuse(name, shown(&value), format!("one of {}", words.join(", ")));
        }
        found.map(|(_, meant)| *meant)
    }

    /// An object within this one, or null for none; absent is told apart from null. Its problems are told with its name.
    pub(crate) fn object_or_none<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        let value = self.json(name)?;
        if value.is_null() {
            return Some(None);
        }
        let read = Self::of(value).and_then(|mut fields| {
            let made = read(&mut fields);
            fields.finish(made)
        });
        match read {
            Ok(made) => Some(Some(made)),
            Err(problems) => {
                self.problems.extend(problems.into_iter().map(|problem| {
                    let path = match problem.path.as_str() {
                        "" => name.to_owned(),
                        path => format!("{name}.{path}"),
                    };
                    Problem { path, ..problem }
                }));
                None
            }
        }
    }

    /// Any JSON, to be read by somebody else; absent is told apart from null.
    pub(crate) fn json(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.object.remove(name)
    }

    /// Ends the reading: gives `made` when nothing was wrong, else every problem.
    pub(crate) fn finish<T>(mut self, made: Option<T>) -> Result<T, Vec<Problem>> {
        for name in self.object.keys() {
            self.problems.push(unknown_field("", name, &self.known));
        }
        match made {
            Some(made) if self.problems.is_empty() => Ok(made),
            _ => Err(self.problems),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.json(name).filter(|value| !value.is_null())
    }

    /// Notes that a field cannot be used.
    pub(crate) fn refuse(&mut self, name: &str, found: String, expected: String) {
        self.problems.push(Problem { path: name.to_owned(), found, expected });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut fields =
            Fields::of(json!({"outflowPerMinut": 5, "displayName": 7, "message": "toolong"})).unwrap();
        let outflow = fields.required_number("outflowPerMinute");
        let name = fields.text("displayName", 10);
        let message = fields.required_text("message", 3);
        let problems = fields.finish(outflow.zip(name).zip(message)).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["outflowPerMinute", "displayName", "message", "outflowPerMinut"]);
        assert!(problems[3].expected.contains("“outflowPerMinute”"), "{}", problems[3]);
    }

    #[test]
    fn null_is_the_same_as_absent() {
        let mut fields = Fields::of(json!({"message": null})).unwrap();
        assert_eq!(fields.text("message", 3), None);
        assert!(fields.finish(Some(())).is_ok());
    }

    #[test]
    fn only_an_object_is_read() {
        assert_eq!(Fields::of(json!([1])).unwrap_err()[0].expected, "a JSON object");
    }
}
