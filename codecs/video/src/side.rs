//! What travels beside the frames: the sound.

use tessera_core::Limits;
use tessera_core::container::{self, Chunk, ChunkKind};

use crate::error::{Error, Result};

/// Bytes of a piece at most: as much as one damaged chunk costs, were the rest of use without it.
const PIECE: usize = 1 << 20;

/// What the sound of a video lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundForm {
    /// A file of untouched packets: [`SoundTrack`](crate::io::track::SoundTrack).
    Track,
    /// A `.tsr` file of a sound.
    Tokens,
}

/// The sound of a video, as it lies in its file. Time 0 is the first frame's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideSound {
    /// What it lies in.
    pub form: SoundForm,
    /// That file.
    pub bytes: Vec<u8>,
}

impl SideSound {
    /// The chunks that hold it: a byte for the form, then the file, in pieces.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is longer than 2^32 pieces.
    pub fn chunks(&self) -> Result<Vec<Chunk>> {
        let form = match self.form {
            SoundForm::Track => 0,
            SoundForm::Tokens => 1,
        };
        let bytes: Vec<u8> = std::iter::once(form).chain(self.bytes.iter().copied()).collect();
        let chunk = |(n, piece): (usize, &[u8])| {
            let sequence = u32::try_from(n).map_err(|_| Error::parameter("the sound is too long for a file"))?;
            Ok(Chunk { kind: ChunkKind::SideMedia, sequence, token_crc: None, payload: piece.to_vec() })
        };
        bytes.chunks(PIECE).enumerate().map(chunk).collect()
    }

    /// The sound in a video's file; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Core`] if the file is damaged, the sound lacks a piece or is of a form that is not known. With `salvage` only if a piece is lost.
    pub fn of_file(file: &[u8], limits: &Limits, salvage: bool) -> Result<Option<Self>> {
        let chunks =
            if salvage { container::salvage(file, limits)?.chunks } else { container::read(file, limits)?.chunks };
        let mut pieces: Vec<Chunk> = chunks.into_iter().filter(|chunk| chunk.kind == ChunkKind::SideMedia).collect();
        pieces.sort_by_key(|piece| piece.sequence);
        let Some(last) = pieces.len().checked_sub(1) else { return Ok(None) };
        let whole = (0..).zip(&pieces).all(|(n, piece)| piece.sequence == n)
            && pieces[..last].iter().all(|piece| piece.payload.len() == PIECE);
        if !whole {
            return Err(Error::corrupt("a piece of the sound is missing"));
        }
        let mut bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.payload).collect();
        let form = match bytes.first() {
            Some(0) => SoundForm::Track,
            Some(1) => SoundForm::Tokens,
            _ => {
                return Err(Error::Core(tessera_core::Error::Unsupported {
                    what: "the sound is of an unknown form".to_owned(),
                }));
            }
        };
        bytes.remove(0);
        Ok(Some(Self { form, bytes }))
    }
}
