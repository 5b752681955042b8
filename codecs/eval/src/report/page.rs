//! The page: one file that needs no other.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::bdrate::{self, BdRate};
use super::escape::{markup, script_json};
use super::figures::{self, count};
use super::gallery::Gallery;
use super::palette::{self, Look};
use super::plot::Plot;
use super::rates::Matched;
use super::run::Run;
use super::sections;
use super::sounds::Sounds;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Everything that the page shows.
pub(super) struct Page<'a> {
    pub(super) run: &'a Run,
    pub(super) looks: &'a [Look],
    pub(super) plots: Vec<&'a Plot<'a>>,
    pub(super) bd_rates: &'a [BdRate],
    pub(super) matched: &'a [Matched],
    pub(super) gallery: Option<Gallery>,
    pub(super) sounds: Option<Sounds>,
    pub(super) frames: Option<String>,
}

impl Page<'_> {
    /// The whole file. A section of which the run has nothing is left out with its link.
    pub(super) fn html(&self) -> String {
        let run = self.run;
        let anchor = bdrate::default_anchor(run).unwrap_or_default();
        let style =
            format!("{STYLE}{}@media(prefers-color-scheme:dark){{{}}}", palette::rules(false), palette::rules(true));
        let troubles = sections::troubles(run);
        let own = run.codecs.iter().enumerate().filter(|(_, codec)| codec.ours);
        let own: String =
            own.map(|(i, codec)| format!("<option value=\"{i}\">{}</option>", markup(&codec.name))).collect();
        let codecs = || run.codecs.iter().map(|codec| codec.name.as_str());
        let metrics = run.metrics.iter().map(|metric| metric.name.as_str());
        let pictures =
            json!({"codecs": codecs().collect::<Vec<_>>(), "unit": run.unit().short, "gallery": self.gallery});
        let (shown, note) = self.gallery.as_ref().map_or((String::new(), ""), |gallery| {
            (format!("{} of {}", gallery.files.len(), count(gallery.of, "file")), gallery.note.as_str())
        });
        let text =
            |name: &str| -> String {
                match name {
                    "policy" => policy(&style),
                    "style" => style.clone(),
                    "script" => SCRIPT.to_owned(),
                    "data" => script_json(&pictures),
                    "unit" => run.unit().words.to_owned(),
                    "title" => markup(&run.name),
                    "description" => markup(&run.description),
                    "summary" => self.summary(anchor),
                    "facts" => self.facts(),
                    "toggles" => sections::toggles(run, self.looks),
                    "plots" => sections::plots(&self.plots),
                    "anchors" => sections::options(codecs(), Some(anchor)),
                    "bdrates" => sections::bd_rates(run, self.bd_rates, anchor),
                    "own" => own.clone(),
                    "metrics" => sections::options(metrics.clone(), None),
                    "rates" => sections::rates(run, self.matched),
                    "shown" => shown.clone(),
                    "note" => markup(note),
                    "heard" => self.sounds.as_ref().map_or_else(String::new, |sounds| markup(&sounds.note)),
                    "sounds" => self.sounds.as_ref().map_or_else(String::new, |sounds| sounds.html.clone()),
                    "frames" => self.frames.clone().unwrap_or_default(),
                    "codecs" => sections::options(codecs(), None),
                    "rows" => sections::rows_shown(run),
                    "cells" => sections::cells(run),
                    "troubles" => troubles.clone(),
                    "settings" => sections::definitions(run.codecs.iter().map(|codec| {
                        (codec.name.as_str(), if codec.ours { "ours" } else { "" }, codec.settings.as_str())
                    })),
                    "definitions" => sections::definitions(run.metrics.iter().map(|metric| {
                        let better = if metric.higher_is_better { "higher is better" } else { "lower is better" };
                        (metric.name.as_str(), better, metric.about.as_str())
                    })),
                    _ => String::new(),
                }
            };
        let has = |section: &str| match section {
            "quality" => !self.plots.is_empty(),
            "saving" => self.bd_rates.iter().any(|row| row.files > 0),
            "equal" => !self.matched.is_empty(),
            "pictures" => self.gallery.is_some(),
            "sounds" => self.sounds.is_some(),
            "frames" => self.frames.is_some(),
            "files" => !run.cells.is_empty(),
            "troubles" => !troubles.is_empty(),
            _ => true,
        };
        fill(&without_sections(TEMPLATE, has), text)
    }

    /// What the numbers say, in a sentence per codec of ours but one that the others are measured by.
    fn summary(&self, anchor: &str) -> String {
        let mut sentences = Vec::new();
        for codec in self.run.codecs.iter().filter(|codec| codec.ours && codec.name != anchor) {
            let mut parts = Vec::new();
            for row in self.bd_rates.iter().filter(|row| row.anchor == anchor && row.codec == codec.name) {
                let Some(delta) = row.delta else { continue };
                let (size, less) = (delta.percent.abs(), delta.percent < 0.0);
                let interval = delta.interval.map_or("from one file, without interval".to_owned(), |(low, high)| {
                    format!("95 % interval {} to {}", figures::percent(low), figures::percent(high))
                });
                let by = if size < 100.0 { format!("{size:.1}") } else { format!("{size:.0}") };
                let word = if less { "fewer" } else { "more" };
                parts.push(format!("<b>{by} % {word}</b> at equal {} ({interval})", markup(&row.metric)));
            }
            let (name, anchor) = (markup(&codec.name), markup(anchor));
            sentences.push(match parts.is_empty() {
                true => format!("<b>{name}</b> and {anchor} have no quality in common, so no saving is stated."),
                false => format!("Bytes of <b>{name}</b> beside {anchor}: {}.", parts.join(", ")),
            });
        }
        sentences.join(" ")
    }

    fn facts(&self) -> String {
        let run = self.run;
        let files = run.cells.iter().map(|cell| &cell.file).collect::<std::collections::BTreeSet<_>>().len();
        let facts = [
            (files, "files"),
            (run.codecs.len(), "codecs"),
            (run.cells.len(), "measurements"),
            (run.failures.len(), "failures"),
        ];
        facts.map(|(n, what)| format!("<div><dt>{what}</dt><dd>{n}</dd></div>")).concat()
    }
}

/// What the browser may load: nothing from anywhere, and of scripts and styles only those of this file.
fn policy(style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

/// Replaces each `{{name}}` once; what comes in is not looked at again.
fn fill(template: &str, text: impl Fn(&str) -> String) -> String {
    let mut html = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        html.push_str(before);
        html.push_str(&text(name));
        rest = after;
    }
    html + rest
}

/// Drops the lines between `<!--name-->` and `<!--/name-->`, and the marks themselves.
fn without_sections(template: &str, has: impl Fn(&str) -> bool) -> String {
    let mut keep = true;
    let mut html = String::new();
    for line in template.lines() {
        match line.trim().strip_prefix("<!--").and_then(|mark| mark.strip_suffix("-->")) {
            Some(mark) if mark.starts_with('/') => keep = true,
            Some(mark) => keep = has(mark),
            None if keep => {
                html.push_str(line);
                html.push('\n');
            }
            None => {}
        }
    }
    html
}
