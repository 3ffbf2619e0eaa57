//! Writes the document as the official download has it: fields in its order, and what an author left out filled in,
//! so that every connector reads what ours reads.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::time::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::fields::{Absent, INTEGRATION, Object};
use crate::moment::iso;

/// Which edition of the document's schema this is.
const CONFIG_DATA_VERSION: &str = "1.0.0.1";

/// What stands around the integrations.
#[derive(Clone, Debug)]
pub(crate) struct Heading<'a> {
    pub(crate) customer: &'a CustomerId,
    pub(crate) version: u64,
    pub(crate) published_at: Timestamp,
    pub(crate) description: &'a str,
}

/// The document, byte for byte as connectors get it.
pub(crate) fn compose(heading: &Heading<'_>, integrations: &[Value]) -> Vec<u8> {
    let document = Document {
        description: heading.description,
        integrations: integrations.iter().map(|value| Filled { value, object: &INTEGRATION }).collect(),
        customer_id: heading.customer,
        account_id: heading.customer,
        version: heading.version,
        publish_date: iso(heading.published_at),
        config_data_version: CONFIG_DATA_VERSION,
    };
    serde_json::to_vec(&document).expect("writing to memory works because every key is a text")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    description: &'a str,
    integrations: Vec<Filled<'a>>,
    customer_id: &'a CustomerId,
    account_id: &'a CustomerId,
    version: u64,
    publish_date: String,
    config_data_version: &'static str,
}

/// A part of the draft, with what is absent filled in. What is not an object is written as it stands, for the check
/// to find.
struct Filled<'a> {
    value: &'a Value,
    object: &'static Object,
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(found) = self.value else { return self.value.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (name, absent) in self.object.fields {
            match found.get(*name) {
                Some(Value::Array(entries)) if self.list_object(name).is_some() => {
                    let object = self.list_object(name).unwrap_or(self.object);
                    let entries: Vec<_> = entries.iter().map(|value| Filled { value, object }).collect();
                    map.serialize_entry(name, &entries)?;
                }
                Some(value) => map.serialize_entry(name, value)?,
                None => match absent {
                    Absent::Null | Absent::List => map.serialize_entry(name, &())?,
                    Absent::False => map.serialize_entry(name, &false)?,
                    Absent::Empty => map.serialize_entry(name, "")?,
                },
            }
        }
        for (name, value) in unknown(found, self.object) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Filled<'_> {
    fn list_object(&self, name: &str) -> Option<&'static Object> {
        self.object.list.filter(|(list, _)| *list == name).map(|(_, object)| object)
    }
}

/// The fields that `object` does not have.
pub(super) fn unknown<'a>(
    found: &'a Map<String, Value>,
    object: &'static Object,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    found.iter().filter(|(name, _)| !object.fields.iter().any(|(known, _)| known == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn composed(integrations: &[Value]) -> String {
        let customer = "acme".parse().unwrap();
        let heading = Heading {
            customer: &customer,
            version: 7,
            published_at: Timestamp::from_millis(1_700_000_000_123),
            description: "spring",
        };
        String::from_utf8(compose(&heading, integrations)).unwrap()
    }

    #[test]
    fn document_has_the_official_heading() {
        assert_eq!(
            composed(&[]),
            r#"{"Description":"spring","Integrations":[],"CustomerId":"acme","AccountId":"acme","Version":7,"PublishDate":"2023-11-14T22:13:20.123Z","ConfigDataVersion":"1.0.0.1"}"#
        );
    }

    #[test]
    fn what_is_absent_is_filled_in_at_every_depth() {
        let document: Value = serde_json::from_str(&composed(&[json!({
            "ActionType": "Ignore",
            "Triggers": [{"LogicalOperator": "Or", "TriggerParts": [{"Operator": "Equals", "ValueToCompare": "/"}]}],
        })]))
        .unwrap();
        let integration = &document["Integrations"][0];
        assert_eq!(integration["Name"], "");
        assert_eq!(integration["EventId"], Value::Null);
        assert_eq!(integration["IsNormalizationEnabled"], false);
        let part = &integration["Triggers"][0]["TriggerParts"][0];
        assert_eq!(part["ValueToCompare"], "/");
        assert_eq!(part["IsNegative"], false);
        assert_eq!(part.as_object().unwrap().len(), 10);
    }

    #[test]
    fn nonsense_is_kept_for_the_check_to_find() {
        let text = composed(&[json!(5), json!({"Triggers": "x", "Colour": 1})]);
        assert!(text.contains(r#""Integrations":[5,{"#), "{text}");
        assert!(text.contains(r#""Triggers":"x""#), "{text}");
        assert!(text.contains(r#""Colour":1"#), "{text}");
    }
}
