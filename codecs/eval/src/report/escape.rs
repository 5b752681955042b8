//! Text that comes from file names and codecs, made harmless.

/// Text for the inside of an element or of a quoted attribute of HTML, SVG or XML.
///
/// Control characters, which XML has no way to write, become the replacement character.
pub(super) fn markup(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// JSON for the inside of a `<script>` element: no `<`, hence neither an end of the element nor a comment.
pub(super) fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_page_reads_back_and_closes_nothing() {
        let value = serde_json::json!({"</script><!--": "<script>&\u{2028}"});
        let text = script_json(&value);
        assert!(!text.contains('<') && !text.contains("-->"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn markup_has_no_way_out_of_an_attribute() {
        assert_eq!(markup("a\"><b onx='1'>&\u{1}"), "a&quot;&gt;&lt;b onx=&#39;1&#39;&gt;&amp;\u{fffd}");
    }
}
