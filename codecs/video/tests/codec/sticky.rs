//! What stands still costs little and does not flicker.

use tessera_core::Rung;
use tessera_video::{DecodeOptions, EncodeOptions, Networks, Target};

use crate::fixture::*;

const USUAL: EncodeOptions = EncodeOptions {
    target: Target::Rung { rung: Rung { levels: 1, depth: 9 }, lambda: None },
    eighths: None,
    gop_seconds: 4.0,
    effort: 4,
    sticky: true,
    encoder: Networks::Best,
};

/// The mean squared change of the coding error from frame to frame in the part that stands still.
fn flicker(clip: &Clip, kept: &Kept) -> f64 {
    let rows = 32 * 112 * 3;
    let off = |n: usize, i: usize| f64::from(kept.frames[n].rgb[i]) - f64::from(clip.frames[n].rgb[i]);
    let pairs = (1..kept.frames.len()).flat_map(|n| (0..rows).map(move |i| (n, i)));
    pairs.map(|(n, i)| (off(n, i) - off(n - 1, i)).powi(2)).sum::<f64>() / ((kept.frames.len() - 1) * rows) as f64
}

/// `cargo test -p tessera-video --test codec sticky -- --nocapture` prints the ablation.
#[test]
fn sticky_tokens_take_fewer_bits_and_flicker_less() {
    let clip = Clip::still(24);
    let mut found = Vec::new();
    println!("tokens   bytes  key bits  inter bits  changed  flicker  error");
    for (name, sticky) in [("sticky", true), ("free", false)] {
        let (bytes, encoded) = encode(&clip, &EncodeOptions { sticky, ..USUAL });
        let (kept, _) = decode(&bytes, &DecodeOptions::default()).unwrap();
        let pairs = kept.frames.iter().zip(&clip.frames);
        let off = pairs.map(|(a, b)| error(&a.rgb, &b.rgb)).sum::<f64>() / 24.0;
        let (tally, flicker) = (encoded.tally, flicker(&clip, &kept));
        println!(
            "{name:8} {:5} {:9.0} {:11.1} {:8.4} {flicker:8.2} {off:6.1}",
            bytes.len(),
            tally.key_bits,
            tally.inter_bits,
            tally.changed
        );
        found.push((bytes.len(), flicker, off, tally));
    }
    let (sticky, free) = (&found[0], &found[1]);
    assert!(sticky.0 * 10 < free.0 * 9 && sticky.1 < 0.8 * free.1 && sticky.2 < 1.1 * free.2);
    assert!(sticky.3.inter_bits <= 0.25 * sticky.3.key_bits);
}

#[test]
fn frames_in_which_nothing_happens_cost_next_to_nothing() {
    let frame = crop(&photo("foliage.jpg"), (30, 30), (112, 80));
    let (_, encoded) = encode(&Clip::new((112, 80), vec![frame; 20]), &USUAL);
    assert_eq!(encoded.tally.changed, 0.0);
    // 35 places.
    assert!(encoded.tally.inter_bits < 0.06 * 35.0, "{}", encoded.tally.inter_bits);
}
