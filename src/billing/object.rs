//! JSON objects as arguments: definitions whose every key has a meaning.

use crate::billing::price::Model;
use crate::billing::rounding::parse_decimal;
use crate::error::{Error, Result};
use crate::iam::check::nearest;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// What messages call the outermost object.
pub const WHOLE: &str = "the definition";
/// More is no list that somebody wrote.
const MOST: usize = 1000;

/// Changes of texts, each with the most characters that it may have: trimmed; a null, or nothing but spaces, takes away. A
/// `country` is two letters.
pub fn texts(changes: &str, known: &[(&str, usize)]) -> Result<Value> {
    let value: Value = serde_json::from_str(changes)
        .map_err(|error| Error::Malformed(format!("the changes can't be read: {error}")))?;
    let named: Vec<String> =
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    let keys: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
    let given = Object::new("changes", value, &keys)?;
    let mut read = Map::new();
    for (key, most) in known.iter().filter(|(key, _)| named.iter().any(|name| name == key)) {
        let text = given.text(key)?.map(|text| text.trim().to_owned());
        let text = text.filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| text.chars().count() > *most) {
            return Err(given.refuse(key, &format!("{most} characters at most")));
        }
        let is_country = |text: &String| {
            text.len() == 2 && text.chars().all(|letter| letter.is_ascii_uppercase())
        };
        if *key == "country" && !text.as_ref().is_none_or(is_country) {
            return Err(given.refuse(key, "two capital letters, as in ISO 3166-1"));
        }
        read.insert((*key).to_owned(), text.map_or(Value::Null, Value::String));
    }
    Ok(Value::Object(read))
}

/// A JSON object of which all keys are known. A null is as good as nothing.
pub struct Object<'a> {
    path: &'a str,
    fields: Map<String, Value>,
}

impl<'a> Object<'a> {
    pub fn new(path: &'a str, value: Value, known: &[&str]) -> Result<Object<'a>> {
        let Value::Object(fields) = value else {
            return Err(Error::Invalid(format!("{path} must be a JSON object")));
        };
        if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            let short: String = unknown.chars().take(60).collect();
            return Err(Error::UnknownKey(
                format!("{path} has no \"{short}\""),
                nearest(&short, known.iter().copied()),
            ));
        }
        Ok(Object { path, fields })
    }

    pub fn name(&self, field: &str) -> String {
        if self.path == WHOLE { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub fn refuse(&self, field: &str, wanted: &str) -> Error {
        Error::Invalid(format!("{} must be {wanted}", self.name(field)))
    }

    pub fn text(&self, field: &str) -> Result<Option<String>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.refuse(field, "a string")),
        }
    }

    pub fn flag(&self, field: &str) -> Result<Option<bool>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.refuse(field, "true or false")),
        }
    }

    /// The first of the choices where there is none.
    pub fn one_of(&self, field: &str, choices: &[&str]) -> Result<String> {
        match self.text(field)? {
            None => Ok(choices.first().copied().unwrap_or_default().to_owned()),
            Some(text) if choices.contains(&text.as_str()) => Ok(text),
            Some(_) => Err(self.refuse(field, &format!("one of {}", choices.join(", ")))),
        }
    }

    pub fn integer(&self, field: &str, wanted: &str) -> Result<Option<i64>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(integer) => Ok(Some(integer)),
                None if number.is_u64() => {
                    Err(Error::OutOfRange(format!("{} is out of range", self.name(field))))
                }
                None => Err(self.refuse(field, wanted)),
            },
            Some(_) => Err(self.refuse(field, wanted)),
        }
    }

    pub fn money(&self, field: &str) -> Result<Option<i64>> {
        const WANTED: &str = "an amount in minor units: a whole number, 0 or more";
        match self.integer(field, WANTED)? {
            Some(amount) if amount < 0 => Err(self.refuse(field, WANTED)),
            amount => Ok(amount),
        }
    }

    pub fn units(&self, field: &str) -> Result<Option<i64>> {
        const WANTED: &str = "a whole number, 0 or more";
        match self.integer(field, WANTED)? {
            Some(units) if units < 0 => Err(self.refuse(field, WANTED)),
            units => Ok(units),
        }
    }

    pub fn count(&self, field: &str, least: i32, most: i32) -> Result<Option<i32>> {
        let wanted = format!("a whole number from {least} to {most}");
        let Some(count) = self.integer(field, &wanted)? else { return Ok(None) };
        match i32::try_from(count) {
            Ok(count) if (least..=most).contains(&count) => Ok(Some(count)),
            _ => Err(self.refuse(field, &wanted)),
        }
    }

    /// A price for one unit, which may be a fraction of a minor unit: as a string, since JSON numbers may be floats.
    pub fn unit_price(&self, field: &str) -> Result<Option<Decimal>> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(self.refuse(field, "a decimal string such as \"12.50\""));
        };
        let price = parse_decimal(text)?;
        if price < Decimal::ZERO || price >= Decimal::from(10i64.pow(15)) {
            return Err(self.refuse(field, "from 0 to below 1000000000000000"));
        }
        Ok(Some(price.normalize()))
    }

    pub fn model(&self, field: &str) -> Result<Option<Value>> {
        let Some(value) = self.get(field) else { return Ok(None) };
        Model::from_value(value.clone())?;
        Ok(Some(value.clone()))
    }

    pub fn list(&self, field: &str) -> Result<Vec<(String, Value)>> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) if values.len() <= MOST => Ok(values
                .iter()
                .enumerate()
                .map(|(place, value)| (format!("{field}[{place}]"), value.clone()))
                .collect()),
            Some(_) => Err(self.refuse(field, &format!("an array of at most {MOST} objects"))),
        }
    }
}
