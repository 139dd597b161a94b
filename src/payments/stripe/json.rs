//! Reading a few fields out of JSON that somebody else wrote, and nothing more of it.
//!
//! What is not asked for is skipped without being understood, so that a number of a thousand digits
//! or a nesting of ten thousand levels somewhere in a payload is nobody's problem.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// An object's fields, their values still as text.
pub struct Object<'a> {
    path: String,
    fields: HashMap<Cow<'a, str>, &'a RawValue>,
}

/// A field that is not what it should be, in words.
#[derive(Debug, PartialEq)]
pub struct Unreadable(pub String);

pub type Result<T> = std::result::Result<T, Unreadable>;

impl<'a> Object<'a> {
    pub fn parse(text: &'a str) -> Result<Object<'a>> {
        Object::at(String::new(), text)
    }

    fn at(path: String, text: &'a str) -> Result<Object<'a>> {
        match serde_json::from_str(text) {
            Ok(fields) => Ok(Object { path, fields }),
            Err(_) if path.is_empty() => Err(Unreadable("the payload is no JSON object".into())),
            Err(_) => Err(Unreadable(format!("{path} is no object"))),
        }
    }

    /// The text of a field's value; `null` is the same as none.
    fn raw(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name).map(|value| value.get()).filter(|text| *text != "null")
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub fn object(&self, name: &str) -> Result<Option<Object<'a>>> {
        self.raw(name).map(|text| Object::at(self.path(name), text)).transpose()
    }

    pub fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, "text", |text| serde_json::from_str(text).ok())
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.read(name, "an integer that can be stored", |text| text.parse().ok())
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, "true or false", |text| text.parse().ok())
    }

    /// What `value` found under `name`, which must be there.
    pub fn required<T>(&self, name: &str, value: Result<Option<T>>) -> Result<T> {
        value?.ok_or_else(|| Unreadable(format!("{} is missing", self.path(name))))
    }

    fn read<T>(
        &self,
        name: &str,
        what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(Unreadable(format!("{} is not {what}", self.path(name)))),
        }
    }
}
