//! The packs built into the program: the one list of them.

/// Archives (`.tpack`) inside the binary, the default of each modality first.
pub(crate) const PACKS: &[&[u8]] = &[
    include_bytes!("../packs/image-f16.tpack"),
    include_bytes!("../packs/image-f16-masked.tpack"),
    include_bytes!("../packs/video-f16.tpack"),
    include_bytes!("../packs/speech-16k.tpack"),
    include_bytes!("../packs/music-24k.tpack"),
    include_bytes!("../packs/geometry-surface.tpack"),
];
