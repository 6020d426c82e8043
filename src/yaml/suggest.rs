//! What to write instead of an unknown key.

/// Advice on `key`, which is not in `known`. `sections` are maps one level below and their keys.
pub(super) fn advice(
    key: &str,
    known: &[&'static str],
    sections: &[(&str, Vec<&'static str>)],
) -> String {
    if let Some(similar) = most_similar(key, known) {
        return format!("did you mean {similar}?");
    }
    for (section, keys) in sections {
        if keys.contains(&key) {
            return format!("it belongs in {section}");
        }
    }
    format!("known keys: {}", known.join(", "))
}

fn most_similar(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let key = normalized(key);
    // Two edits turn a short key into almost any other.
    let max_distance = if key.len() > 4 { 2 } else { 1 };
    let mut best = None;
    for candidate in known {
        // The alphabet breaks a tie, so that the message does not depend on the order of reading.
        let distance = strsim::levenshtein(&key, &normalized(candidate));
        if distance <= max_distance && best.is_none_or(|best| (distance, *candidate) < best) {
            best = Some((distance, *candidate));
        }
    }
    let (_, candidate) = best?;
    Some(candidate)
}

/// `scanningInterval` and `scanning-interval` are `scanning_interval`.
fn normalized(key: &str) -> String {
    key.to_lowercase().replace(['-', '_', ' '], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_the_most_similar_key_or_the_right_section_or_all_keys() {
        let poll = ["interval", "scanning_interval", "timeout", "stale_after"];
        let env = ["secret_id", "secret_key", "token"];
        let root = ["poll", "api"];
        let sections = [("poll", poll.to_vec()), ("api", vec!["endpoint"])];
        for (key, known, expected) in [
            ("intervall", &poll[..], "did you mean interval?"),
            ("scanningInterval", &poll, "did you mean scanning_interval?"),
            ("stale-after", &poll, "did you mean stale_after?"),
            ("sceret_id", &env, "did you mean secret_id?"),
            ("interval", &root, "it belongs in poll"),
            ("endpoint", &root, "it belongs in api"),
            ("xyz", &root, "known keys: poll, api"),
            ("xyz", &env, "known keys: secret_id, secret_key, token"),
            (
                "X-Frame-Option",
                &["X-Frame-Options"],
                "did you mean X-Frame-Options?",
            ),
        ] {
            assert_eq!(advice(key, known, &sections), expected, "{key}");
        }
    }
}
