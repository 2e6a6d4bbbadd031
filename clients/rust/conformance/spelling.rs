//! Values as the test vectors spell them: integers as decimal strings, nil as null.

use iqfeed_gateway_client::messages::PriceLevel;
use iqfeed_gateway_client::{Map, StreamItem, Value};
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
    map.iter().map(|(name, value)| (name.clone(), spell(value))).collect()
}

/// Spell named fields as an object.
pub fn spell_fields(fields: &[(&'static str, Value)]) -> JsonMap<String, Json> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), spell(value))).collect()
}

/// Spell an item of the stream: its name under `item`, its fields, and the topic.
pub fn spell_item(item: &StreamItem) -> Json {
    let mut spelled = spell_fields(&item.fields());
    spelled.insert("item".into(), item.name().into());
    if let StreamItem::Message(message) = item {
        let topic = format!("{},{},", message.kind(), message.symbol());
        spelled.insert("topic".into(), topic.into());
    }
    Json::Object(spelled)
}

/// Spell a price level of a mirror.
pub fn spell_level(level: &PriceLevel) -> Json {
    spell(&Value::from(level.clone()))
}

/// Take what a command gives as parameters, where integers are plain numbers.
pub fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(is_true) => Value::Boolean(*is_true),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Negative(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(0.0)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(value_of).collect()),
        Json::Object(map) => {
            Value::Map(map.iter().map(|(name, value)| (name.clone(), value_of(value))).collect())
        }
    }
}

/// Take the named fields only; a dot leads into a map.
pub fn pick(item: &Json, fields: &Json) -> Json {
    let names = fields.as_array().map_or(&[][..], Vec::as_slice);
    let names = names.iter().filter_map(Json::as_str);
    Json::Object(names.map(|name| (name.to_owned(), find(item, name).clone())).collect())
}

fn find<'a>(item: &'a Json, name: &str) -> &'a Json {
    match item.get(name) {
        Some(found) => found,
        None => name.split('.').fold(item, |inner, part| inner.get(part).unwrap_or(&Json::Null)),
    }
}

/// Whether an item is as a command wants it.
pub fn where_matches(item: &Json, wanted: &Json) -> bool {
    let Some(wanted) = wanted.as_object() else { return true };
    let bits = |json: &Json| json.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let flags = bits(find(item, "flags"));
    wanted.iter().all(|(name, value)| match name.as_str() {
        "flags_has" => flags & bits(value) == bits(value),
        "flags_not" => flags & bits(value) == 0,
        name => is_same(find(item, name), value),
    })
}

fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        _ => one == other,
    }
}
