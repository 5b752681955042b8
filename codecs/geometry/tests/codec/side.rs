//! What lies beside a mesh: kept when asked for, within the size, and written where a format holds it.

use serde_json::json;
use tessera_core::container::{self, ChunkKind};
use tessera_core::{Error as CoreError, Limits};
use tessera_geometry::{
    DecodeOptions, EncodeOptions, Error, Mesh, Shape, Target, decode, encode,
    io::{self, Format, Side},
    side_cost, side_of, with_side,
};

const OBJ: &str =
    "mtllib red.mtl\no Old chair\nusemtl red\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
const MTL: &str = "newmtl blue\nKd 0 0 1\nnewmtl red\nKd 1 0.5 0\nd 0.25\nmap_Kd wood.png\nPr 0.75\n";

fn read(text: &str) -> io::Input {
    io::read(text.as_bytes(), &Default::default(), &|name| (name == "red.mtl").then(|| MTL.as_bytes().to_vec()))
        .unwrap()
}

fn kept(input: &io::Input, size: u64) -> Vec<u8> {
    let reserve = side_cost(&input.side).unwrap();
    let options = EncodeOptions { target: Target::Size(size), reserve, ..EncodeOptions::default() };
    with_side(&encode(&input.shape, &options).unwrap().bytes, &input.side).unwrap()
}

#[test]
fn name_and_material_go_from_obj_to_glb_and_on() {
    let input = read(OBJ);
    assert_eq!(input.side.content(), "material, name");
    assert_eq!(input.notes, ["textures are dropped"]);
    let file = kept(&input, 300);
    assert!(file.len() <= 300);
    let side = side_of(&file, &DecodeOptions::default()).unwrap();
    assert_eq!(side, input.side);
    let shape = decode(&file, &DecodeOptions::default()).unwrap().shape;
    let glb = io::write_with(&shape, &side, Format::Gltf).unwrap();
    assert!(glb.notes.is_empty());
    let again = io::read(&glb.bytes, &Default::default(), &|_| None).unwrap();
    assert_eq!((again.side.name(), again.side.content().as_str()), (Some("Old chair"), "material, name"));
    let text = String::from_utf8_lossy(&glb.bytes);
    for part in [r#""baseColorFactor":[1.0,0.5,0.0,0.25]"#, r#""alphaMode":"BLEND""#, r#""roughnessFactor":0.75"#] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(kept(&again, 300).len(), file.len());
    let obj = io::write_with(&shape, &side, Format::Obj).unwrap();
    assert!(obj.bytes.starts_with(b"# tessera\no Old chair\n"));
    assert_eq!(obj.notes, ["OBJ does not hold material, name, but for the name; GLB does"]);
    let ply = io::write_with(&shape, &side, Format::Ply).unwrap();
    assert_eq!(ply.notes, ["PLY does not hold material, name; GLB does"]);
    assert_eq!(io::write(&shape, Format::Ply).unwrap().bytes, ply.bytes);
}

#[test]
fn of_several_parts_nothing_is_kept() {
    let several = OBJ.replace("f 2 3 4", "o Other\nusemtl blue\nf 2 3 4");
    let input = read(&several);
    assert!(input.side.is_empty());
    assert_eq!(
        input.notes,
        ["its materials are dropped: there are several", "names of several objects and of groups are dropped"]
    );
    // A library outside of the folder is not asked for.
    let outside = OBJ.replace("red.mtl", "../red.mtl");
    let input = io::read(outside.as_bytes(), &Default::default(), &|name| panic!("{name} was asked for")).unwrap();
    assert_eq!(input.side.content(), "material, name");
}

#[test]
fn damage_beside_a_mesh_is_told_or_passed_over() {
    let input = read(OBJ);
    let file = kept(&input, 300);
    let mut parts = container::read(&file, &Limits::default()).unwrap();
    assert_eq!(parts.chunks.last().map(|chunk| chunk.kind), Some(ChunkKind::Side));
    parts.chunks.last_mut().unwrap().payload = vec![255; 20];
    let bad = container::write(&parts.header, &parts.chunks).unwrap();
    let salvage = DecodeOptions { salvage: true, ..DecodeOptions::default() };
    assert!(matches!(side_of(&bad, &DecodeOptions::default()), Err(Error::Core(CoreError::Corrupt { .. }))));
    assert!(side_of(&bad, &salvage).unwrap().is_empty());
    assert!(matches!(decode(&bad, &DecodeOptions::default()).unwrap().shape, Shape::Mesh(Mesh { .. })));
    assert!(
        side_of(&encode(&input.shape, &EncodeOptions::default()).unwrap().bytes, &salvage).unwrap() == Side::default()
    );
    // A mesh in glTF with a material of its own: extras and rights too.
    let glb = io::write(&input.shape, Format::Gltf).unwrap().bytes;
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let mut root: serde_json::Value = serde_json::from_slice(&glb[20..20 + length]).unwrap();
    root["asset"]["copyright"] = json!("CC0");
    root["nodes"][0]["extras"] = json!({ "id": 7 });
    root["meshes"][0]["name"] = json!("stool");
    root["buffers"][0]["uri"] = json!("mesh.bin");
    let binary = glb[28 + length..].to_vec();
    let text = root.to_string();
    let read =
        io::read(text.as_bytes(), &Default::default(), &|name| (name == "mesh.bin").then(|| binary.clone())).unwrap();
    assert_eq!((read.side.content().as_str(), read.side.name()), ("copyright, extras, name", Some("stool")));
}
