//! The table of `tessera stats`: bits per token and what each method saves over log2 K.

use serde::Serialize;

use super::baselines::Baselines;
use crate::{
    failure::{Failure, Result},
    files::Kind,
    print,
};

/// Bits that the trained prior needs: its ideal code length, and what was written.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Costs {
    pub ideal: f64,
    pub written: f64,
}

/// One picture or sound.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Depth and tokens of every level of a picture, every channel of a sound.
    pub tokens: Vec<(u8, Vec<u16>)>,
    pub baselines: Baselines,
    /// Nearest tokens.
    pub prior: Costs,
    /// Tokens chosen by the entropy-constrained search.
    pub searched: Option<Costs>,
}

/// All files so far, of one medium.
#[derive(Debug, Default)]
pub struct Table {
    kind: Option<Kind>,
    rows: Vec<Row>,
}

/// One method over all files.
#[derive(Debug, Serialize)]
struct Method {
    method: &'static str,
    /// Every file coded on its own.
    bits_per_token: Option<f64>,
    /// Percent of log2 K.
    saved: Option<f64>,
    /// All files as one stream; the trained prior has no use for that.
    one_stream_bits_per_token: Option<f64>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Summary {
    medium: &'static str,
    files: usize,
    tokens: u64,
    methods: Vec<Method>,
}

impl Table {
    /// Takes a file of the medium that the first one was of.
    pub fn add(&mut self, kind: Kind, row: Row) -> Result<()> {
        if *self.kind.get_or_insert(kind) != kind {
            let (one, other) = (self.medium(), if kind == Kind::Sound { "a sound" } else { "a picture" });
            return Err(Failure::usage(format!("{other} in a table of {one}s"), "give each medium a run of its own"));
        }
        self.rows.push(row);
        Ok(())
    }

    fn medium(&self) -> &'static str {
        if self.kind == Some(Kind::Sound) { "sound" } else { "picture" }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn summary(&self) -> Result<Summary> {
        let tokens = self.rows.iter().flat_map(|row| &row.tokens).map(|(_, tokens)| tokens.len() as u64).sum::<u64>();
        let mut apart = Baselines::default();
        self.rows.iter().for_each(|row| apart.add(&row.baselines));
        let stream = self.one_stream()?;
        let per_token = |bits: f64| bits / tokens as f64;
        let all = |cost: &dyn Fn(&Row) -> Option<f64>| self.rows.iter().map(cost).sum::<Option<f64>>();
        let method = |method, bits: Option<f64>, stream: Option<f64>| Method {
            method,
            bits_per_token: bits.map(per_token),
            saved: bits.map(|bits| 100.0 * (1.0 - bits / apart.raw)),
            one_stream_bits_per_token: stream.map(per_token),
        };
        let methods = vec![
            method("log2 K", Some(apart.raw), Some(stream.raw)),
            method("zlib 9", Some(apart.zlib), Some(stream.zlib)),
            method("zstd 19", Some(apart.zstd), Some(stream.zstd)),
            method("order 0, adaptive", Some(apart.order0), Some(stream.order0)),
            method("order 1, adaptive", Some(apart.order1), Some(stream.order1)),
            method("prior, ideal", all(&|row| Some(row.prior.ideal)), None),
            method("prior, written", all(&|row| Some(row.prior.written)), None),
            method("prior + search, ideal", all(&|row| row.searched.map(|c| c.ideal)), None),
            method("prior + search, written", all(&|row| row.searched.map(|c| c.written)), None),
        ];
        Ok(Summary { medium: self.medium(), files: self.rows.len(), tokens, methods })
    }

    /// The general methods over all files as one stream per level or channel, and depth.
    fn one_stream(&self) -> Result<Baselines> {
        let levels = self.rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0);
        let mut sum = Baselines::default();
        for level in 0..levels {
            for depth in 1..=tessera_core::MAX_DEPTH {
                let of_depth = self.rows.iter().filter_map(|row| row.tokens.get(level)).filter(|(d, _)| *d == depth);
                let stream: Vec<u16> = of_depth.flat_map(|(_, tokens)| tokens).copied().collect();
                if !stream.is_empty() {
                    sum.add(&Baselines::of(&stream, depth)?);
                }
            }
        }
        Ok(sum)
    }
}

impl Summary {
    pub fn page(&self) -> String {
        let cell = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
        let mut rows = vec![["method", "bits/token", "saved %", "one stream"].map(str::to_owned).to_vec()];
        rows.extend(self.methods.iter().map(|m| {
            vec![m.method.to_owned(), cell(m.bits_per_token, 3), cell(m.saved, 1), cell(m.one_stream_bits_per_token, 3)]
        }));
        let files = format!("{}{}", self.medium, if self.files == 1 { "" } else { "s" });
        format!("{} {files}, {} tokens\n\n{}", self.files, print::grouped(self.tokens), print::table(&rows))
    }
}
