//! Reads one section of an INI file.

/// The file is not valid. Never quotes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {what}")]
pub(super) struct IniError {
    line: usize,
    what: &'static str,
}

/// The entries of `[section]`: keys in lower case and with `_` for `-`, values without the quotes around them. None
/// where there is no such section.
///
/// Fails for any line that is not valid, in other sections, too: it may be half of what another
/// process is writing.
pub(super) fn section<'a>(
    text: &'a str,
    section: &str,
) -> Result<Option<Vec<(String, &'a str)>>, IniError> {
    let mut entries: Vec<(String, &str)> = Vec::new();
    let mut is_found = false;
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        let fail = |what| {
            let line = index + 1;
            Err(IniError { line, what })
        };
        match parse(line.trim()) {
            IniLine::Blank => {}
            IniLine::Section(name) => {
                is_inside = name == section;
                if is_inside && is_found {
                    return fail("starts the section a second time");
                }
                is_found |= is_inside;
            }
            IniLine::Entry(key, value) => {
                if !is_inside {
                    continue;
                }
                let key = key.to_lowercase().replace('-', "_");
                // Which of the two counts differs between tools.
                if entries.iter().any(|(earlier, _)| *earlier == key) {
                    return fail("sets a key a second time");
                }
                entries.push((key, value));
            }
            IniLine::Invalid(what) => return fail(what),
        }
    }
    if !is_found {
        return Ok(None);
    }
    Ok(Some(entries))
}

enum IniLine<'a> {
    /// Empty, or a comment.
    Blank,
    Section(&'a str),
    Entry(&'a str, &'a str),
    Invalid(&'static str),
}

fn parse(line: &str) -> IniLine<'_> {
    if line.is_empty() || line.starts_with(['#', ';']) {
        return IniLine::Blank;
    }
    if let Some(head) = line.strip_prefix('[') {
        return match head.split_once(']') {
            Some((name, _)) => IniLine::Section(name.trim()),
            None => IniLine::Invalid("has a [ without a ]"),
        };
    }
    match line.split_once(['=', ':']) {
        Some((key, value)) => IniLine::Entry(key.trim(), unquoted(value.trim())),
        None => IniLine::Invalid("is neither [section] nor key = value"),
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(inner) = rest.strip_suffix(quote)
        {
            return inner;
        }
    }
    value
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
    fn an_invalid_file_is_refused_and_not_quoted() {
        check(
            "[default]\ncanary",
            Err("line 2 is neither [section] nor key = value"),
        );
        check("[default\na = b", Err("line 1 has a [ without a ]"));
        check(
            "[default]\na = 1\n[default]\n",
            Err("line 3 starts the section a second time"),
        );
        check(
            "[default]\na = 1\nA = 2",
            Err("line 3 sets a key a second time"),
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
