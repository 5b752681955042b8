//! Writes what `tessera eval` measured into README.md, between the marks of pictures or of sounds, and its plots of pictures into docs/:
//! figures and text cannot drift apart.
//!
//!     cargo run --release -p tessera-tests --bin readme -- REPORT

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::Value;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Where the figures of pictures and of sounds go.
const PICTURES: [&str; 2] = ["<!-- eval: written by `make eval` -->", "<!-- /eval -->"];
const SOUNDS: [&str; 2] = ["<!-- eval-speech: written by `make eval-speech` -->", "<!-- /eval-speech -->"];
/// Codec of ours.
const OURS: &str = "tessera";

fn main() -> ExitCode {
    let Some(report) = std::env::args().nth(1) else {
        eprintln!("readme: name the folder of a report");
        return ExitCode::FAILURE;
    };
    match write(Path::new(&report), Path::new("README.md"), Path::new("docs")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("readme: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(report: &Path, readme: &Path, docs: &Path) -> Fallible<()> {
    let text = fs::read_to_string(readme)?;
    let ours = results(report, OURS)?;
    let is_speech = ours["results"]["kbps"].is_array();
    let [open, close] = if is_speech { SOUNDS } else { PICTURES };
    let (before, rest) = text.split_once(open).ok_or("README.md has no mark for the evaluation")?;
    let (_, after) = rest.split_once(close).ok_or("README.md has no closing mark")?;
    let section = if is_speech { speech(report, &ours)? } else { section(report, docs, &ours)? };
    fs::write(readme, format!("{before}{open}\n{section}{close}{after}"))?;
    Ok(())
}

/// Means of one codec.
fn results(report: &Path, codec: &str) -> Fallible<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(report.join(format!("results/{codec}.json")))?)?)
}

/// One table of all codecs, a row a rate.
fn speech(report: &Path, ours: &Value) -> Fallible<String> {
    const METRICS: [(&str, &str); 6] = [
        ("kbps", "kbit/s"),
        ("pesq", "PESQ-WB"),
        ("stoi", "STOI"),
        ("estoi", "ESTOI"),
        ("dnsmos", "DNSMOS"),
        ("dnsmos-p808", "DNSMOS P.808"),
    ];
    let mut text = format!("{}\n\n| codec |", ours["description"].as_str().unwrap_or_default());
    METRICS.iter().for_each(|(_, title)| text.push_str(&format!(" {title} |")));
    writeln!(text, "\n|---|{}", "--:|".repeat(METRICS.len()))?;
    for codec in [OURS, "codec2", "opus", "pcm"] {
        let found = results(report, codec)?;
        let found = &found["results"];
        for (row, rate) in found["rate"].as_array().ok_or("results without rates")?.iter().enumerate() {
            write!(text, "| {codec}, {} |", rate.as_str().unwrap_or_default())?;
            for (name, _) in METRICS {
                match found[name][row].as_f64() {
                    Some(value) => write!(text, " {value:.3} |")?,
                    None => text.push_str(" - |"),
                }
            }
            text.push('\n');
        }
    }
    text.push('\n');
    Ok(text)
}

fn section(report: &Path, docs: &Path, ours: &Value) -> Fallible<String> {
    let mut plots: Vec<PathBuf> =
        fs::read_dir(report.join("plots"))?.map(|entry| Ok(entry?.path())).collect::<Fallible<_>>()?;
    plots.sort();
    fs::create_dir_all(docs)?;
    for plot in &plots {
        fs::copy(plot, docs.join(plot.file_name().ok_or("a plot without a name")?))?;
    }
    let mut text = String::new();
    writeln!(text, "{}\n", ours["description"].as_str().unwrap_or_default())?;
    let lead = ["lpips", "ssimulacra2", "ms-ssim", "psnr"];
    for name in lead {
        if plots.iter().any(|plot| plot.file_stem().is_some_and(|stem| stem == name)) {
            writeln!(text, "![{name} against bits per pixel](docs/{name}.svg)")?;
        }
    }
    writeln!(text, "\nMeans over the photos, from written files:\n")?;
    text.push_str(&means(ours)?);
    if let Some(matched) = matched(&fs::read_to_string(report.join("rates.csv"))?)? {
        writeln!(
            text,
            "\nLPIPS beside AVIF (libaom) at one, three and six times the bytes (lower is better):\n\n{matched}"
        )?;
    }
    writeln!(
        text,
        "\nBytes at equal quality (BD-rate over the qualities that both reach, per photo, 95 % confidence over photos; negative is fewer bytes):\n"
    )?;
    text.push_str(&fs::read_to_string(report.join("bdrate.md"))?);
    writeln!(text)?;
    Ok(text)
}

/// Our LPIPS beside that of AVIF at several times the bytes, or nothing where either was missing.
fn matched(csv: &str) -> Fallible<Option<String>> {
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = |name: &str| head.iter().position(|column| *column == name).ok_or(format!("rates.csv has no {name}"));
    let (codec, anchor, metric) = (place("codec")?, place("anchor")?, place("metric")?);
    let columns = ["bpp", "value", "anchor_value_at_1x", "anchor_value_at_3x", "anchor_value_at_6x", "byte_factor"];
    let columns = columns.map(place).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut text =
        "| bpp | tessera | AVIF 1x | AVIF 3x | AVIF 6x | AVIF's bytes for our LPIPS |\n|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let get = |place: usize| cells.get(place).copied().unwrap_or_default();
        if (get(codec), get(anchor), get(metric)) != (OURS, "avif-aom", "lpips") {
            continue;
        }
        let numbers = columns.iter().map(|&column| get(column).parse::<f64>()).collect::<Result<Vec<_>, _>>()?;
        let (factor, values) = numbers.split_last().ok_or("rates.csv is empty")?;
        let values: String = values.iter().map(|value| format!(" {value:.4} |")).collect();
        writeln!(text, "|{values} {factor:.1}x |")?;
        rows += 1;
    }
    Ok((rows > 0).then_some(text))
}

/// One row per rate, one column per result.
fn means(ours: &Value) -> Fallible<String> {
    let results = ours["results"].as_object().ok_or("results are missing")?;
    let mut columns: Vec<(&String, &Vec<Value>)> =
        results.iter().filter_map(|(name, values)| Some((name, values.as_array()?))).collect();
    let rank = |name: &str| {
        ["bpp", "lpips", "ssimulacra2", "butteraugli", "ms-ssim", "ssim", "psnr"].iter().position(|n| *n == name)
    };
    // Times are those of a busy machine; `make bench` measures them.
    columns.retain(|(name, values)| !name.ends_with("_time") && values.iter().all(Value::is_number));
    columns.sort_by_key(|(name, _)| (rank(name).unwrap_or(99), (*name).clone()));
    let mut text = String::new();
    writeln!(text, "|{}", columns.iter().map(|(name, _)| format!(" {name} |")).collect::<String>())?;
    writeln!(text, "|{}", "--:|".repeat(columns.len()))?;
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    for row in 0..rows {
        let cells = columns.iter().map(|(name, values)| {
            let value = values.get(row).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let digits = if *name == "bpp" || value.abs() < 1.0 { 4 } else { 2 };
            format!(" {value:.digits$} |")
        });
        writeln!(text, "|{}", cells.collect::<String>())?;
    }
    Ok(text)
}
