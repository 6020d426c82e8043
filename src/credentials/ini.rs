//! The sections of an INI file.

/// Why a file is not one, without quoting it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {what}")]
pub(super) struct IniError {
    line: usize,
    what: &'static str,
}

/// The entries of `[section]`: keys in lower case, values without the quotes around them. None where there is no
/// such section.
///
/// Every line must make sense: one that does not may be half of what somebody is about to write.
pub(super) fn section<'a>(
    text: &'a str,
    section: &str,
) -> Result<Option<Vec<(String, &'a str)>>, IniError> {
    let mut found: Option<Vec<(String, &str)>> = None;
    let mut is_inside = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let fail = |what| {
            Err(IniError {
                line: index + 1,
                what,
            })
        };
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let Some((name, _)) = head.split_once(']') else {
                return fail("has a [ without its ]");
            };
            is_inside = name.trim() == section;
            if is_inside && found.is_some() {
                return fail("begins the section a second time");
            }
            if is_inside {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            return fail("is neither [section] nor key = value");
        };
        let key = key.trim().to_lowercase();
        if let Some(entries) = found.as_mut().filter(|_| is_inside) {
            if entries.iter().any(|(earlier, _)| *earlier == key) {
                return fail("gives a key a second time");
            }
            entries.push((key, unquoted(value.trim())));
        }
    }
    Ok(found)
}

fn unquoted(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<Option<&[(&str, &str)]>, &str>) {
        let found = section(text, "default").map_err(|error| error.to_string());
        let found = found.as_ref().map(|entries| {
            entries.as_ref().map(|entries| {
                entries
                    .iter()
                    .map(|(k, v)| (k.as_str(), *v))
                    .collect::<Vec<_>>()
            })
        });
        let expected = expected.map(|entries| entries.map(<[_]>::to_vec));
        assert_eq!(found.map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn a_section_has_keys_and_values() {
        check(
            "# a comment\n[other]\nsecret_id = x\n[default]\nSecret_ID = a=b\n; another\nsecret_key: \"c d\"\n[last]\n",
            Ok(Some(&[("secret_id", "a=b"), ("secret_key", "c d")])),
        );
        check("[ default ]\r\na='b'\r\n", Ok(Some(&[("a", "b")])));
        check("[default]", Ok(Some(&[])));
        check("", Ok(None));
        check("a = b\n[other]\na = b", Ok(None));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused_and_not_quoted() {
        check(
            "[default]\ncanary",
            Err("line 2 is neither [section] nor key = value"),
        );
        check("[default\na = b", Err("line 1 has a [ without its ]"));
        check(
            "[default]\na = 1\n[default]\n",
            Err("line 3 begins the section a second time"),
        );
        check(
            "[default]\na = 1\nA = 2",
            Err("line 3 gives a key a second time"),
        );
        check(
            "[other]\ncanary",
            Err("line 2 is neither [section] nor key = value"),
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s)[\\[\\]=:#\"' a-c\n\r\t]{0,40}") {
            let _ = section(&text, "a");
        }
    }
}
