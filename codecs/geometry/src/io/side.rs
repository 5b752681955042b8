//! What a file says beside its shape and still means something when the surface is made anew: names, the only material, rights.

use std::io::Read;

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Most bytes of the text.
const MOST: u64 = 1 << 16;
/// What glTF says of a material without pictures.
const MATERIAL: [&str; 7] =
    ["name", "pbrMetallicRoughness", "emissiveFactor", "alphaMode", "alphaCutoff", "doubleSided", "extras"];
/// What it says of how light falls back, without pictures.
const FACTORS: [&str; 3] = ["baseColorFactor", "metallicFactor", "roughnessFactor"];

/// Names, the only material and rights of a mesh, as glTF has them. Textures are no part of it: what says where they go does not survive.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    fields: Map<String, Value>,
}

impl Side {
    /// Adds a text, if it is one.
    pub(super) fn add_text(&mut self, field: &str, value: Option<&Value>) {
        self.add(field, value.filter(|value| value.is_string()));
    }

    pub(super) fn add(&mut self, field: &str, value: Option<&Value>) {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if let Some(value) = value.filter(|value| !empty(value)) {
            self.fields.insert(field.to_owned(), value.clone());
        }
    }

    /// Adds a glTF material without its pictures.
    pub(super) fn add_material(&mut self, material: &Value) {
        let only = |value: &Value, keys: &[&str]| -> Map<String, Value> {
            let fields = value.as_object().into_iter().flatten();
            fields
                .filter(|(key, _)| keys.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let mut kept = only(material, &MATERIAL);
        if let Some(pbr) = kept.get_mut("pbrMetallicRoughness") {
            *pbr = Value::Object(only(pbr, &FACTORS));
        }
        self.add("material", Some(&Value::Object(kept)));
    }

    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// The name of the object.
    pub fn name(&self) -> Option<&str> {
        self.fields.get("name")?.as_str()
    }

    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// What it holds, in words such as "name, material".
    pub fn content(&self) -> String {
        self.fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// As JSON, deflated.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is longer than 64 KiB of text.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let text = Value::Object(self.fields.clone()).to_string();
        if text.len() as u64 > MOST {
            return Err(Error::shape(format!(
                "names, material and extras take {} bytes; {MOST} can be kept",
                text.len()
            )));
        }
        let written = (|| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            std::io::Write::write_all(&mut encoder, text.as_bytes())?;
            encoder.finish()
        })();
        written
            .map_err(|error: std::io::Error| Error::shape(format!("names and material cannot be compressed ({error})")))
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Core`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut text = Vec::new();
        let read = DeflateDecoder::new(bytes).take(MOST + 1).read_to_end(&mut text);
        if read.is_err() || text.len() as u64 > MOST {
            return Err(Error::corrupt("what lies beside the mesh is damaged"));
        }
        match serde_json::from_slice(&text) {
            Ok(Value::Object(fields)) => {
                let mut side = Self::default();
                side.add_text("name", fields.get("name"));
                side.add_text("copyright", fields.get("copyright"));
                side.add("extras", fields.get("extras"));
                fields.get("material").into_iter().for_each(|material| side.add_material(material));
                Ok(side)
            }
            _ => Err(Error::corrupt("what lies beside the mesh is damaged")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_picture_survives() {
        let mut side = Side::default();
        assert!(side.is_empty() && Side::from_bytes(&side.to_bytes().unwrap()).unwrap() == side);
        side.add_text("name", Some(&json!("chair")));
        side.add_text("copyright", Some(&json!(5)));
        side.add("extras", Some(&json!({ "weight": [1, 2] })));
        let pbr = json!({ "baseColorFactor": [1, 0, 0, 1], "baseColorTexture": { "index": 3 }, "metallicFactor": 0.5 });
        side.add_material(&json!({ "name": "red", "pbrMetallicRoughness": pbr, "normalTexture": { "index": 0 } }));
        let back = Side::from_bytes(&side.to_bytes().unwrap()).unwrap();
        assert_eq!((back.name(), back.content().as_str()), (Some("chair"), "extras, material, name"));
        let pbr = json!({ "baseColorFactor": [1, 0, 0, 1], "metallicFactor": 0.5 });
        assert_eq!(back.get("material"), Some(&json!({ "name": "red", "pbrMetallicRoughness": pbr })));
    }

    #[test]
    fn damage_and_bombs_are_refused() {
        let deflated = |text: &[u8]| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            std::io::Write::write_all(&mut encoder, text).unwrap();
            encoder.finish().unwrap()
        };
        let nested = [vec![b'['; 60_000], vec![b']'; 5_000]].concat();
        let long = [b"\"".to_vec(), vec![b'a'; 1 << 24], b"\"".to_vec()].concat();
        for text in [&b"[]"[..], b"{", b"\"name\"", &nested, &long] {
            assert!(Side::from_bytes(&deflated(text)).is_err());
        }
        assert!(Side::from_bytes(b"").is_err() && Side::from_bytes(&[255; 9]).is_err());
        let mut large = Side::default();
        large.add("extras", Some(&json!("a".repeat(1 << 16))));
        assert!(large.to_bytes().is_err());
    }
}
