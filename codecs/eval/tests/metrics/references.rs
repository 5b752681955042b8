//! The values of other programs, each with the difference that is allowed and why.

use crate::fixture::{metric, pair, reference};

/// Every reference value is met within `tolerance`.
fn agrees(name: &str, tolerance: f64) {
    let (mut metric, reference) = (metric(name), reference(name));
    let mut worst = 0.0_f64;
    assert!(reference.values.len() >= 9);
    for (at, expected) in &reference.values {
        let (original, distorted) = pair(at);
        let value = metric.measure(&original, &distorted).unwrap();
        worst = worst.max((value - expected).abs());
        assert!((value - expected).abs() <= tolerance, "{name} of {at}: {value}, but {expected} by {}", reference.by);
    }
    println!("{name}: at most {worst:.2e} from {}", reference.by);
}

#[test]
fn psnr_is_that_of_scikit_image() {
    agrees("psnr", 1e-9);
}

#[test]
fn ssim_is_that_of_scikit_image() {
    agrees("ssim", 1e-9);
}

#[test]
fn ms_ssim_is_that_of_pytorch_msssim() {
    agrees("ms-ssim", 1e-5);
}

/// The crate keeps libjxl's definition, but blurs and adds in another order in single precision: about 0.02 of 100.
#[test]
fn ssimulacra2_is_that_of_libjxl() {
    agrees("ssimulacra2", 0.03);
}

/// Single precision, and the tool prints six decimals.
#[test]
fn butteraugli_is_the_3_norm_of_libjxl() {
    agrees("butteraugli", 1e-4);
}
