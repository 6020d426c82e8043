//! Placeholders that were never filled in, and values that kept the quotes around them.

/// What is wrong with a value that a template, a shell or `docker run --env-file` should have changed.
/// None where nothing is. No key, token, host or name of Tencent Cloud contains such characters.
pub fn placeholder_fault(text: &str) -> Option<&'static str> {
    if text.contains(['"', '\'', '`']) {
        return Some("contains quotes; remove them");
    }
    let is_template = text.contains(['$', '{', '}', '<', '>'])
        || (text.len() > 2 && text.starts_with('%') && text.ends_with('%'));
    let lower = text.to_ascii_lowercase();
    if is_template || lower.starts_with("your-") || lower.starts_with("your_") {
        return Some("is a placeholder; replace it by the value");
    }
    if text.contains(char::is_whitespace) {
        return Some("contains white space; remove it");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_placeholders_and_white_space_are_faults() {
        for (text, expected) in [
            ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnP", None),
            ("tok-1_/+==", None),
            ("\"AKID\"", Some("contains quotes; remove them")),
            ("'AKID", Some("contains quotes; remove them")),
            (
                "${SECRET_ID}",
                Some("is a placeholder; replace it by the value"),
            ),
            (
                "{{ id }}",
                Some("is a placeholder; replace it by the value"),
            ),
            (
                "<your-secret-id>",
                Some("is a placeholder; replace it by the value"),
            ),
            (
                "%SECRET_ID%",
                Some("is a placeholder; replace it by the value"),
            ),
            (
                "YOUR_SECRET_ID",
                Some("is a placeholder; replace it by the value"),
            ),
            ("a b", Some("contains white space; remove it")),
        ] {
            assert_eq!(placeholder_fault(text), expected, "{text}");
        }
    }
}
