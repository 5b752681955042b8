//! Bare tokens, and what a clip is reduced to.

use tessera_video::{
    Clusters, Codebook, DecodeOptions, EncodeOptions, GopTokens, Latents, MOST_CLUSTERS, Reduced, Target,
};

use crate::fixture::*;

fn options() -> EncodeOptions {
    EncodeOptions { effort: 2, gop_seconds: 0.2, ..EncodeOptions::default() }
}

#[test]
fn bare_tokens_are_those_of_the_file() {
    let clip = Clip::cut(7, 7);
    let (bytes, _) = encode(&clip, &options());
    let mut of_file: Vec<GopTokens> = Vec::new();
    codec()
        .tokens(&bytes, &DecodeOptions::default(), |group| {
            of_file.push(group);
            Ok(())
        })
        .unwrap();
    for threads in [1, 3] {
        let mut bare: Vec<GopTokens> = Vec::new();
        let codec = new_codec(threads);
        codec
            .tokenise(&mut clip.rewound(), &options(), |group| {
                bare.push(group);
                Ok(())
            })
            .unwrap();
        assert_eq!(bare.len(), of_file.len());
        for (one, other) in bare.iter().zip(&of_file) {
            assert_eq!((&one.grid, &one.times), (&other.grid, &other.times));
        }
    }
    let within = EncodeOptions { target: Target::Bpp(0.01), ..options() };
    assert!(codec().tokenise(&mut clip.rewound(), &within, |_| Ok(())).is_err());
}

fn labels(latents: &mut Latents, codebook: &Codebook, threads: usize) -> (Vec<Vec<u16>>, Reduced) {
    let mut frames = Vec::new();
    let reduced = latents
        .labels(codebook, threads, |labels| {
            frames.push(labels.to_vec());
            Ok(())
        })
        .unwrap();
    (frames, reduced)
}

#[test]
fn a_clip_is_reduced_to_labels_of_a_few_vectors() {
    let clip = Clip::cut(10, 10);
    let (mut latents, _) = codec().latents(&mut clip.rewound(), None).unwrap();
    let (rows, columns) = latents.places();
    let mut last: Option<Reduced> = None;
    for count in [1, 4, 16, 64] {
        let codebook = latents.codebook(Clusters::Fixed(count)).unwrap();
        let (frames, reduced) = labels(&mut latents, &codebook, 2);
        assert_eq!((frames.len(), frames[0].len()), (20, (rows * columns) as usize));
        assert!(frames.iter().flatten().all(|&label| usize::from(label) < codebook.len()));
        assert_eq!((reduced.kept, codebook.len()), (count, count));
        assert_eq!(reduced.tokens, 20 * u64::from(rows * columns));
        assert!((reduced.ratio() * count as f64 - reduced.tokens as f64).abs() < 1e-6);
        if count == 1 {
            assert!(reduced.explained().abs() < 1e-3, "{reduced:?}");
        }
        if let Some(last) = last {
            assert!(reduced.explained() > last.explained() + 0.02 && reduced.density() < 100.0, "{last:?} {reduced:?}");
        }
        last = Some(reduced);
    }
    // A vector stands for what is nearest to it: the error is the one that it was made for.
    assert!(last.unwrap().explained() > 0.5);
    for count in [0, MOST_CLUSTERS + 1] {
        assert!(latents.codebook(Clusters::Fixed(count)).is_err());
    }
}

#[test]
fn a_reduction_does_not_depend_on_threads() {
    let clip = Clip::still(12);
    let runs = [1, 3].map(|threads| {
        let (mut latents, _) = new_codec(threads).latents(&mut clip.rewound(), None).unwrap();
        let codebook = latents.codebook(Clusters::Knee).unwrap();
        let (frames, reduced) = labels(&mut latents, &codebook, threads);
        (codebook.vectors().to_vec(), frames, reduced)
    });
    assert!(runs[0] == runs[1]);
    assert!((2..=64).contains(&runs[0].2.kept), "{:?}", runs[0].2);
}

#[test]
fn a_clip_with_more_in_it_asks_for_more() {
    let flat = Clip::new((96, 64), (0..6).map(|n| [if n < 3 { 30 } else { 200 }; 3].repeat(96 * 64)));
    let kept = [flat, Clip::cut(6, 6)].map(|clip| {
        let (mut latents, _) = codec().latents(&mut clip.rewound(), None).unwrap();
        let codebook = latents.codebook(Clusters::Knee).unwrap();
        labels(&mut latents, &codebook, 2).1.kept
    });
    assert!(kept[0] < kept[1], "{kept:?}");
}

#[test]
fn the_latents_of_a_file_are_those_of_its_tokens() {
    let (bytes, _) = encode(&Clip::pan(8), &options());
    let (mut latents, losses) = codec().latents_of(&bytes, &DecodeOptions::default()).unwrap();
    assert_eq!((latents.frames(), latents.places(), losses.len()), (8, (4, 6), 0));
    // There are fewer different ones than tokens: so many vectors explain all of them.
    let mut tokens = std::collections::HashSet::new();
    codec()
        .tokens(&bytes, &DecodeOptions::default(), |group| {
            tokens.extend(group.grid.tokens().to_vec());
            Ok(())
        })
        .unwrap();
    let codebook = latents.codebook(Clusters::Fixed(MOST_CLUSTERS)).unwrap();
    let (_, reduced) = labels(&mut latents, &codebook, 2);
    assert!(reduced.kept <= tokens.len() && reduced.explained() > 0.999, "{reduced:?} {}", tokens.len());
}
