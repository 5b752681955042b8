//! Means per codec as JSON, in the schema that published codecs are listed in: CompressAI's `results` files.

use serde::Serialize;
use serde_json::{Map, Value};

use super::index::Index;
use super::means::{ladder, trace};

#[derive(Serialize)]
struct Results<'r> {
    name: &'r str,
    description: String,
    /// Files that the means are taken over.
    files: usize,
    /// Files per metric, where a metric was not measured on all of them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    files_of_metric: Map<String, Value>,
    results: Map<String, Value>,
}

/// One codec. Arrays run along its ladder from the fewest bytes; a metric that no file has at every step is an array of
/// nulls. Times are in seconds.
pub(super) fn json(index: &Index<'_>, codec: usize) -> String {
    let info = &index.run.codecs[codec];
    let ladder = ladder(index, codec);
    let mut results = Map::new();
    let mut files_of_metric = Map::new();
    let column = |value: fn(&super::means::Step) -> f64| Value::from_iter(ladder.steps.iter().map(value));
    results.insert(index.run.unit().column.into(), column(|step| step.cost));
    for metric in &index.run.metrics {
        let trace = trace(index, codec, metric);
        let values = match trace.points.is_empty() {
            true => vec![Value::Null; ladder.steps.len()],
            false => trace.points.iter().map(|&(_, _, value)| value.into()).collect(),
        };
        results.insert(metric.name.clone(), values.into());
        if trace.files != ladder.files {
            files_of_metric.insert(metric.name.clone(), trace.files.into());
        }
    }
    results.insert("encoding_time".into(), column(|step| step.encode_seconds));
    results.insert("decoding_time".into(), column(|step| step.decode_seconds));
    results.insert("rate".into(), Value::from_iter(ladder.steps.iter().map(|step| step.rate.as_str())));
    let description = format!(
        "{}; means over the {} of {} files that have all {} steps",
        info.settings,
        ladder.files,
        ladder.of,
        index.steps(codec).len()
    );
    let results = Results { name: &info.name, description, files: ladder.files, files_of_metric, results };
    // Strings, numbers and maps of them always have a JSON text.
    let mut text = serde_json::to_string_pretty(&results).unwrap_or_default();
    text.push('\n');
    text
}
