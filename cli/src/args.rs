//! The command line as a whole and the options that several commands share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tessera_video::Networks;

use crate::cmd::{completions, decode, doctor, encode, eval, info, loss, man, models, serve, stats, stream, tokens};

/// Neural codec: a photo in about a kilobyte, speech at a kilobit a second, points at a bit each.
///
/// Tessera turns pictures, sounds and videos into small grids of tokens, codes them losslessly and rebuilds them with neural decoders:
/// pictures that still look right at 0.01 to 0.2 bits per pixel, speech at 0.5 to 1 kbit/s, whole or live. Meshes take a kilobyte, point clouds are octrees,
/// without loss if asked to, and Gaussian splats take a few bytes each.
#[derive(Debug, Parser)]
#[command(name = "tessera", bin_name = "tessera", version, propagate_version = true, after_long_help = EXAMPLES, after_help = SHORT, disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const SHORT: &str = "Try: tessera encode photo.jpg && tessera decode photo.tsr
'tessera --help' shows more examples and the exit codes.";

const EXAMPLES: &str = "\
Examples:
  tessera encode photo.jpg                      photo.tsr, at the default quality
  tessera encode photo.jpg --size 2000          never above 2,000 bytes
  tessera encode photos/ -o small/ --bpp 0.05   a folder, mirrored
  tessera decode photo.tsr -o back.png          and back
  tessera encode speech.wav                     speech.tsr, about 120 bytes a second
  tessera decode speech.tsr                     speech.wav
  tessera encode chair.obj --size 1200          chair.tsr, a mesh
  tessera encode scan.ply --lossless            scan.tsr, a point cloud to the last bit
  tessera decode scan.tsr -o scan.ply           and back
  tessera encode garden.spz                     garden.tsr, Gaussian splats
  tessera tokens speech.wav                     speech.jsonl, for language models
  cat x.wav | tessera stream encode - | tessera stream decode - > y.wav
  tessera serve                                 speech as tokens, live, in the browser
  tessera info photo.tsr                        what is in a file, byte by byte
  tessera eval photos/ -o report/               bits against quality, beside JPEG, WebP, ...
  tessera models pull                           published models to be had
  tessera doctor                                is everything in place?

Exit codes:
  0    all done
  1    a file could not be read or written, or would be overwritten;
       or several files failed for different reasons
  2    the command line is wrong
  3    an input is damaged, foreign, too large or not supported
  4    a model pack is missing, damaged or not the one a file was made with
  5    ONNX Runtime is missing or does not work
  130  interrupted; no partial output is left

Errors are one line on standard error: tessera: <file>: <what happened>; <what to do>

Environment:
  TESSERA_MODELS    folder with model packs, searched after --models
  TESSERA_ORT_LIB   ONNX Runtime library, used after --ort-lib
  TESSERA_PYTHON    Python with PyTorch for 'tessera models pull', used after --python
  HF_HUB_CACHE      where Hugging Face's programs keep files, which pull uses too; else hub in HF_HOME
  TESSERA_KEY       what clients of 'tessera serve' must know, unless --key-file is given";

#[derive(Debug, Subcommand)]
pub enum Command {
    Encode(encode::Encode),
    Decode(decode::Decode),
    Info(info::Info),
    Tokens(tokens::Tokens),
    Detokenize(tokens::Detokenize),
    Stream(stream::Stream),
    Serve(serve::Serve),
    Loss(loss::Loss),
    Stats(stats::Stats),
    Eval(eval::Eval),
    #[command(hide = true)]
    EvalWorker(eval::Worker),
    Doctor(doctor::Doctor),
    Models(models::Models),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Where models are found.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    /// Folder with model packs, searched before TESSERA_MODELS, the user's packs and the built-in ones
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

/// Where the inference library is found.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Models")]
pub struct RuntimeArgs {
    /// ONNX Runtime library to use, before TESSERA_ORT_LIB and the usual places
    #[arg(long, value_name = "FILE")]
    pub ort_lib: Option<PathBuf>,
}

/// Whose networks see and paint a video's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FrameNetworks {
    /// The image pack's, to which each frame is a picture by itself: slower, five times where it decodes, and at times nearer to the original
    Image,
    /// A frame pack's, which adds to the image pack: light, and its decoder knows the frame before
    Video,
}

impl FrameNetworks {
    /// What is wanted where this was asked for, or nothing.
    pub fn wanted(asked: Option<Self>) -> Networks {
        match asked {
            None => Networks::Best,
            Some(Self::Image) => Networks::Image,
            Some(Self::Video) => Networks::Video,
        }
    }
}

/// How outputs are written and reported.
#[derive(Args, Clone, Debug)]
pub struct OutputArgs {
    /// File or folder to write; - is standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// Overwrite files that exist
    #[arg(short, long)]
    pub force: bool,

    /// Report one JSON object per input on standard output
    #[arg(long)]
    pub json: bool,
}

/// How much runs at once.
#[derive(Args, Clone, Copy, Debug)]
pub struct WorkerArgs {
    /// Files worked on at the same time; each worker loads the models (about 150 MB)
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}
