//! Clouds to test with, and how to compare them.

use tessera_geometry::{Cloud, DecodeOptions, EncodeOptions, MeshTier, Precision, Shape, Target, decode, encode};

/// Numbers of chance (SplitMix64, Steele et al., 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) >> 33) as u32 % bound
    }
}

/// A sphere's surface in voxels, with colours and normals that follow it.
pub fn sphere(radius: i32) -> Cloud {
    let mut cloud = Cloud { colors: Some(Vec::new()), normals: Some(Vec::new()), ..Cloud::default() };
    for x in -radius..=radius {
        for y in -radius..=radius {
            for z in -radius..=radius {
                let distance = f64::from(x * x + y * y + z * z).sqrt();
                if (distance - f64::from(radius)).abs() > 0.5 {
                    continue;
                }
                let shade = |v: i32| (128 + v * 100 / radius) as u8;
                cloud.positions.push([x, y, z].map(|v| (v + radius) as f32));
                cloud.colors.as_mut().unwrap().push([shade(x), shade(y), shade(z)]);
                cloud.normals.as_mut().unwrap().push([x, y, z].map(|v| (f64::from(v) / distance) as f32));
            }
        }
    }
    cloud
}

pub const LOSSLESS: EncodeOptions = EncodeOptions {
    precision: Precision::Lossless,
    normal_bits: 10,
    vertices: false,
    target: Target::Quality(50.0),
    tier: MeshTier::Best,
    reserve: 0,
};

pub fn coded(cloud: &Cloud, options: &EncodeOptions) -> Vec<u8> {
    encode(&Shape::Cloud(cloud.clone()), options).unwrap().bytes
}

pub fn back(bytes: &[u8]) -> Cloud {
    cloud_of(decode(bytes, &DecodeOptions::default()).unwrap().shape)
}

pub fn cloud_of(shape: Shape) -> Cloud {
    let Shape::Cloud(cloud) = shape else { panic!("a mesh came back") };
    cloud
}

/// Positions and colours as a multiset, to the last bit; 0 and -0 are equal.
pub fn multiset(cloud: &Cloud) -> Vec<([u32; 3], Option<[u8; 3]>)> {
    let color = |n: usize| cloud.colors.as_ref().map(|colors| colors[n]);
    let points = cloud.positions.iter().enumerate();
    let mut points: Vec<_> = points.map(|(n, p)| (p.map(|x| (x + 0.0).to_bits()), color(n))).collect();
    points.sort_unstable();
    points
}
