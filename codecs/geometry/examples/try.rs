//! try
#![allow(missing_docs)]
use tessera_geometry::{Mesh, decimated};
fn read(p: &str) -> Mesh {
    let b = std::fs::read(p).unwrap();
    let w: Vec<u32> = b.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect();
    let (nv, nf) = (w[0] as usize, w[1] as usize);
    let positions = w[2..2 + 3 * nv].chunks_exact(3).map(|c| [c[0], c[1], c[2]].map(f32::from_bits)).collect();
    let faces = w[2 + 3 * nv..2 + 3 * (nv + nf)].chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
    Mesh { positions, faces, ..Mesh::default() }
}
fn main() {
    let out = std::env::var("OUT").ok();
    for p in std::env::args().skip(1) {
        let mesh = read(&p);
        let name = std::path::Path::new(&p).file_stem().unwrap().to_str().unwrap().to_owned();
        for bytes in [400, 1000, 2000, 4000] {
            let t = std::time::Instant::now();
            match decimated::encode(&mesh, decimated::Goal::Bytes(bytes)) {
                Ok(decimated::Coded { payload, error, .. }) => {
                    let e = t.elapsed().as_secs_f64();
                    let back = decimated::decode(&payload, 1 << 24).unwrap();
                    println!("{name} {bytes} {} v {} f {} bpv {:.2} {:.2}s err {:.3}", payload.len(), back.positions.len(), back.faces.len(), payload.len() as f64 * 8.0 / back.positions.len() as f64, e, error*1e3);
                    if let Some(o) = &out {
                        let mut v: Vec<u8> = Vec::new();
                        v.extend((back.positions.len() as u32).to_le_bytes()); v.extend((back.faces.len() as u32).to_le_bytes());
                        for p in back.positions.as_flattened() { v.extend(p.to_le_bytes()); }
                        for p in back.faces.as_flattened() { v.extend(p.to_le_bytes()); }
                        std::fs::write(format!("{o}/{name}.{bytes}.raw"), v).unwrap();
                    }
                }
                Err(e) => println!("{name} {bytes} {e}"),
            }
        }
    }
}
