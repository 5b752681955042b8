//! What holds for every metric.

use tessera_eval::{Error, metrics};

use crate::fixture::{flat, metric, pair, picture};

#[test]
fn equal_pictures_get_the_best_value_there_is() {
    let best = [("psnr", f64::INFINITY), ("ssim", 1.0), ("ms-ssim", 1.0), ("ssimulacra2", 100.0), ("butteraugli", 0.0)];
    assert_eq!(best.map(|(name, _)| name).as_slice(), metrics::DEFAULT);
    let face = picture("face");
    for (name, best) in best {
        let value = metric(name).measure(&face, &face).unwrap();
        assert!(value == best || (value - best).abs() < 1e-9, "{name}: {value}");
    }
}

#[test]
fn a_distorted_picture_is_worse_than_an_equal_one_in_the_direction_that_the_metric_says() {
    let (original, distorted) = pair("face blur");
    for name in metrics::DEFAULT {
        let mut metric = metric(name);
        let equal = metric.measure(&original, &original).unwrap();
        let value = metric.measure(&original, &distorted).unwrap();
        assert!(if metric.higher_is_better() { value < equal } else { value > equal }, "{name}: {value}, {equal}");
    }
}

#[test]
fn psnr_ssim_and_ms_ssim_are_symmetric() {
    let (one, other) = pair("sky noise");
    for name in ["psnr", "ssim", "ms-ssim"] {
        let mut metric = metric(name);
        assert_eq!(metric.measure(&one, &other).unwrap(), metric.measure(&other, &one).unwrap(), "{name}");
    }
}

#[test]
fn black_against_white_is_zero_decibels() {
    assert_eq!(metric("psnr").measure(&flat(5, 3, 0), &flat(5, 3, 255)).unwrap(), 0.0);
}

#[test]
fn two_sizes_are_an_error_that_names_both() {
    for name in metrics::DEFAULT {
        let said = metric(name).measure(&flat(200, 180, 9), &flat(180, 200, 9)).unwrap_err();
        assert!(matches!(said, Error::Parameter(_)));
        let said = said.to_string();
        assert!(said.contains("200 x 180") && said.contains("180 x 200"), "{name}: {said}");
    }
}

#[test]
fn a_small_picture_is_a_number_or_an_error_that_names_the_least_side() {
    for name in metrics::DEFAULT {
        for side in 1..=24 {
            for (width, height) in [(side, side), (side, 200), (200, side)] {
                let (one, other) = (flat(width, height, 40), flat(width, height, 60));
                match metric(name).measure(&one, &other) {
                    Ok(value) => assert!(value.is_finite(), "{name}: {value} at {width} x {height}"),
                    Err(Error::Parameter(said)) => assert!(said.contains("at least"), "{name}: {said}"),
                    Err(other) => panic!("{name}: {other}"),
                }
            }
        }
    }
}

#[test]
fn the_least_sides_are_as_documented() {
    for (name, least) in [("psnr", 1), ("ssim", 11), ("ms-ssim", 161), ("ssimulacra2", 8), ("butteraugli", 8)] {
        let mut metric = metric(name);
        metric.measure(&flat(least, least, 7), &flat(least, least, 8)).unwrap();
        if least == 1 {
            continue;
        }
        let less = least - 1;
        let said = metric.measure(&flat(less, 200, 7), &flat(less, 200, 8)).unwrap_err().to_string();
        assert!(said.contains(&format!("at least {least}")) && said.contains(&format!("{less} x 200")), "{said}");
    }
}

#[test]
fn every_registered_metric_has_the_name_it_is_found_by() {
    for name in metrics::DEFAULT {
        let metric = metric(name);
        assert_eq!(metric.name(), name);
        assert!(metrics::names().contains(&name));
        assert!(metric.describe().len() > 20);
    }
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
    let said = metrics::by_name("vmaf").err().unwrap().to_string();
    assert!(said.contains("vmaf") && metrics::names().iter().all(|name| said.contains(name)), "{said}");
}
