//! Values as the test vectors spell them: integers as decimal strings, nil as null.

use iqfeed_gateway_client::{Map, Value};
use serde_json::{Map as JsonMap, Value as Json};

/// Spell a value.
pub fn spell(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Boolean(is_true) => Json::Bool(*is_true),
        Value::Unsigned(number) => Json::String(number.to_string()),
        Value::Negative(number) => Json::String(number.to_string()),
        Value::Float(number) => serde_json::Number::from_f64(*number).into(),
        Value::Text(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(spell).collect()),
        Value::Map(map) => Json::Object(spell_map(map)),
    }
}

fn spell_map(map: &Map) -> JsonMap<String, Json> {
    map.iter()
        .map(|(name, value)| (name.clone(), spell(value)))
        .collect()
}

/// Spell named fields as an object.
pub fn spell_fields(fields: &[(&'static str, Value)]) -> JsonMap<String, Json> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), spell(value)))
        .collect()
}
