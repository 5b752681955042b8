//! Splats as PLY files hold them: one element of vertices with the properties of 3DGS.

use super::ply::{Element, Kind, Values, note_dropped};
use crate::error::{Error, Result};
use crate::splats::{MAX_DEGREE, Splats, coefficients};

/// What a property of a splat is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Position(usize),
    Color(usize),
    Rest(usize),
    Opacity,
    Scale(usize),
    Rotation(usize),
    /// Normals, which splats have and nobody uses.
    Unused,
    Other,
}

fn field(name: &str) -> Field {
    let numbered = |stem: &str| name.strip_prefix(stem).and_then(|n| n.parse::<usize>().ok());
    if let Some(n) = numbered("f_dc_").filter(|n| *n < 3) {
        return Field::Color(n);
    }
    if let Some(n) = numbered("f_rest_") {
        return Field::Rest(n);
    }
    if let Some(n) = numbered("scale_").filter(|n| *n < 3) {
        return Field::Scale(n);
    }
    if let Some(n) = numbered("rot_").filter(|n| *n < 4) {
        return Field::Rotation(n);
    }
    match name {
        "x" => Field::Position(0),
        "y" => Field::Position(1),
        "z" => Field::Position(2),
        "opacity" => Field::Opacity,
        "nx" | "ny" | "nz" => Field::Unused,
        _ => Field::Other,
    }
}

/// Whether vertices are splats: everything but the spherical harmonics beyond degree 0 is there, as numbers.
pub(super) fn are_splats(element: &Element) -> bool {
    let there = |wanted: Field| {
        let own = |name: &str, kind: Kind| field(name) == wanted && matches!(kind, Kind::Number(_));
        element.properties.iter().any(|property| own(&property.name, property.kind))
    };
    let three = |of: fn(usize) -> Field| (0..3).all(|n| there(of(n)));
    three(Field::Position)
        && three(Field::Color)
        && three(Field::Scale)
        && there(Field::Opacity)
        && (0..4).all(|n| there(Field::Rotation(n)))
}

pub(super) fn read(values: &mut Values<'_>, element: &Element, notes: &mut Vec<String>) -> Result<Splats> {
    let fields: Vec<Field> = element.properties.iter().map(|property| field(&property.name)).collect();
    // Of a channel; the file has them channel by channel.
    let rest = fields.iter().filter(|field| matches!(field, Field::Rest(_))).count();
    let held = rest / 3;
    if !rest.is_multiple_of(3) || !fields.iter().all(|field| !matches!(field, Field::Rest(n) if *n >= rest)) {
        return Err(Error::shape(format!("{rest} properties f_rest_ are no spherical harmonics; repair the file")));
    }
    let degree = (0..=MAX_DEGREE).rev().find(|&degree| coefficients(degree) <= held).unwrap_or(0);
    let kept = coefficients(degree);
    if held > kept {
        notes.push(format!("spherical harmonics beyond degree {degree} are dropped"));
    }
    note_dropped("splats", element, |n| fields[n] == Field::Other, notes);
    let count = element.count as usize;
    let mut splats = Splats { degree, ..Splats::default() };
    splats.positions.reserve_exact(count);
    for _ in 0..count {
        let (mut position, mut color, mut scale, mut rotation) = ([0.0; 3], [0.0; 3], [0.0; 3], [0.0; 4]);
        let mut opacity = 0.0;
        let first = splats.harmonics.len();
        splats.harmonics.resize(first + kept, [0.0; 3]);
        for (property, field) in element.properties.iter().zip(&fields) {
            let Kind::Number(scalar) = property.kind else {
                values.skip(property)?;
                continue;
            };
            let value = values.number(scalar)? as f32;
            match *field {
                Field::Position(n) => position[n] = value,
                Field::Color(n) => color[n] = value,
                Field::Scale(n) => scale[n] = value,
                Field::Rotation(n) => rotation[n] = value,
                Field::Opacity => opacity = value,
                Field::Rest(n) if n % held < kept => splats.harmonics[first + n % held][n / held] = value,
                Field::Rest(_) | Field::Unused | Field::Other => {}
            }
        }
        splats.positions.push(position);
        splats.colors.push(color);
        splats.scales.push(scale);
        splats.rotations.push(rotation);
        splats.opacities.push(opacity);
    }
    Ok(splats)
}

pub(super) fn write(splats: &Splats) -> Vec<u8> {
    let mut head = String::from("ply\nformat binary_little_endian 1.0\ncomment tessera\n");
    head += &format!("element vertex {}\n", splats.len());
    let rest = coefficients(splats.degree);
    let numbered = |stem: &'static str, count: usize| (0..count).map(move |n| format!("{stem}_{n}"));
    let names = ["x", "y", "z", "nx", "ny", "nz"].map(str::to_owned).into_iter();
    let names = names.chain(numbered("f_dc", 3)).chain(numbered("f_rest", 3 * rest));
    let names = names.chain(["opacity".to_owned()]).chain(numbered("scale", 3)).chain(numbered("rot", 4));
    for name in names {
        head += &format!("property float {name}\n");
    }
    head += "end_header\n";
    let mut out = head.into_bytes();
    for n in 0..splats.len() {
        let mut put = |values: &[f32]| out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        put(&splats.positions[n]);
        put(&[0.0; 3]);
        put(&splats.colors[n]);
        let harmonics = splats.harmonics_of(n);
        for channel in 0..3 {
            harmonics.iter().for_each(|of| put(&[of[channel]]));
        }
        put(&[splats.opacities[n]]);
        put(&splats.scales[n]);
        put(&splats.rotations[n]);
    }
    out
}
